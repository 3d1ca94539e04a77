"""A run of the schedule: what arrived, what is due, oldest first, each partition once."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING

from jobs.engine.run_id import new_run_id
from jobs.errors import InputError, JobError
from jobs.schedule import leftovers, partitions
from jobs.schedule.board import STUCK, TO_DO, Board, Item
from jobs.schedule.learning import Learner
from jobs.schedule.ledger.store import Ledger, lost_lease
from jobs.schedule.model import Schedule, Source, Task
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


def of_days(schedule: Schedule, first: date, last: date) -> Scope:
    """The partitions that end on these local days."""
    since, until = (partitions.midnight(day, schedule.zone) for day in (first, last + _DAY))
    return Scope(since, until)


def run(schedule: Schedule, ledger: Ledger, lease: Lease, scope: Scope, command: str, say: Say, hide: Hide) -> Night:
    """Make what is due. Raises BusyError when another run takes over, LedgerError while there is no ledger."""
    begun = time.monotonic()
    night = Night(new_run_id("schedule", ledger.clock().astimezone(UTC)))
    lost = ledger.begin_run(night.run_id, hide(command))
    if lost:
        say("lost", attempts=lost)
    children = Children(schedule, night.run_id, lease.lost, hide)
    maker = Maker(ledger, night.run_id, children, lease, say, hide)
    status = "failed"
    try:
        leftovers.adopt(schedule, ledger, say)
        leftovers.sweep(schedule, ledger)
        markers = _learn(schedule, ledger, scope, Learner(schedule, ledger, children, hide), night, hide)
        unlisted = frozenset(schedule.sources) - frozenset(markers)
        board = Board(schedule, ledger, ledger.clock(), markers, accept_gone=scope.accept_gone, unlisted=unlisted)
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
    found = {source.name: _listing(schedule, source, ledger, scope) for source in schedule.sources.values()}
    markers = {name: one.markers for name, one in found.items()}
    unread = {name: one.unread for name, one in found.items()}
    return Board(schedule, ledger, ledger.clock(), markers, unread)


def _listing(schedule: Schedule, source: Source, ledger: Ledger, scope: Scope) -> Listing:
    zone = schedule.zone
    since, until = scope.since.astimezone(zone).date() - _DAY, ledger.clock().astimezone(zone).date() + _DAY
    return listing(source, ledger, since, until)


def _learn(
    schedule: Schedule, ledger: Ledger, scope: Scope, learner: Learner, night: Night, hide: Hide
) -> dict[str, list[str]]:
    """Write down what arrived and what went, and which days it holds; the dialects' markers of each source that could
    be listed."""
    markers = {}
    for source in schedule.sources.values():
        try:
            found = _listing(schedule, source, ledger, scope)
        except InputError as error:
            night.errors.append(hide(str(error)))
            continue
        markers[source.name] = found.markers
        night.errors += [f"{hide(uri)}: its name is no UTF-8; rename it" for uri in found.nameless]
        if found.fresh or found.gone:
            ledger.see(source.name, found.fresh, found.gone)
        if (unread := learner.learn(found)) is not None:
            night.errors.append(unread)
    return markers


def items(schedule: Schedule, board: Board, scope: Scope) -> Iterator[Item]:
    """All partitions of the scope, oldest first, jobs in the order in which they need each other."""
    yield from (board.item(task, partition) for task, partition in _in_order(schedule, board, scope))


def _in_order(schedule: Schedule, board: Board, scope: Scope) -> list[tuple[Task, Partition]]:
    found: list[tuple[Partition, int, Task]] = []
    for place, task in enumerate(schedule.tasks.values()):
        if scope.tasks is None or task.name in scope.tasks:
            until = scope.until if task.time_zone == schedule.time_zone else scope.until + _DAY
            wanted = board.partitions(task, scope.since, until)
            # a day of another zone, as that of compact, counts if it holds some of the time that is asked for
            found += [(p, place, task) for p in wanted if p.start < scope.until]
    return [(task, partition) for partition, _, task in sorted(found, key=lambda one: one[:2])]


def _make_all(schedule: Schedule, board: Board, scope: Scope, maker: Maker, night: Night, lost: Event) -> None:
    """The oldest partition that is to be made and was not tried yet; after all of these, what failed in earlier runs
    and may succeed by now: that it fails every night must not keep others from being made."""
    order = _in_order(schedule, board, scope)
    place = {(task.name, partition.name): number for number, (task, partition) in enumerate(order)}
    if scope.forced:
        board.force(place)

    def turns(places: Iterable[int]) -> Iterator[tuple[int, int]]:
        for number in places:
            item = board.item(*order[number])
            if item.state in TO_DO or item.may_heal:
                yield int(item.may_heal), number

    queue = list(turns(range(len(order))))
    heapq.heapify(queue)
    tried: dict[str, set[int]] = {name: set() for name in schedule.tasks}
    while queue:
        if lost.is_set():
            raise lost_lease()
        turn = heapq.heappop(queue)
        item = board.item(*order[turn[1]])
        mine = tried[item.task.name]
        if turn[1] in mine or len(mine) == scope.limit or turn not in turns(turn[1:]):
            continue
        mine.add(turn[1])
        made = maker.make(item)
        for one in turns(place[key] for key in board.changed(item.key) if key in place):
            heapq.heappush(queue, one)
        if made.published:
            night.made.append(item)
        else:
            night.failed.append((item, made.error or ""))
    found = [board.item(*one) for one in order]
    night.left = sum(item.state in TO_DO and place[item.key] not in tried[item.task.name] for item in found)
    night.waiting = sum(item.state == "waiting" for item in found)
    night.stuck = sum(item.state in STUCK for item in found)
