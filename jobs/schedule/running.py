"""Making one partition: a child process with a time limit, tried again with growing pauses, written into the ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs import __version__
from jobs.errors import BusyError, InputError, JobError, MissingError, RefusedError
from jobs.schedule.board import FINAL_STATUS, Item
from jobs.schedule.lease import Lease, fence
from jobs.schedule.ledger.models import PartitionRow
from jobs.schedule.ledger.store import Ledger, lost_lease
from jobs.schedule.processes import Children

if TYPE_CHECKING:
    from jobs.lake.manifest import Manifest

_COUNTS = ("engine", "tasks", "objects", "bytes", "readings", "rejects", "seconds", "cost")
_MOST_PAUSE = 3600.0
_MOST_TEXT = 4000
"""Characters of an error that are written down: databases have limits."""
Say = Callable[..., None]
Hide = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Made:
    """What making a partition came to: whether it is published; else the error, in one line."""

    published: bool
    error: str | None = None


class Maker:
    """Makes partitions for the run `run_id`, as long as the lease is held."""

    def __init__(self, ledger: Ledger, run_id: str, children: Children, lease: Lease, say: Say, hide: Hide) -> None:
        self._ledger, self._run_id, self._children = ledger, run_id, children
        self._lease, self._say, self._hide = lease, say, hide

    def make(self, item: Item) -> Made:
        """Publish a partition, in as many attempts as its task allows. Raises BusyError when the lease is lost."""
        number, pause = item.tries.failed, item.task.backoff.total_seconds()
        while True:
            if (settled := self._settled(item)) is not None:
                return settled
            number += 1
            made, again = self._attempt(item, number)
            if made.published or not again or number >= item.task.attempts:
                return made
            self._say("retry", item, error=made.error, seconds=pause)
            if self._lease.lost.wait(pause):
                raise lost_lease()
            pause = min(2 * pause, _MOST_PAUSE)

    def _settled(self, item: Item) -> Made | None:
        """What is published already and settles the matter: just what is wanted, which nobody lived to write down, or
        what a ledger that is lost knew more of. That it is of a later lease than ours, though nobody has taken ours, is
        no reason to give up."""
        from jobs.lake.publish import prune

        try:
            found = published(item)
        except InputError:  # an attempt will say why
            return None
        if found is None:
            return None
        fence(self._ledger, self._lease, found.provenance.get("fence") or 0)
        if item.again:
            return None
        if (row := row_of(found, item, self._ledger.clock())) is not None:
            self._ledger.adopt(row)
            with suppress(JobError):
                prune(item.output)  # what was replaced, if nobody lived to remove it
            self._say("adopted", item, run=row.published_run)
            return Made(True)
        return self._refused(item, found.provenance)

    def _refused(self, item: Item, said: Mapping[str, Any]) -> Made | None:
        """The end of it where the ledger knows of no result, and there is one of more objects than there are by now."""
        before, there = said["input"]["objects"], item.logs
        if item.state != "due" or there is None or before <= there or "ticket" not in said:
            return None
        what = f"what is published there is of {before:,} objects, and the ledger, which is new, knows of {there:,}"
        error = f"{item.output}: {what}; rerun makes it of these"
        number = item.tries.failed + 1
        attempt = self._ledger.begin_attempt(
            self._run_id, item.task.name, item.partition.name, number, item.fingerprint
        )
        values = {"status": "failed", "exit_status": RefusedError.status, "error": error, "version": __version__}
        self._ledger.end_attempt(attempt, values, None)
        self._say("failed", item, error=error)
        return Made(False, error)

    def _attempt(self, item: Item, number: int) -> tuple[Made, bool]:
        """One attempt, and whether another may help."""
        attempt = self._ledger.begin_attempt(
            self._run_id, item.task.name, item.partition.name, number, item.fingerprint
        )
        self._say("started", item, attempt=number)
        options = {**(item.options or {}), "fence": str(self._ledger.token), "ticket": item.fingerprint}
        wanted = {
            "job": item.task.job,
            "inputs": item.inputs,
            "output": item.output,
            "engine": item.task.engine,
            "options": options,
        }
        name = f"{item.task.name}-{item.partition.name}-{number}"
        told = self._children.run(wanted, name, item.task.time_limit.total_seconds())
        status, row, unseen = told["status"], None, None
        if status in (0, BusyError.status):
            try:
                if (found := published(item)) is not None:
                    row = row_of(found, item, self._ledger.clock())
            except InputError as refusal:
                unseen = str(refusal)
        log = self._children.logs / f"{name}.log"
        error = None if row else self._hide(unseen or _error_of(told, item, log))[:_MOST_TEXT]
        ended = "published" if row else "timeout" if told["timeout"] else "busy" if status == 75 else "failed"
        counts = {key: told[key] for key in _COUNTS if key in told}
        values = {
            "status": ended,
            "exit_status": status,
            "error": error,
            "version": __version__,
            "published_run": row.published_run if row else None,
            **counts,
        }
        if row is not None:
            row.readings, row.rejects = told.get("readings", row.readings), told.get("rejects", row.rejects)
            row.cost, row.planned_cost = told.get("cost"), told.get("planned_cost")
        self._ledger.end_attempt(attempt, values, row)
        self._say(ended, item, error=error, seconds=told.get("seconds"), readings=told.get("readings"))
        return Made(row is not None, error), status not in FINAL_STATUS


def published(item: Item) -> Manifest | None:
    """What the lake holds at a partition's place. Raises InputError where that cannot be told."""
    from jobs.lake.published import read_published

    try:
        return read_published(item.output)
    except MissingError:
        return None


def row_of(manifest: Manifest, item: Item, now: datetime) -> PartitionRow | None:
    """A published result as the ledger has it; None where it is of another input."""
    from jobs.schedule.attempt import content_of

    said = manifest.provenance
    if said.get("ticket") != item.fingerprint:
        return None
    return PartitionRow(
        task=item.task.name,
        partition=item.partition.name,
        start=item.partition.start,
        end=item.partition.end,
        output=item.output,
        fingerprint=item.fingerprint,
        content=content_of(manifest.parts),
        published_run=manifest.run_id,
        published=now,
        rows=manifest.rows,
        readings=said["counts"]["selected"],
        rejects=sum(said["rejects"].values()),
        bytes=sum(part.size for part in manifest.parts),
        cost=None,
        planned_cost=None,
        pruned=None,
    )


def _error_of(told: dict[str, Any], item: Item, log: Path) -> str:
    if told["timeout"]:
        return f"took longer than its time_limit of {item.task.time_limit.total_seconds():,.0f} s, and was ended"
    if told.get("error"):
        return str(told["error"])
    if told["status"] == 0:
        return f"{item.output}: what is published there is of another input; something else publishes there"
    if told["status"] > 128:
        return f"was killed by signal {told['status'] - 128}; if memory ran out, use fewer tasks"
    return f"ended with status {told['status']}; {log} says why"
