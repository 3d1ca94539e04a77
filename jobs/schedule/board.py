"""What each partition of each job is in: published, stale, due, missing, waiting, failed or blocked, and why."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from jobs.schedule import partitions, sources
from jobs.schedule.hours import Day, touches
from jobs.schedule.ledger.models import ObjectRow, PartitionRow
from jobs.schedule.ledger.store import Ledger, Seen, Tries
from jobs.schedule.model import Schedule, Task
from jobs.schedule.partitions import Partition

State = Literal["published", "stale", "due", "missing", "waiting", "failed", "blocked", "later"]
TO_DO: frozenset[State] = frozenset({"stale", "due"})
STUCK: frozenset[State] = frozenset({"failed", "blocked"})
FINAL_STATUS = frozenset({2, 4, 5})
"""Exit statuses that trying again with the same input cannot change."""


AGAIN = "made again on request"
_LONGEST = timedelta(days=32)
_ALL_HOURS = (1 << 24) - 1
_NO_TRIES = Tries()


@dataclass(frozen=True, slots=True)
class Item:
    """A partition of a task: its state and, in words, why. inputs, options: of the run that would make it. fingerprint:
    of them."""

    task: Task
    partition: Partition
    state: State
    why: str = ""
    fingerprint: str = ""
    inputs: tuple[str, ...] = ()
    options: dict[str, Any] | None = None
    tries: Tries = _NO_TRIES

    @property
    def key(self) -> tuple[str, str]:
        return self.task.name, self.partition.name

    @property
    def output(self) -> str:
        return self.task.output_of(self.partition.name)


@dataclass(frozen=True, slots=True)
class Log:
    """A log object as far as it matters here."""

    row: ObjectRow
    days: Sequence[Day]


class Board:
    """The states of all partitions as the ledger has them now. `forced`: those to be made again in any case.

    accept_gone: make results anew though objects that they were made of are gone.
    """

    def __init__(self, schedule: Schedule, ledger: Ledger, now: datetime, *, accept_gone: bool = False) -> None:
        self._schedule, self._ledger, self._now = schedule, ledger, now
        self._accept_gone = accept_gone
        self.forced: set[tuple[str, str]] = set()
        self._start = partitions.midnight(schedule.start, schedule.zone)
        self._markers: dict[str, list[str]] = {}
        self._logs: dict[str, list[Log]] = {}
        for name in schedule.sources:
            rows, days = ledger.objects(name), ledger.days(name)
            self._logs[name] = [Log(row, _held(row, days.get(uri, []))) for uri, row in sorted(rows.items())]
        self._refresh()

    def _refresh(self) -> None:
        self.published: dict[tuple[str, str], PartitionRow] = self._ledger.partitions()
        self._tries = self._ledger.tries()
        self._items: dict[tuple[str, str], Item] = {}

    def changed(self) -> None:
        """Look at the ledger again, after something was made."""
        self._refresh()

    def mark(self, source: str, markers: list[str], unread: Iterable[Seen] = ()) -> None:
        """The dialects' markers of a source, which are read with its objects; and objects whose days nobody knows yet:
        they are taken to hold the whole day of their arrival."""
        self._markers[source] = markers
        logs = {log.row.uri: log for log in self._logs[source]}
        for seen in unread:
            row = ObjectRow(uri=seen.uri, pin=seen.pin, first_seen=self._now, gone=None)
            days = () if seen.arrived is None else (Day(seen.arrived, _ALL_HOURS, 0),)
            logs[seen.uri] = Log(row, days)
        self._logs[source] = sorted(logs.values(), key=lambda log: log.row.uri)

    def partitions(self, task: Task, since: datetime, until: datetime) -> Iterator[Partition]:
        """Those of a task that end in (since, until], and after the schedule's start."""
        after = max(self._start, since)
        found = partitions.partitions(task.cadence, task.zone, after - _LONGEST, until)
        yield from (partition for partition in found if partition.end > after)

    def item(self, task: Task, partition: Partition) -> Item:
        key = (task.name, partition.name)
        if key not in self._items:
            self._items[key] = self._look(task, partition)
        return self._items[key]

    def _look(self, task: Task, partition: Partition) -> Item:
        row = self.published.get((task.name, partition.name))
        if row is not None and row.pruned is not None:
            return Item(task, partition, "published", f"removed {row.pruned:%Y-%m-%d} by prune")
        if row is None and self._now < partition.end + task.grace:
            return Item(task, partition, "later", f"due at {partition.end + task.grace:%Y-%m-%dT%H:%MZ}")
        if task.input in self._schedule.sources:
            return self._of_logs(task, partition, row)
        return self._of_tasks(task, partition, row)

    def _reads(self, task: Task, partition: Partition) -> datetime:
        """From when on a partition's input is."""
        return partition.start if task.reads is None else max(self._start, partition.end - task.reads)

    # Input that arrives

    def _of_logs(self, task: Task, partition: Partition, row: PartitionRow | None) -> Item:
        start = self._reads(task, partition)
        logs = [log for log in self._logs[task.input] if touches(log.days, start, partition.end)]
        there = [log for log in logs if log.row.gone is None]
        gone = [log for log in logs if _went_after(log.row, row) and not self._accept_gone]
        source = self._schedule.sources[task.input]
        pins = sorted((log.row.uri, log.row.pin) for log in (*there, *gone))
        uris = [log.row.uri for log in there]
        inputs = (*uris, *sources.relevant(self._markers.get(task.input, []), uris))
        options = self._options(task, partition, {})
        if source.dialect is not None:
            options["dialect"] = source.dialect
        late = [log.row.uri for log in there if row is not None and log.row.first_seen > row.published]
        what = f"{len(late)} new object{'s' * (len(late) != 1)}" if late else "its input or options changed"
        item = self._judged(task, partition, row, pins, inputs, options, what)
        if item.state == "stale" and gone:
            why = f"{len(gone)} of the objects that it was made of are gone, such as {gone[0].row.uri}"
            return Item(task, partition, "blocked", why, item.fingerprint)
        return item

    # Input that other tasks make

    def _of_tasks(self, task: Task, partition: Partition, row: PartitionRow | None) -> Item:
        start, upstream = self._reads(task, partition), self._schedule.tasks[task.input]
        wanted = [
            p for p in self.partitions(upstream, start, partition.end + _LONGEST) if p.overlaps(start, partition.end)
        ]
        made: list[tuple[str, str, str]] = []
        inputs: list[str] = []
        away = ""
        for one in wanted:
            found = self.item(upstream, one)
            if found.state == "published":
                made.append((upstream.name, one.name, self.published[found.key].content))
                inputs.append(found.output)
                if self.published[found.key].pruned is not None:
                    away = f"{upstream.name} {one.name} was {found.why}"
            elif found.state != "missing":
                return Item(task, partition, "waiting", f"{upstream.name} {one.name} is {_spoken(found.state)}")
        places: dict[str, str] = {}
        for name in task.after:
            side = self._schedule.tasks[name]
            last = max((p for p in self.partitions(side, partition.end - _LONGEST, partition.end)), default=None)
            if last is None:
                return Item(task, partition, "missing", f"no {name} ends before it")
            found = self.item(side, last)
            if found.state == "missing":
                return Item(task, partition, "missing", f"{name} {last.name} is missing")
            if found.state != "published":
                return Item(task, partition, "waiting", f"{name} {last.name} is {_spoken(found.state)}")
            made.append((name, last.name, self.published[found.key].content))
            places[name] = found.output
        options = self._options(task, partition, places)
        item = self._judged(task, partition, row, sorted(made), tuple(inputs), options, f"{task.input} changed")
        return Item(task, partition, "blocked", away, item.fingerprint) if away and item.state in TO_DO else item

    # Both

    def _options(self, task: Task, partition: Partition, places: dict[str, str]) -> dict[str, Any]:
        """The options of the job's run: the user's, and the partition's time."""
        given = {
            key.replace("-", "_"): _filled(value, places) if isinstance(value, str) else value
            for key, value in task.options.items()
        }
        start = self._reads(task, partition)
        return {
            **given,
            "since": start.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "until": partition.end.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "time_zone": task.time_zone,
            "max_lateness": "100000",  # which objects hold its readings is known
        }

    def _judged(
        self,
        task: Task,
        partition: Partition,
        row: PartitionRow | None,
        made_of: Sequence[tuple[str, ...]],
        inputs: tuple[str, ...],
        options: dict[str, Any],
        changed: str,
    ) -> Item:
        said = {"job": task.job, "options": dict(task.options), "zone": task.time_zone, "of": made_of}
        fingerprint = hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()
        key = (task.name, partition.name)
        tries = self._tries.get((*key, fingerprint), Tries())
        forced = key in self.forced
        if row is not None and row.fingerprint == fingerprint and not forced:
            return Item(task, partition, "published", "", fingerprint)
        if not inputs:
            return Item(task, partition, "missing", "there are no readings of it", fingerprint)
        final = tries.exit_status in FINAL_STATUS
        if tries.failed and not forced and (final or tries.failed >= task.attempts):
            why = f"{tries.failed} attempt{'s' * (tries.failed != 1)}: {tries.error or tries.status}"
            return Item(task, partition, "failed", why, fingerprint, inputs, options, tries)
        state: State = "due" if row is None else "stale"
        why = AGAIN if forced else changed if row is not None else "not made yet"
        return Item(task, partition, state, why, fingerprint, inputs, options, tries)


def _held(row: ObjectRow, days: list[Day]) -> list[Day]:
    """The days of an object. Of one that is damaged, or could not be read yet, nobody knows what it holds, but that the
    day of its arrival is not whole without it."""
    if row.arrived is None or (row.damage is None and row.learned == row.pin):
        return days
    return [*days, Day(row.arrived, _ALL_HOURS, 0)]


def _went_after(log: ObjectRow, row: PartitionRow | None) -> bool:
    """Whether an object was there when a partition was published, and is not any more."""
    return row is not None and log.gone is not None and log.first_seen <= row.published < log.gone


def _filled(text: str, places: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: places[found[1]], text)


def _spoken(state: State) -> str:
    return {"later": "not due yet", "due": "not made yet"}.get(state, state)
