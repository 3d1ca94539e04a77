"""Windows in time zones: which instants each holds, where clocks change too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobs.partials import buckets
from jobs.partials.windows import amid, bounds, buckets_of, in_one, parse_window
from jobs.readings.model import NO_TIME
from jobs.readings.zones import FIRST, LAST, load

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = ["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Beirut", "Australia/Lord_Howe", "Pacific/Apia"]
WINDOWS = ["1s", "5m", "15m", "1h", "6h", "12h", "1d", "7d", "week", "month", "year"]
MINUTE = 60 * 10**6


def micros(time: datetime) -> int:
    return (time - EPOCH) // timedelta(microseconds=1)


def begins(day: datetime, zone: str, minutes: int) -> list[int]:
    """Where windows begin, minute by minute: the clock shows another multiple, or is set back to one."""
    found, before = [], None
    for minute in range(3 * 1440):
        time = day + timedelta(minutes=minute)
        shown = time.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        clock = (shown - datetime(1970, 1, 1)) // timedelta(minutes=1)
        if before is not None:
            set_back_to_start = clock <= before and clock % minutes == 0
            if clock // minutes != before // minutes or set_back_to_start:
                found.append(micros(time))
        before = clock
    return found


@pytest.mark.parametrize("window", ["15m", "1h", "6h", "12h"])
@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Berlin", "2026-03-28"),
        ("Europe/Berlin", "2026-10-24"),
        ("Australia/Lord_Howe", "2026-04-03"),
        ("Australia/Lord_Howe", "2026-10-02"),
        ("Asia/Beirut", "2025-03-28"),
        ("Asia/Beirut", "2025-10-24"),
        ("America/St_Johns", "2009-10-31"),
        ("Pacific/Apia", "2011-12-29"),
    ],
)
def test_windows_begin_where_the_clock_says(zone: str, day: str, window: str) -> None:
    since = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    minutes = {"15m": 15, "1h": 60, "6h": 360, "12h": 720}[window]
    expected = begins(since, zone, minutes)
    times = np.arange(micros(since), micros(since) + 3 * 1440 * MINUTE, MINUTE)
    found = buckets_of(window, load(zone))
    number = found.of(times)
    assert times[1:][number[1:] != number[:-1]].tolist() == expected
    assert (np.diff(number) >= 0).all()
    place = bounds(window, load(zone))(number)
    starts, ends = (place[name].cast(pa.int64()).to_numpy() for name in ("window_start", "window_end"))
    assert (starts <= times).all()
    assert (times < ends).all()
    assert set(starts[times >= expected[0]].tolist()) == set(expected)
    for one, other in pairwise(sorted(set(zip(starts.tolist(), ends.tolist(), strict=True)))):
        assert one[1] == other[0]


@given(st.integers(FIRST, LAST - 1), st.sampled_from(ZONES), st.sampled_from(["week", "month", "year", "1d"]))
def test_calendar_windows_are_those_of_the_local_date(time: int, zone: str, window: str) -> None:
    local = (EPOCH + timedelta(microseconds=time)).astimezone(ZoneInfo(zone)).date()
    monday = local - timedelta(days=local.weekday())
    expected = {
        "week": (monday - datetime(1969, 12, 29).date()).days // 7,
        "month": (local.year - 1970) * 12 + local.month - 1,
        "year": local.year - 1970,
        "1d": (local - EPOCH.date()).days,
    }
    assert buckets_of(window, load(zone)).of(np.array([time])).tolist() == [expected[window]]


@given(st.integers(FIRST, LAST - 1), st.sampled_from(ZONES), st.sampled_from(WINDOWS))
def test_a_window_starts_with_its_first_instant(time: int, zone: str, window: str) -> None:
    found = buckets_of(window, load(zone))
    number = found.of(np.array([time]))
    start, end = found.starts(number), found.starts(number + 1)
    assert found.of(start) == number or start == end  # a date that a zone skipped
    assert found.of(start - 1) < number
    assert found.of(end) > number
    if zone != "America/St_Johns":  # whose clocks once went back from one date into another
        assert start <= time < end


@given(
    st.integers(FIRST, LAST - 1), st.sampled_from(ZONES), st.sampled_from([("5m", "15m"), ("1h", "6h"), ("6h", "1d")])
)
def test_windows_of_a_day_never_cross_its_ends(time: int, zone: str, pair: tuple[str, str]) -> None:
    """What a finer window begins in, it ends in, but where clocks jump by less than it is long."""
    day = buckets_of("1d", load(zone))
    fine = buckets_of(pair[0], load(zone))
    start = fine.starts(fine.of(np.array([time])))
    assert day.of(start) == day.of(np.array([time]))


def test_months_far_away() -> None:
    months = buckets_of("month", load("Europe/Berlin"))
    for year in (2, 1899, 2201, 9990):
        time = micros(datetime(year, 5, 17, tzinfo=UTC))
        assert months.of(np.array([time])).tolist() == [(year - 1970) * 12 + 4]


def test_all_is_one_window() -> None:
    whole = buckets_of("all", load("Europe/Berlin"))
    assert whole.of(np.array([FIRST, 0, LAST, NO_TIME])).tolist() == [0, 0, 0, NO_TIME]
    place = bounds("all", load("UTC"))(np.array([0, NO_TIME]))
    assert [column.to_pylist() for column in place.values()] == [[None, None], [None, None]]


def test_weeks_begin_on_mondays() -> None:
    (start,) = buckets.weeks(load("UTC")).starts(np.array([0])).tolist()
    assert EPOCH + timedelta(microseconds=start) == datetime(1969, 12, 29, tzinfo=UTC)


@pytest.mark.parametrize("text", [*WINDOWS, "all", "30s", "2h", "8h", "36525d"])
def test_windows_that_can_be(text: str) -> None:
    assert parse_window(text) == text


@pytest.mark.parametrize(
    "text", ["0s", "-1h", "7m", "5h", "36h", "25h", "1w", "h", "", "1H", "36526d", "1.5h", "months"]
)
def test_windows_that_cannot_be(text: str) -> None:
    with pytest.raises(ValueError, match="window"):
        parse_window(text)


def test_all_holds_readings_with_and_without_a_time() -> None:
    from jobs.partials.moments import open_moments, settle
    from jobs.partials.sketch import Sketch
    from jobs.readings.model import Keys
    from tests.partials.numbers import batch, gathered

    keys, sketch, whole = Keys(), Sketch(0.01), buckets_of("all", load("UTC"))
    moments = open_moments(keys, whole, sketch, kernel=False)
    moments.add(batch([(NO_TIME, "a", "m", None, 1.0), (5, "a", "m", None, 3.0), (NO_TIME, "b", "m", None, 1.0)], keys))
    rows = in_one(settle(gathered(moments.flush()), whole, sketch, kernel=False))
    found = sorted(rows["stats"].select(["device_id", "bucket", "count", "first", "last"]).to_pylist(), key=str)
    assert [tuple(row.values()) for row in found] == [("a", 0, 2, 5, 5), ("b", 0, 1, NO_TIME, NO_TIME)]
    assert sum(rows["sketch"]["count"].to_pylist()) == 3


NESTING = ["15m", "30m", "1h", "2h", "3h", "6h", "12h", "1d", "2d", "7d", "week", "month", "year", "all"]


@settings(max_examples=60)
@given(
    st.sampled_from(NESTING[:-1]),
    st.sampled_from(NESTING),
    *(st.sampled_from([*ZONES, "Asia/Kolkata", "Asia/Kathmandu", "Europe/London"]) for _ in range(2)),
    st.sampled_from([(2026, 0), (2026, 0), (2009, 0), (2011, 11)]),
)
@example("15m", "month", "UTC", "America/St_Johns", (2009, 0))
@example("3h", "month", "Asia/Kolkata", "America/St_Johns", (2009, 0))
@example("1d", "month", "America/St_Johns", "America/St_Johns", (2009, 0))
def test_windows_nest_where_each_lies_within_one(
    source: str, target: str, zone: str, other: str, when: tuple[int, int]
) -> None:
    """Minute by minute; where clocks of St John's were set back over midnight, a month began twice."""
    first = micros(datetime(when[0], 1 + when[1], 1, tzinfo=UTC))
    minutes = first + MINUTE * np.arange(370 * 1440)
    inner, outer = buckets_of(source, load(zone)), buckets_of(target, load(other))
    within, of = (found.of(minutes) for found in (inner, outer))
    order = np.argsort(within, kind="stable")
    begin = np.flatnonzero(np.diff(within[order], prepend=-1))
    split = within[order][begin][np.maximum.reduceat(of[order], begin) != np.minimum.reduceat(of[order], begin)]
    stray = amid(inner, outer, first, int(minutes[-1]))
    assert (stray is None) == (not len(split))
    if stray is not None:
        bucket = inner.of(np.array([stray]))
        assert bucket in split
        assert inner.starts(bucket) < stray


@given(st.sampled_from(WINDOWS[1:]), st.sampled_from(ZONES), st.integers(2000, 2030), st.integers(1, 360))
@example("1d", "America/St_Johns", 2009, 300)
@example("month", "America/St_Johns", 2009, 300)
def test_instants_whose_bucket_is_another_than_the_one_before(window: str, zone: str, year: int, day: int) -> None:
    minutes = micros(datetime(year, 1, 1, tzinfo=UTC) + timedelta(day)) + MINUTE * np.arange(8 * 1440)
    found = buckets_of(window, load(zone))
    expected = minutes[1:][np.diff(found.of(minutes)) != 0]
    assert found.changes(int(minutes[0]), int(minutes[-1])).tolist() == expected.tolist()
