"""Making one partition: a child process with a time limit, tried again with growing pauses, written into the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any

from jobs import __version__
from jobs.errors import BusyError, InputError
from jobs.schedule.board import FINAL_STATUS, Item
from jobs.schedule.ledger.models import PartitionRow
from jobs.schedule.ledger.store import Ledger, lost_lease
from jobs.schedule.processes import Children

_COUNTS = ("engine", "tasks", "objects", "bytes", "readings", "rejects", "seconds", "cost")
_MOST_PAUSE = 3600.0
Say = Callable[..., None]
Hide = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Made:
    """What making a partition came to: whether it is published; else the error, in one line."""

    published: bool
    error: str | None = None


class Maker:
    """Makes partitions for the run `run_id`, as long as `stop` is not set."""

    def __init__(self, ledger: Ledger, run_id: str, children: Children, stop: Event, say: Say, hide: Hide) -> None:
        self._ledger, self._run_id, self._children = ledger, run_id, children
        self._stop, self._say, self._hide = stop, say, hide

    def make(self, item: Item) -> Made:
        """Publish a partition, in as many attempts as its task allows. Raises BusyError when the lease is lost."""
        if not item.again and (found := self._found(item)) is not None:
            self._ledger.adopt(found)
            self._say("adopted", item, run=found.published_run)
            return Made(True)
        number, pause = item.tries.failed, item.task.backoff.total_seconds()
        while True:
            number += 1
            made, again = self._attempt(item, number)
            if made.published or not again or number >= item.task.attempts:
                return made
            self._say("retry", item, error=made.error, seconds=pause)
            if self._stop.wait(pause):
                raise lost_lease()
            pause = min(2 * pause, _MOST_PAUSE)

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
        status = told["status"]
        row = self._found(item) if status in (0, BusyError.status) else None
        error = None if row is not None else self._hide(_error_of(told, item, self._children.logs / f"{name}.log"))
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

    def _found(self, item: Item) -> PartitionRow | None:
        """The published result, if it is of just the input that is wanted: perhaps nobody lived to write it down."""
        return published_row(item, self._ledger.clock())


def published_row(item: Item, now: datetime) -> PartitionRow | None:
    """What the lake says of a partition, as the ledger has it; None where it holds another result, or none."""
    from jobs.lake.published import read_published
    from jobs.schedule.attempt import content_of

    try:
        manifest = read_published(item.output)
    except InputError:
        return None
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
