"""A run of the schedule: what arrived, what is due, oldest first, each partition once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING

from jobs.engine.run_id import new_run_id
from jobs.errors import JobError
from jobs.schedule import partitions
from jobs.schedule.board import STUCK, TO_DO, Board, Item
from jobs.schedule.learning import Learner
from jobs.schedule.ledger.store import Ledger, lost_lease
from jobs.schedule.model import Schedule, Task
from jobs.schedule.partitions import Partition
from jobs.schedule.processes import Children
from jobs.schedule.running import Hide, Maker, Say
from jobs.schedule.sources import Listing, listing

if TYPE_CHECKING:
    from jobs.schedule.lease import Lease

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Scope:
    """Which partitions a run is about: those that end after `since` and no later than `until`, of `tasks`, or of all.

    limit: how many of each task are made, at most. forced: made again though nothing changed.
    """

    since: datetime
    until: datetime
    tasks: frozenset[str] | None = None
    limit: int | None = None
    forced: bool = False
    accept_gone: bool = False


@dataclass(slots=True)
class Night:
    """What a run came to. left: how many are to be made yet, for the run was bounded. waiting, stuck: how many wait for
    others, and how many failed before or are blocked."""

    run_id: str
    made: list[Item] = field(default_factory=list)
    failed: list[tuple[Item, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    left: int = 0
    waiting: int = 0
    stuck: int = 0
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        return not (self.failed or self.errors)


def whole(schedule: Schedule, now: datetime) -> Scope:
    """What is due by now, as far back as the schedule looks."""
    return Scope(now - _DAY * schedule.look_back, now, limit=schedule.catch_up)


def of_days(schedule: Schedule, first: date, last: date, **others: object) -> Scope:
    """The partitions that end on these local days."""
    since, until = (partitions.midnight(day, schedule.zone) for day in (first, last + _DAY))
    return Scope(since, until, **others)  # type: ignore[arg-type]


def run(schedule: Schedule, ledger: Ledger, lease: Lease, scope: Scope, command: str, say: Say, hide: Hide) -> Night:
    """Make what is due. Raises BusyError when another run takes over, LedgerError while there is no ledger."""
    begun = time.monotonic()
    night = Night(new_run_id("schedule", ledger.clock().astimezone(UTC)))
    lost = ledger.begin_run(night.run_id, hide(command))
    if lost:
        say("lost", attempts=lost)
    children = Children(schedule.state / "logs", night.run_id, lease.lost, hide)
    maker = Maker(ledger, night.run_id, children, lease.lost, say, hide)
    status = "failed"
    try:
        markers = _learn(schedule, ledger, scope, Learner(schedule, ledger, children, hide), night)
        board = Board(schedule, ledger, ledger.clock(), markers, accept_gone=scope.accept_gone)
        _make_all(schedule, board, scope, maker, night, lease.lost)
        status = "done" if night.is_good else "failed"
    except JobError as error:
        night.errors.append(hide(str(error)))
        raise
    finally:
        night.seconds = time.monotonic() - begun
        if not lease.lost.is_set():
            note = f"{len(night.made)} made, {len(night.failed)} failed"
            ledger.end_run(night.run_id, status, "; ".join([note, *night.errors]))
    return night


def observed(schedule: Schedule, ledger: Ledger, scope: Scope) -> Board:
    """The board after a look at all sources, without reading anything or writing it down."""
    found = {one.source.name: one for one in _listings(schedule, ledger, scope)}
    markers = {name: one.markers for name, one in found.items()}
    unread = {name: one.unread for name, one in found.items()}
    return Board(schedule, ledger, ledger.clock(), markers, unread)


def _listings(schedule: Schedule, ledger: Ledger, scope: Scope) -> Iterator[Listing]:
    zone = schedule.zone
    since, until = scope.since.astimezone(zone).date() - _DAY, ledger.clock().astimezone(zone).date() + _DAY
    for source in schedule.sources.values():
        yield listing(source, ledger, since, until)


def _learn(schedule: Schedule, ledger: Ledger, scope: Scope, learner: Learner, night: Night) -> dict[str, list[str]]:
    """Write down what arrived and what went, and which days it holds; the dialects' markers of each source."""
    markers = {}
    for found in _listings(schedule, ledger, scope):
        markers[found.source.name] = found.markers
        if found.fresh or found.gone:
            ledger.see(found.source.name, found.fresh, found.gone)
        if (error := learner.learn(found)) is not None:
            night.errors.append(error)
    return markers


def items(schedule: Schedule, board: Board, scope: Scope) -> Iterator[Item]:
    """All partitions of the scope, oldest first, jobs in the order in which they need each other."""
    found: list[tuple[Partition, int, Task]] = []
    for place, task in enumerate(schedule.tasks.values()):
        if scope.tasks is None or task.name in scope.tasks:
            until = scope.until if task.time_zone == schedule.time_zone else scope.until + _DAY
            wanted = board.partitions(task, scope.since, until)
            # a day of another zone, as that of compact, counts if it holds some of the time that is asked for
            found += [(p, place, task) for p in wanted if p.start < scope.until]
    for partition, _, task in sorted(found, key=lambda one: one[:2]):
        yield board.item(task, partition)


def _make_all(schedule: Schedule, board: Board, scope: Scope, maker: Maker, night: Night, lost: Event) -> None:
    if scope.forced:
        board.forced = {item.key for item in items(schedule, board, scope)}
        board.changed()
    done: set[tuple[str, str]] = set()
    while (item := _next(list(items(schedule, board, scope)), done, scope.limit)) is not None:
        if lost.is_set():
            raise lost_lease()
        done.add(item.key)
        made = maker.make(item)
        board.forced.discard(item.key)
        board.changed()
        if made.published:
            night.made.append(item)
        else:
            night.failed.append((item, made.error or ""))
    found = list(items(schedule, board, scope))
    night.left = sum(item.state in TO_DO and item.key not in done for item in found)
    night.waiting = sum(item.state == "waiting" for item in found)
    night.stuck = sum(item.state in STUCK for item in found)


def _next(found: Sequence[Item], done: set[tuple[str, str]], limit: int | None) -> Item | None:
    """The oldest partition that is to be made and was not tried yet; after all of these, what failed in earlier runs
    and may succeed by now: that it fails every night must not keep others from being made."""
    tried = Counter(name for name, _ in done)
    left = [item for item in found if item.key not in done and (limit is None or tried[item.task.name] < limit)]
    to_do = (item for item in left if item.state in TO_DO)
    return next(to_do, None) or next((item for item in left if item.may_heal), None)
