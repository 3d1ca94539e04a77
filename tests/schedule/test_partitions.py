"""Partitions of time: names, borders, and clocks that change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.schedule.partitions import CADENCES, Cadence, midnight, partitions
from tests.schedule.nights import named

BERLIN = ZoneInfo("Europe/Berlin")


def _hours(zone: ZoneInfo, day: date) -> float:
    found = named("daily", zone, str(day))
    return (found.end - found.start).total_seconds() / 3600


def test_days_are_as_long_as_clocks_make_them() -> None:
    assert [_hours(BERLIN, date(2026, 3, day)) for day in (28, 29, 30)] == [24, 23, 24]
    assert _hours(BERLIN, date(2026, 10, 25)) == 25


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        ("Asia/Beirut", date(2022, 3, 27), datetime(2022, 3, 26, 22, tzinfo=UTC)),
        ("America/Sao_Paulo", date(2017, 10, 15), datetime(2017, 10, 15, 3, tzinfo=UTC)),
        ("Africa/Cairo", date(2026, 4, 24), datetime(2026, 4, 23, 22, tzinfo=UTC)),
    ],
)
def test_a_midnight_that_clocks_skip_is_when_they_are_put_forward(zone: str, day: date, begins: datetime) -> None:
    assert midnight(day, ZoneInfo(zone)) == begins
    assert begins.astimezone(ZoneInfo(zone)).time() == time(1)
    assert [_hours(ZoneInfo(zone), day + timedelta(days=n)) for n in (-1, 0, 1)] == [24, 23, 24]


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        # at 00:00 it became 23:00 of the day before; at 01:00 it became 00:00
        ("America/Sao_Paulo", date(2018, 2, 17), datetime(2018, 2, 17, 2, tzinfo=UTC)),
        ("America/Havana", date(2026, 11, 1), datetime(2026, 11, 1, 4, tzinfo=UTC)),
    ],
)
def test_a_day_on_which_clocks_go_back_about_midnight_is_one_day(zone: str, day: date, begins: datetime) -> None:
    assert midnight(day, ZoneInfo(zone)) == begins
    assert [_hours(ZoneInfo(zone), day + timedelta(days=n)) for n in (-1, 0, 1)] == [24, 25, 24]


def test_a_day_that_a_zone_left_out_is_none() -> None:
    samoa = ZoneInfo("Pacific/Apia")
    since, until = datetime(2011, 12, 28, 12, tzinfo=UTC), datetime(2012, 1, 2, tzinfo=UTC)
    found = list(partitions("daily", samoa, since, until))
    assert [one.name for one in found] == ["2011-12-29", "2011-12-31", "2012-01-01"]
    assert found[0].end == found[1].start


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Sao_Paulo", "Africa/Cairo", "Australia/Lord_Howe"])
def test_every_reading_is_of_the_partition_of_its_local_day(zone: str) -> None:
    local = ZoneInfo(zone)
    for one in partitions("daily", local, datetime(2017, 9, 1, tzinfo=UTC), datetime(2018, 5, 1, tzinfo=UTC)):
        for moment in (one.start, one.end - timedelta(microseconds=1)):
            assert str(moment.astimezone(local).date()) == one.name


def test_names() -> None:
    since, until = datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 11, 1, 23, tzinfo=UTC)
    hours = [one.name for one in partitions("hourly", BERLIN, since, until)]
    assert hours[:2] == ["2026-10-24T22Z", "2026-10-24T23Z"]
    assert [one.name for one in partitions("weekly", BERLIN, since, until)] == ["2026-W44"]
    assert [one.name for one in partitions("monthly", BERLIN, since - timedelta(days=30), until)] == ["2026-10"]


@given(
    st.sampled_from(CADENCES),
    st.sampled_from(
        ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York", "Pacific/Apia", "America/Sao_Paulo"]
    ),
    st.datetimes(datetime(2011, 1, 1), datetime(2026, 12, 31)),
)
def test_partitions_follow_each_other_without_gap(cadence: Cadence, zone: str, since: datetime) -> None:
    begin = since.replace(tzinfo=UTC)
    found = list(partitions(cadence, ZoneInfo(zone), begin, begin + timedelta(days=100)))
    assert len({p.name for p in found}) == len(found)
    for one, following in pairwise(found):
        assert one.end == following.start
        assert one.start < one.end
