"""Partitions of time: names, borders, and clocks that change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import UsageError
from jobs.schedule.partitions import CADENCES, Cadence, midnight, named, of_day, partitions

BERLIN = ZoneInfo("Europe/Berlin")


def _hours(zone: ZoneInfo, day: date) -> float:
    (found,) = of_day("daily", zone, day)
    return (found.end - found.start).total_seconds() / 3600


def test_days_are_as_long_as_clocks_make_them() -> None:
    assert [_hours(BERLIN, date(2026, 3, day)) for day in (28, 29, 30)] == [24, 23, 24]
    assert _hours(BERLIN, date(2026, 10, 25)) == 25


def test_a_midnight_that_clocks_skip_is_when_they_are_put_forward() -> None:
    # in Beirut 00:00 became 01:00 on 2022-03-27
    beirut = ZoneInfo("Asia/Beirut")
    assert midnight(date(2022, 3, 27), beirut) == datetime(2022, 3, 26, 22, tzinfo=UTC)
    assert _hours(beirut, date(2022, 3, 26)) == 24
    assert _hours(beirut, date(2022, 3, 27)) == 23


def test_a_day_has_its_hours_and_what_it_completes() -> None:
    assert [p.name for p in of_day("weekly", BERLIN, date(2026, 3, 29))] == ["2026-W13"]
    assert of_day("weekly", BERLIN, date(2026, 3, 28)) == []
    assert [p.name for p in of_day("monthly", BERLIN, date(2026, 3, 31))] == ["2026-03"]
    assert len(of_day("hourly", BERLIN, date(2026, 3, 29))) == 23
    assert of_day("hourly", BERLIN, date(2026, 10, 25))[0].name == "2026-10-24T22Z"


@given(
    st.sampled_from(CADENCES),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York", "Pacific/Apia", "Asia/Beirut"]),
    st.datetimes(datetime(2011, 1, 1), datetime(2026, 12, 31)),
)
def test_partitions_follow_each_other_without_gap(cadence: Cadence, zone: str, since: datetime) -> None:
    begin = since.replace(tzinfo=UTC)
    found = list(partitions(cadence, ZoneInfo(zone), begin, begin + timedelta(days=100)))
    assert len({p.name for p in found}) == len(found)
    for one, following in pairwise(found):
        assert one.end == following.start
        assert one.start < one.end
    for one in found[:3]:
        assert named(cadence, ZoneInfo(zone), one.name) == one


@pytest.mark.parametrize("cadence", get_args(Cadence))
def test_names_that_are_none(cadence: Cadence) -> None:
    for name in ("", "2026", "2026-13-01", "2026-W60", "soon", "../etc"):
        with pytest.raises(UsageError, match=f'"{name}" is no {cadence} partition; write it as 20'):
            named(cadence, BERLIN, name)
