"""Days in time zones, against the time zone database itself."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.partials.buckets import Buckets, days
from jobs.readings.model import NO_TIME
from jobs.readings.zones import FIRST, LAST, load

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def local_day(time: int, zone: str) -> int:
    return ((EPOCH + timedelta(microseconds=time)).astimezone(ZoneInfo(zone)).date() - date(1970, 1, 1)).days


@given(st.lists(st.integers(FIRST, LAST - 1), min_size=1), st.sampled_from(ZONES))
def test_days_are_those_of_the_zone(times: list[int], zone: str) -> None:
    found = days(load(zone)).of(np.array(times))
    assert found.tolist() == [local_day(time, zone) for time in times]


@pytest.mark.parametrize("zone", ZONES)
def test_days_around_changes_of_the_clock(zone: str) -> None:
    near = np.array([0, -1, 1, 3_599_999_999, -3_600_000_000, 86_399_999_999, -86_400_000_001])
    times = (load(zone).utc_starts[1:, None] + near).reshape(-1)
    times = times[(times > FIRST) & (times < LAST)]
    assert days(load(zone)).of(times).tolist() == [local_day(time, zone) for time in times.tolist()]


def test_apia_has_no_30_december_2011() -> None:
    eve = int((datetime(2011, 12, 30, 10, tzinfo=UTC) - EPOCH).total_seconds()) * 10**6
    assert np.diff(days(load("Pacific/Apia")).of(np.array([eve - 1, eve]))).tolist() == [2]


def test_any_length_and_origin() -> None:
    quarter = 900 * 10**6
    buckets = Buckets(load("UTC"), quarter, origin=-5)
    assert buckets.of(np.array([-6, -5, 0, quarter - 6, quarter - 5])).tolist() == [-1, 0, 0, 0, 1]


def test_no_time_has_a_bucket_of_its_own() -> None:
    assert days(load("Europe/Berlin")).of(np.array([NO_TIME, 0])).tolist() == [NO_TIME, 0]


@pytest.mark.parametrize(("size", "origin"), [(0, 0), (-1, 0), (2**60, 0), (1, 2**60)])
def test_lengths_that_cannot_be(size: int, origin: int) -> None:
    with pytest.raises(ValueError, match="bucket"):
        Buckets(load("UTC"), size, origin)
