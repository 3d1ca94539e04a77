"""What each partition of each job is in: published, stale, due, missing, waiting, failed or blocked, and why."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal

from jobs.schedule import partitions, sources
from jobs.schedule.hours import touches, unknown
from jobs.schedule.ledger.models import PartitionRow
from jobs.schedule.ledger.store import Ledger, Log, Seen, Tries
from jobs.schedule.model import Schedule, Task
from jobs.schedule.partitions import LONGEST, Partition

State = Literal["published", "stale", "due", "missing", "waiting", "failed", "blocked", "later"]
TO_DO: frozenset[State] = frozenset({"stale", "due"})
TO_COME: frozenset[State] = TO_DO | {"waiting", "later"}
STUCK: frozenset[State] = frozenset({"failed", "blocked"})
FINAL_STATUS = frozenset({2, 4, 5})
"""Exit statuses that trying again with the same input cannot change."""
_NO_TRIES = Tries()
_DAY = timedelta(days=1)
_UNSEEN = sys.maxsize
"""Stands for the token of the lease under which an object will be seen."""

Key = tuple[str, str]
"""The names of a task and of one of its partitions."""


@dataclass(frozen=True, slots=True)
class Item:
    """A partition of a task: its state and, in words, why. inputs, options: of the run that would make it. fingerprint:
    of them. again: whether it is made again on request. logs: how many log objects it would be made of, if of such."""

    task: Task
    partition: Partition
    state: State
    why: str = ""
    fingerprint: str = ""
    inputs: tuple[str, ...] = ()
    options: dict[str, Any] | None = None
    tries: Tries = _NO_TRIES
    again: bool = False
    logs: int | None = None

    @property
    def key(self) -> Key:
        return self.task.name, self.partition.name

    @property
    def may_heal(self) -> bool:
        """Whether it failed of something that may be over by now, as a full disk."""
        return self.state == "failed" and self.tries.exit_status not in FINAL_STATUS

    @property
    def output(self) -> str:
        return self.task.output_of(self.partition.name)


class Board:
    """The states of all partitions as the ledger has them now; each is looked at once, and again when something that it
    needs has changed. `forced`: those to be made again in any case.

    markers: by source, the dialects' markers, which are read with its objects. unread: by source, what is there and the
    ledger does not know of, which is taken to hold the whole day of its arrival. accept_gone: make results anew though
    objects that they were made of are gone. unlisted: the sources of which nobody knows what is there, for which their
    partitions wait.
    """

    def __init__(
        self,
        schedule: Schedule,
        ledger: Ledger,
        now: datetime,
        markers: Mapping[str, list[str]] = MappingProxyType({}),
        unread: Mapping[str, list[Seen]] = MappingProxyType({}),
        *,
        accept_gone: bool = False,
        unlisted: frozenset[str] = frozenset(),
    ) -> None:
        self._schedule, self._ledger, self._now, self._markers = schedule, ledger, now, markers
        self._unread = {name: {seen.uri: seen for seen in found} for name, found in unread.items()}
        self._accept_gone, self._unlisted = accept_gone, unlisted
        self.forced: set[Key] = set()
        self._start = partitions.midnight(schedule.start, schedule.zone)
        self._logs: dict[tuple[str, date], list[Log]] = defaultdict(list)
        self._months: set[tuple[str, date]] = set()
        self.published: dict[Key, PartitionRow] = ledger.partitions()
        self._tries: dict[tuple[str, str, str], Tries] | None = None
        self._items: dict[Key, Item] = {}
        self._needed_by: dict[Key, set[Key]] = defaultdict(set)

    def force(self, keys: Iterable[Key]) -> None:
        """Have these made again in any case."""
        self.forced = set(keys)
        self._items.clear()

    def changed(self, key: Key) -> set[Key]:
        """Look at the ledger again after a partition was tried; the partitions whose state that may have changed."""
        self.forced.discard(key)
        self.published |= self._ledger.partitions(key)
        if self._tries is not None:
            kept = {of: tries for of, tries in self._tries.items() if of[:2] != key}
            self._tries = kept | self._ledger.tries(key)
        found, new = {key}, {key}
        while new:
            new = {reader for one in new for reader in self._needed_by.pop(one, ())} - found
            found |= new
        for one in found:
            self._items.pop(one, None)
        return found

    def partitions(self, task: Task, since: datetime, until: datetime) -> Iterator[Partition]:
        """Those of a task that end in (since, until], and after the schedule's start."""
        after = max(self._start, since)
        found = partitions.partitions(task.cadence, task.zone, after - LONGEST[task.cadence], until)
        yield from (partition for partition in found if partition.end > after)

    def item(self, task: Task, partition: Partition) -> Item:
        key = (task.name, partition.name)
        if key not in self._items:
            self._items[key] = self._look(task, partition)
        return self._items[key]

    def _needed(self, by: Key, task: Task, partition: Partition) -> Item:
        """What another partition needs."""
        self._needed_by[task.name, partition.name].add(by)
        return self.item(task, partition)

    def _look(self, task: Task, partition: Partition) -> Item:
        row = self.published.get((task.name, partition.name))
        if row is not None and row.pruned is not None and (task.name, partition.name) not in self.forced:
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
        logs = self._held(task.input, self._reads(task, partition), partition.end)
        there = [log for log in logs if log.gone_by is None]
        gone = [log for log in logs if _went_after(log, row) and not self._accept_gone]
        source = self._schedule.sources[task.input]
        pins = sorted((self._ledger.names.of(log.uri), log.pin) for log in (*there, *gone))
        uris = [log.uri for log in there]
        inputs = (*uris, *sources.relevant(self._markers.get(task.input, []), uris))
        options = self._options(task, partition, {})
        if source.dialect is not None:
            options["dialect"] = source.dialect
        late = [log.uri for log in there if row is not None and log.seen_by > row.token]
        what = f"{len(late)} new object{'s' * (len(late) != 1)}" if late else "its input or options changed"
        item = self._judged(task, partition, row, pins, inputs, options, what)
        if item.state in ("stale", "blocked") and gone:
            why = f"{len(gone)} of the objects that it was made of are gone, such as {gone[0].uri}"
            return Item(task, partition, "blocked", why, item.fingerprint)
        if task.input in self._unlisted and (item.state in TO_DO or item.may_heal):
            return Item(task, partition, "waiting", f"{task.input} could not be listed", item.fingerprint)
        return replace(item, logs=len(there))

    def _held(self, source: str, start: datetime, end: datetime) -> list[Log]:
        """The objects that hold readings of [start, end), or of which nobody knows and that arrived then."""
        found: dict[str, Log] = {}
        day, last = start.astimezone(UTC).date(), end.astimezone(UTC).date()
        while day <= last:
            found |= {log.uri: log for log in self._of_day(source, day) if touches(log.days, start, end)}
            day += _DAY
        return [log for _, log in sorted(found.items())]

    def _of_day(self, source: str, day: date) -> list[Log]:
        """The objects that hold readings of a UTC day, with what they hold of its month."""
        first = day.replace(day=1)
        if (source, first) not in self._months:
            self._months.add((source, first))
            for log in self._of_month(source, first, (first + 31 * _DAY).replace(day=1) - _DAY):
                for held in log.days:
                    self._logs[source, held.day].append(log)
        return self._logs[source, day]

    def _of_month(self, source: str, first: date, last: date) -> Iterable[Log]:
        found = self._ledger.logs(source, first, last)
        for uri, seen in self._unread.get(source, {}).items():
            arrived = seen.arrived or self._now.astimezone(UTC).date()
            if uri in found:
                found[uri] = replace(found[uri], pin=seen.pin)
            elif first <= arrived <= last:
                found[uri] = Log(uri, seen.pin, _UNSEEN, None, (unknown(arrived),))
        return found.values()

    # Input that other tasks make

    def _of_tasks(self, task: Task, partition: Partition, row: PartitionRow | None) -> Item:
        start, upstream, key = (
            self._reads(task, partition),
            self._schedule.tasks[task.input],
            (task.name, partition.name),
        )
        found = self.partitions(upstream, start, partition.end + LONGEST[upstream.cadence])
        # for one that is only looked back upon and is stuck nobody waits; once it is made, this one is stale
        needed = [(upstream, one, one.end <= partition.start) for one in found if one.overlaps(start, partition.end)]
        sides: dict[str, Key] = {}
        for name in task.after:
            side, last = self._schedule.tasks[name], self._side(name, partition)
            if last is None or self._needed(key, side, last).state == "missing":
                why = f"no {name} ends before it" if last is None else f"{name} {last.name} is missing"
                return Item(task, partition, "missing", why)
            needed.append((side, last, False))
            sides[name] = (name, last.name)
        made: list[PartitionRow] = []
        for other, one, is_past in needed:
            item = self._needed(key, other, one)
            if item.state == "published" or (is_past and item.state in STUCK):
                made += filter(None, [self.published.get(item.key)])
            elif item.state != "missing":
                state: State = "later" if item.state == "later" else "waiting"
                return Item(task, partition, state, f"{other.name} {one.name} is {_spoken(item.state)}")
        places = {name: self.published[key].output for name, key in sides.items()}
        of = sorted({(one.task, one.partition, one.content) for one in made})
        inputs = tuple(dict.fromkeys(one.output for one in made if one.task == task.input and one.rows))
        options = self._options(task, partition, places)
        item = self._judged(task, partition, row, of, inputs, options, f"{task.input} changed")
        if item.state in TO_DO and (away := [one for one in made if one.pruned is not None]):
            why = f"{away[0].task} {away[0].partition} was removed by prune; rerun makes it again"
            return Item(task, partition, "blocked", why, item.fingerprint)
        return item

    def _side(self, name: str, partition: Partition) -> Partition | None:
        """The partition of a task in `after` whose result an option names: the last one that ends no later."""
        cadence = self._schedule.tasks[name].cadence
        return max(
            self.partitions(self._schedule.tasks[name], partition.end - LONGEST[cadence], partition.end), default=None
        )

    def is_read_by(self, row: PartitionRow, task: Task, partition: Partition) -> bool:
        """Whether a published result is input of a partition, or what an option of it names."""
        if task.input == row.task and self._reads(task, partition) < row.end and row.start < partition.end:
            return True
        return row.task in task.after and (last := self._side(row.task, partition)) is not None and last.end == row.end

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
        forced = (task.name, partition.name) in self.forced
        if row is not None and row.fingerprint == fingerprint and not forced:
            return Item(task, partition, "published", "", fingerprint)
        if not inputs and row is None:
            return Item(task, partition, "missing", "there are no readings of it", fingerprint)
        if not inputs:
            why = "nothing holds readings of it any more; what is published stays"
            return Item(task, partition, "blocked", why, fingerprint)
        tries = self._tried((task.name, partition.name, fingerprint))
        final = tries.exit_status in FINAL_STATUS
        if tries.failed and not forced and (final or tries.failed >= task.attempts):
            why = f"{tries.failed} attempt{'s' * (tries.failed != 1)}: {tries.error or tries.status}"
            return Item(task, partition, "failed", why, fingerprint, inputs, options, tries)
        state: State = "due" if row is None else "stale"
        why = "asked for again" if forced else "not made yet" if row is None else changed
        return Item(task, partition, state, why, fingerprint, inputs, options, tries, forced)

    def _tried(self, what: tuple[str, str, str]) -> Tries:
        """The attempts at a partition with a fingerprint; where all is published nobody asks."""
        if self._tries is None:
            self._tries = self._ledger.tries()
        return self._tries.get(what, _NO_TRIES)


def _went_after(log: Log, row: PartitionRow | None) -> bool:
    """Whether an object was there when a partition was published, and is not any more."""
    return row is not None and log.gone_by is not None and log.seen_by <= row.token < log.gone_by


def _filled(text: str, places: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: places[found[1]], text)


def _spoken(state: State) -> str:
    return {"later": "not due yet", "due": "not made yet"}.get(state, state)
