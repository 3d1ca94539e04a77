"""The states of partitions, from what the ledger says alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event
from zoneinfo import ZoneInfo

import pytest

from jobs.schedule import config, night
from jobs.schedule.alerts import problems
from jobs.schedule.board import Board, Item
from jobs.schedule.hours import Day
from jobs.schedule.lease import LedgerPlace, taken
from jobs.schedule.ledger.models import PartitionRow
from jobs.schedule.ledger.store import Ledger, Seen
from jobs.schedule.model import Schedule, Task
from jobs.schedule.night import Night, Scope
from jobs.schedule.partitions import Partition
from jobs.schedule.running import Made
from jobs.schedule.verify import Verified, verified
from tests.schedule.nights import Home, named

NOW = datetime(2026, 3, 10, 2, tzinfo=UTC)
ALL = (1 << 24) - 1
UTC_ZONE = ZoneInfo("UTC")


@pytest.fixture
def schedule(tmp_path: Path) -> Schedule:
    weekly = '[jobs.rollup]\ninput = "compact"\noutput = "out/rollup/{partition}/"\ncadence = "weekly"'
    return config.load(Home(tmp_path, more=weekly).write().file)


@pytest.fixture
def ledger(schedule: Schedule) -> Iterator[Ledger]:
    ledger = Ledger(schedule.ledger, lambda: NOW)
    ledger.prepare()
    ledger.token = taken(LedgerPlace(ledger), "us", 1)
    ledger.begin_run("run", "run")
    yield ledger
    ledger.close()


def _arrive(ledger: Ledger, uri: str, arrived: int, *days: int, pin: str = "p", damage: str | None = None) -> None:
    """An object of March that holds readings of these days."""
    ledger.see("logs", [Seen(uri, pin, 1, date(2026, 3, arrived))], [])
    ledger.learn("logs", {uri: (pin, [Day(date(2026, 3, day), ALL, 1) for day in days], damage)})


def _item(schedule: Schedule, ledger: Ledger, name: str, task: str = "compact", *, accept_gone: bool = False) -> Item:
    board = Board(schedule, ledger, ledger.clock(), accept_gone=accept_gone)
    found = schedule.tasks[task]
    return board.item(found, named(found.cadence, found.zone, name))


def _next_night(ledger: Ledger) -> None:
    """Another run, under a lease of its own; no clock moves."""
    ledger.token = taken(LedgerPlace(ledger), "us", 1)


def _fail(schedule: Schedule, ledger: Ledger, name: str, task: str = "compact", status: int = 4) -> None:
    fingerprint = _item(schedule, ledger, name, task).fingerprint
    attempt = ledger.begin_attempt("run", task, name, 1, fingerprint)
    ledger.end_attempt(attempt, {"status": "failed", "exit_status": status, "error": "no"}, None)


def _publish(
    schedule: Schedule, ledger: Ledger, name: str, task: str = "compact", content: str = "c", rows: int = 1
) -> None:
    _keep(ledger, _item(schedule, ledger, name, task), content, rows)


def _keep(ledger: Ledger, item: Item, content: str = "c", rows: int = 1) -> None:
    """Write down that an item was published."""
    assert item.state in ("due", "stale", "failed"), item
    place = {"start": item.partition.start, "end": item.partition.end, "output": item.output}
    counts = {"rows": rows, "readings": rows, "rejects": 0, "bytes": 1}
    row = PartitionRow(
        task=item.task.name, partition=item.partition.name, fingerprint=item.fingerprint, content=content,
        published_run="r", published=NOW, **place, **counts,
    )  # fmt: skip
    ledger.adopt(row)


def test_a_partition_is_made_of_all_objects_that_hold_its_readings(schedule: Schedule, ledger: Ledger) -> None:
    _arrive(ledger, "a", 1, 1)
    _arrive(ledger, "b", 5, 1, 4)
    _arrive(ledger, "c", 2, 2)
    item = _item(schedule, ledger, "2026-03-01")
    assert (item.state, item.inputs) == ("due", ("a", "b"))
    assert item.options is not None
    assert (item.options["since"], item.options["until"]) == ("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z")
    assert _item(schedule, ledger, "2026-03-03").state == "missing"
    assert _item(schedule, ledger, "2026-03-10").state == "later"
    assert _item(schedule, ledger, "2026-03-01", "daily_stats").state == "waiting"


def test_a_new_object_makes_just_its_days_stale(schedule: Schedule, ledger: Ledger) -> None:
    for day in (1, 2):
        _arrive(ledger, f"a{day}", day, day)
        _publish(schedule, ledger, f"2026-03-0{day}")
        _publish(schedule, ledger, f"2026-03-0{day}", "daily_stats")
    _next_night(ledger)
    _arrive(ledger, "late", 3, 1)
    assert (_item(schedule, ledger, "2026-03-01").state, _item(schedule, ledger, "2026-03-01").why) == (
        "stale",
        "1 new object",
    )
    assert _item(schedule, ledger, "2026-03-01", "daily_stats").state == "waiting"
    assert _item(schedule, ledger, "2026-03-02").state == "published"
    assert _item(schedule, ledger, "2026-03-02", "daily_stats").state == "published"
    _publish(schedule, ledger, "2026-03-01")
    assert _item(schedule, ledger, "2026-03-01", "daily_stats").state == "published", (
        "the same content: nothing follows"
    )
    _arrive(ledger, "later", 3, 1)
    _publish(schedule, ledger, "2026-03-01", content="another")
    assert _item(schedule, ledger, "2026-03-01", "daily_stats").state == "stale"


def test_a_damaged_object_and_one_not_read_yet_are_of_the_day_of_their_arrival(
    schedule: Schedule, ledger: Ledger
) -> None:
    _arrive(ledger, "bad", 1, damage="at byte 0: cut off")
    ledger.see("logs", [Seen("unread", "p", 1, date(2026, 3, 2))], [])
    assert _item(schedule, ledger, "2026-03-01").inputs == ("bad",)
    assert _item(schedule, ledger, "2026-03-02").inputs == ("unread",)


def test_an_object_without_readings_is_of_the_day_of_its_arrival(schedule: Schedule, ledger: Ledger) -> None:
    """Its rejects have to be told of somewhere."""
    _arrive(ledger, "rejects", 2)
    assert _item(schedule, ledger, "2026-03-02").inputs == ("rejects",)
    _publish(schedule, ledger, "2026-03-02", rows=0)
    assert _item(schedule, ledger, "2026-03-02", "daily_stats").state == "missing"


def test_an_object_in_a_path_without_days_arrived_when_it_was_seen(schedule: Schedule, ledger: Ledger) -> None:
    ledger.see("logs", [Seen("wide.csv", "p", 1)], [])
    assert _item(schedule, ledger, "2026-03-10").state == "later"
    ledger.clock = lambda: NOW + timedelta(days=1)
    assert _item(schedule, ledger, "2026-03-10").inputs == ("wide.csv",)


def test_what_nobody_wrote_down_yet_counts_for_the_day_of_its_arrival(schedule: Schedule, ledger: Ledger) -> None:
    _arrive(ledger, "a", 1, 1)
    _publish(schedule, ledger, "2026-03-01")
    unread = {"logs": [Seen("a", "another", 1, date(2026, 3, 1)), Seen("b", "p", 1, date(2026, 3, 2))]}
    board = Board(schedule, ledger, NOW, unread=unread)
    states = [board.item(schedule.tasks["compact"], named("daily", UTC_ZONE, f"2026-03-0{n}")).state for n in (1, 2, 3)]
    assert states == ["stale", "due", "missing"]


def test_a_day_whose_readings_are_all_of_another_day_by_now_is_told(schedule: Schedule, ledger: Ledger) -> None:
    _arrive(ledger, "a", 1, 1)
    _publish(schedule, ledger, "2026-03-01")
    _next_night(ledger)
    _arrive(ledger, "a", 1, 2, pin="mended")
    item = _item(schedule, ledger, "2026-03-01")
    assert (item.state, item.why) == ("blocked", "nothing holds readings of it any more; what is published stays")


def test_results_are_read_where_they_were_published(schedule: Schedule, ledger: Ledger) -> None:
    _arrive(ledger, "a", 1, 1)
    _publish(schedule, ledger, "2026-03-01")
    old = schedule.tasks["compact"]
    moved = replace(schedule, tasks={**schedule.tasks, "compact": replace(old, output="/new/{partition}")})
    assert _item(moved, ledger, "2026-03-01", "daily_stats").inputs == (old.output_of("2026-03-01"),)


def test_a_day_that_is_stuck_is_no_reason_to_wait_for_later_ones_that_look_back(
    schedule: Schedule, ledger: Ledger
) -> None:
    looks = replace(schedule.tasks["daily_stats"], reads=timedelta(days=3))
    schedule = replace(schedule, tasks={**schedule.tasks, "daily_stats": looks})
    for day in (1, 2, 3):
        _arrive(ledger, f"a{day}", day, day)
    for day in (1, 3):
        _publish(schedule, ledger, f"2026-03-0{day}")
    assert _item(schedule, ledger, "2026-03-03", "daily_stats").why == "compact 2026-03-02 is not made yet"
    _fail(schedule, ledger, "2026-03-02")
    assert _item(schedule, ledger, "2026-03-02", "daily_stats").state == "waiting"
    item = _item(schedule, ledger, "2026-03-03", "daily_stats")
    assert (item.state, [place[-5:] for place in item.inputs]) == ("due", ["03-01", "03-03"])
    _publish(schedule, ledger, "2026-03-03", "daily_stats")
    _arrive(ledger, "a2", 2, 2, pin="mended")
    _publish(schedule, ledger, "2026-03-02")
    assert _item(schedule, ledger, "2026-03-03", "daily_stats").state == "stale"


def test_what_needs_something_that_is_not_due_is_not_due(schedule: Schedule, ledger: Ledger) -> None:
    berlin = replace(schedule.tasks["daily_stats"], time_zone="Asia/Tokyo")
    schedule = replace(schedule, tasks={**schedule.tasks, "daily_stats": berlin})
    board = Board(schedule, ledger, NOW)
    item = board.item(berlin, named("daily", ZoneInfo("Asia/Tokyo"), "2026-03-09"))
    assert (item.state, item.why) == ("missing", "there are no readings of it")
    item = board.item(berlin, named("daily", ZoneInfo("Asia/Tokyo"), "2026-03-10"))
    assert item.state == "later"
    board = Board(schedule, ledger, NOW + timedelta(hours=15))
    item = board.item(berlin, named("daily", ZoneInfo("Asia/Tokyo"), "2026-03-10"))
    assert (item.state, item.why) == ("later", "compact 2026-03-10 is not due yet")


@pytest.mark.parametrize(
    ("status", "failures", "state"), [(1, 2, "due"), (1, 3, "failed"), (4, 1, "failed"), (3, 1, "due")]
)
def test_attempts_are_used_up_or_end_for_good(
    schedule: Schedule, ledger: Ledger, status: int, failures: int, state: str
) -> None:
    _arrive(ledger, "a", 1, 1)
    fingerprint = _item(schedule, ledger, "2026-03-01").fingerprint
    for number in range(failures):
        attempt = ledger.begin_attempt("run", "compact", "2026-03-01", number + 1, fingerprint)
        ledger.end_attempt(attempt, {"status": "failed", "exit_status": status, "error": "no"}, None)
    assert _item(schedule, ledger, "2026-03-01").state == state
    board = Board(schedule, ledger, NOW)
    board.forced = {("compact", "2026-03-01")}
    assert board.item(schedule.tasks["compact"], named("daily", UTC_ZONE, "2026-03-01")).state == "due", "asked for"
    _arrive(ledger, "b", 1, 1)
    assert _item(schedule, ledger, "2026-03-01").state == "due", "another input begins anew"


def test_what_is_gone_blocks_only_what_was_made_of_it(schedule: Schedule, ledger: Ledger) -> None:
    _arrive(ledger, "a", 1, 1)
    _arrive(ledger, "b", 1, 1)
    _publish(schedule, ledger, "2026-03-01")
    _next_night(ledger)
    ledger.clock = lambda: NOW - timedelta(days=1)  # clocks may go back
    ledger.see("logs", [], ["b"])
    assert _item(schedule, ledger, "2026-03-01").state == "published"
    _arrive(ledger, "late", 3, 1)
    blocked = _item(schedule, ledger, "2026-03-01")
    assert (blocked.state, blocked.why) == ("blocked", "1 of the objects that it was made of are gone, such as b")
    accepted = _item(schedule, ledger, "2026-03-01", accept_gone=True)
    assert (accepted.state, accepted.inputs) == ("stale", ("a", "late"))


def test_a_week_waits_for_its_days_but_not_for_missing_ones(schedule: Schedule, ledger: Ledger) -> None:
    for day in (2, 3, 5, 6, 7):
        _arrive(ledger, f"a{day}", day, day)
    assert _item(schedule, ledger, "2026-W10", "rollup").state == "waiting"
    for day in (2, 3, 5, 6, 7):
        _publish(schedule, ledger, f"2026-03-0{day}")
    week = _item(schedule, ledger, "2026-W10", "rollup")
    assert (week.state, len(week.inputs)) == ("due", 5)
    _publish(schedule, ledger, "2026-W10", "rollup")
    _arrive(ledger, "a4", 9, 4)
    assert _item(schedule, ledger, "2026-W10", "rollup").why == "compact 2026-03-04 is not made yet"
    _publish(schedule, ledger, "2026-03-04")
    assert _item(schedule, ledger, "2026-W10", "rollup").state == "stale"


def test_an_hour_is_made_of_the_objects_that_hold_it(schedule: Schedule, ledger: Ledger) -> None:
    hourly = replace(
        schedule.tasks["daily_stats"], name="hours", input="logs", cadence="hourly", output="/h/{partition}"
    )
    schedule = replace(schedule, tasks={**schedule.tasks, "hours": hourly})
    day = date(2026, 3, 9)

    def hold(uri: str, *hours: int) -> None:
        ledger.see("logs", [Seen(uri, "p", 1, day)], [])
        ledger.learn("logs", {uri: ("p", [Day(day, sum(1 << hour for hour in hours), 1)], None)})

    hold("night", 0, 1)
    hold("noon", 12)
    states = {name: _item(schedule, ledger, f"2026-03-09T{name}Z", "hours") for name in ("01", "02", "12")}
    assert [item.state for item in states.values()] == ["due", "missing", "due"]
    assert (states["01"].inputs, states["12"].inputs) == (("night",), ("noon",))
    assert states["12"].options is not None
    assert (states["12"].options["since"], states["12"].options["until"]) == (
        "2026-03-09T12:00:00Z",
        "2026-03-09T13:00:00Z",
    )
    assert states["12"].output == "/h/2026-03-09T12Z"
    for name in ("01", "12"):
        _publish(schedule, ledger, f"2026-03-09T{name}Z", "hours")
    _next_night(ledger)
    hold("late", 12)
    found = [_item(schedule, ledger, f"2026-03-09T{name}Z", "hours").state for name in ("01", "12")]
    assert found == ["published", "stale"]
    assert _item(schedule, ledger, "2026-03-10T01Z", "hours").state == "later", "its grace is an hour"


def test_other_options_make_stale(schedule: Schedule, ledger: Ledger) -> None:
    _arrive(ledger, "a", 1, 1)
    _publish(schedule, ledger, "2026-03-01")
    task = replace(schedule.tasks["compact"], options={"target_size": "1M"})
    other = replace(schedule, tasks={**schedule.tasks, "compact": task})
    assert _item(other, ledger, "2026-03-01").state == "stale"


def test_what_was_pruned_stays_published_and_what_reads_it_is_blocked(schedule: Schedule, ledger: Ledger) -> None:
    _arrive(ledger, "a", 1, 1)
    _publish(schedule, ledger, "2026-03-01")
    (row,) = ledger.partitions().values()
    row.pruned = NOW
    ledger.adopt(row)
    assert _item(schedule, ledger, "2026-03-01").state == "published"
    assert _item(schedule, ledger, "2026-03-01", "daily_stats").state == "blocked"
    assert verified(ledger, [], str) == Verified()


def test_what_cost_more_than_planned_is_a_problem(schedule: Schedule, ledger: Ledger) -> None:
    for day, cost in ((1, 2.5), (2, 1.5)):
        _arrive(ledger, f"of-{day}", day, day)
        _publish(schedule, ledger, f"2026-03-0{day}")
        row = ledger.partitions()["compact", f"2026-03-0{day}"]
        row.cost, row.planned_cost = cost, 2.0
        ledger.adopt(row)
    items = [_item(schedule, ledger, f"2026-03-0{day}") for day in (1, 2)]
    found = problems(schedule, Board(schedule, ledger, NOW), items, ledger)
    assert [str(one) for one in found] == ["cost: compact 2026-03-01: cost $2.50, planned were at most $2.00"]


class _Maker:
    """Publishes without a job, or fails."""

    def __init__(self, ledger: Ledger, *fails: str) -> None:
        self._ledger, self._fails = ledger, fails
        self.made: list[tuple[str, str]] = []

    def make(self, item: Item) -> Made:
        self.made.append(item.key)
        if item.partition.name in self._fails:
            attempt = self._ledger.begin_attempt("run", *item.key, 1, item.fingerprint)
            self._ledger.end_attempt(attempt, {"status": "failed", "exit_status": 1, "error": "no"}, None)
            return Made(False, "no")
        _keep(self._ledger, item)
        return Made(True)


def _caught_up(schedule: Schedule, ledger: Ledger, maker: _Maker, since: int, limit: int | None = None) -> Night:
    """A run over so many days."""
    found, scope = Night("run"), Scope(NOW - timedelta(days=since), NOW, limit=limit)
    night._make_all(schedule, Board(schedule, ledger, NOW), scope, maker, found, Event())  # type: ignore[arg-type] # in a Maker's place
    return found


@pytest.mark.slow
def test_catching_up_looks_at_a_partition_a_few_times(
    schedule: Schedule, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = replace(schedule, start=date(2025, 3, 10))
    days = [schedule.start + timedelta(days=n) for n in range(365)]
    ledger.see("logs", [Seen(str(day), "p", 1, day) for day in days], [])
    ledger.learn("logs", {str(day): ("p", [Day(day, ALL, 1)], None) for day in days})
    looks: Counter[tuple[str, str]] = Counter()
    look = Board._look

    def counted(board: Board, task: Task, partition: Partition) -> Item:
        looks[task.name, partition.name] += 1
        return look(board, task, partition)

    monkeypatch.setattr(Board, "_look", counted)
    maker = _Maker(ledger)
    assert len(_caught_up(schedule, ledger, maker, 400).made) == len(maker.made) == 365 * 2 + 52
    assert looks.total() < 4 * len(maker.made)
    assert maker.made[:3] == [("compact", "2025-03-10"), ("daily_stats", "2025-03-10"), ("compact", "2025-03-11")]
    week = maker.made.index(("rollup", "2025-W11"))
    assert maker.made[week - 1] == ("compact", "2025-03-16"), "as soon as its last day is made"


def test_what_failed_before_is_tried_after_all_others(schedule: Schedule, ledger: Ledger) -> None:
    schedule = replace(schedule, tasks={**schedule.tasks, "compact": replace(schedule.tasks["compact"], attempts=1)})
    for day in (7, 8, 9):
        _arrive(ledger, f"a{day}", day, day)
    first, second = _Maker(ledger, "2026-03-07"), _Maker(ledger)
    assert len(_caught_up(schedule, ledger, first, 3).failed) == 1
    assert first.made[0] == ("compact", "2026-03-07")
    _arrive(ledger, "late", 9, 9)
    assert _caught_up(schedule, ledger, second, 3, limit=1).left == 0
    assert second.made == [("compact", "2026-03-09")], "the limit counts both"
    third = _Maker(ledger)
    _caught_up(schedule, ledger, third, 3)
    assert third.made[0] == ("compact", "2026-03-07")
    assert ("daily_stats", "2026-03-07") in third.made
