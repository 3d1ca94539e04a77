"""Hours of the week and of the day by local clocks, and the baseline that a profile gives."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.partials.buckets import hours_of_day, hours_of_week
from jobs.partials.profile import Baseline, place_of
from jobs.readings.kernel_keys import new_keys
from jobs.readings.model import NO_TIME
from jobs.readings.zones import FIRST, LAST, load
from tests.partials.numbers import batch

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.integers(FIRST, LAST - 1), st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Apia"]))
def test_hours_are_those_that_clocks_show(time: int, zone: str) -> None:
    local = (EPOCH + timedelta(microseconds=time)).astimezone(ZoneInfo(zone))
    times = np.array([time, NO_TIME])
    assert hours_of_day(load(zone)).of(times).tolist() == [local.hour, NO_TIME]
    cell = hours_of_week(load(zone)).of(times)
    assert cell.tolist() == [local.weekday() * 24 + local.hour, NO_TIME]
    columns = place_of("hour-of-week")(cell[:1])
    assert [c.to_pylist() for c in columns.values()] == [[local.isoweekday()], [local.hour]]


def profile(**columns: list[object]) -> pa.Table:
    types = {"device_id": pa.string(), "metric": pa.string(), "unit": pa.string(), "mean": pa.float64()}
    return pa.table({name: pa.array(values, types.get(name, pa.int64())) for name, values in columns.items()})


def hour(day: int, hour: int) -> int:
    """µs of a local time in Berlin; the 2nd of March 2026 is a Monday."""
    local = datetime(2026, 3, day, hour, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    return (local - EPOCH) // timedelta(microseconds=1)


def test_a_baseline_finds_the_series_and_hour() -> None:
    table = profile(
        device_id=["b", "a", "a", "a"],
        metric=["m", "m", "m", "n"],
        unit=[None, None, "K", None],
        day_of_week=[1, 1, 2, 7],
        hour=[0, 0, 23, 5],
        mean=[10.0, 20.0, 30.0, None],
    )
    base = Baseline(table, load("Europe/Berlin"))
    keys = new_keys(kernel=True)
    readings = batch(
        [
            (hour(2, 0), "a", "m", None, 0.0),
            (hour(9, 0), "b", "m", None, 0.0),
            (hour(3, 23), "a", "m", "K", 0.0),
            (hour(3, 23), "a", "m", None, 0.0),
            (hour(8, 5), "a", "n", None, 0.0),
            (hour(2, 0), "c", "m", None, 0.0),
            (hour(2, 0), "a", "x", None, 0.0),
            (NO_TIME, "a", "m", None, 0.0),
        ],
        keys,
    )
    assert base.rows(readings).tolist() == [1, 0, 2, -1, 3, -1, -1, -1]
    expected = [20.0, 10.0, 30.0, math.nan, math.nan, math.nan, math.nan, math.nan]
    assert list(map(str, base.column("mean", readings).tolist())) == list(map(str, expected))


def test_a_baseline_of_all_devices_and_hours_of_the_day() -> None:
    base = Baseline(profile(metric=["m"], unit=["K"], hour=[7], mean=[1.5]), load("Europe/Berlin"))
    keys = new_keys(kernel=False)
    readings = batch([(hour(4, 7), "x", "m", "K", 0.0), (hour(4, 8), "x", "m", "K", 0.0)], keys)
    assert base.rows(readings).tolist() == [0, -1]


def test_a_baseline_of_nothing() -> None:
    base = Baseline(profile(metric=[], unit=[], hour=[], mean=[]), load("UTC"))
    assert base.rows(batch([(0, "x", "m", None, 0.0)], new_keys(kernel=False))).tolist() == [-1]


def test_two_rows_of_one_hour_are_refused() -> None:
    with pytest.raises(ValueError, match="two rows of one series and hour"):
        Baseline(profile(metric=["m", "m"], unit=[None, None], hour=[7, 7], mean=[1.5, 2.5]), load("UTC"))
