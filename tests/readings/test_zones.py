"""Time zone tables against the database that they come from."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import UsageError
from jobs.readings import zones

NAMES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour of summer time
    "Pacific/Apia",  # skipped a day
    "Europe/Amsterdam",  # 19 minutes and 32 seconds, once
    "Africa/Freetown",  # the shortest span
    "Africa/Casablanca",
    "Asia/Kathmandu",
]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(text: str) -> int:
    """A time in µs, as if it were UTC."""
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


instants = st.integers(zones.FIRST, zones.LAST - 1)


@given(st.sampled_from(NAMES), st.lists(instants, min_size=1, max_size=20))
def test_offsets_are_those_of_the_database(name: str, utc: list[int]) -> None:
    zone = ZoneInfo(name)
    expected = [(_EPOCH + timedelta(microseconds=t)).astimezone(zone).utcoffset() for t in utc]
    found = zones.load(name).offset_array(np.array(utc, np.int64))
    assert found.tolist() == [offset // timedelta(microseconds=1) for offset in expected if offset is not None]


@pytest.mark.parametrize("name", NAMES)
def test_changes_are_found_to_the_second(name: str) -> None:
    zone, table = ZoneInfo(name), zones.load(name)
    for start, offset in zip(table.utc_starts[1:].tolist(), table.offsets[1:].tolist(), strict=True):
        when = _EPOCH + timedelta(microseconds=start)
        assert when.astimezone(zone).utcoffset() == timedelta(microseconds=offset)
        assert (when - timedelta(seconds=1)).astimezone(zone).utcoffset() != timedelta(microseconds=offset)


@given(st.sampled_from(NAMES), st.lists(st.one_of(instants, st.integers(micros("2026-03-29"), micros("2026-03-30")))))
def test_certain_local_times_are_one_instant(name: str, local: list[int]) -> None:
    zone = zones.load(name)
    utc, certain = zone.to_utc_array(np.array(local, np.int64))
    for time, instant, sure in zip(local, utc.tolist(), certain.tolist(), strict=True):
        assert not sure or zone.to_utc(time, "reject", "reject") == instant
        assert sure or zone.to_utc(time, "reject", "reject") is None


@pytest.mark.parametrize(
    ("local", "rule", "instant"),
    [
        ("2026-03-29T01:59:59", "", "2026-03-29T00:59:59"),
        ("2026-03-29T02:00:00", "forward", "2026-03-29T01:00:00"),
        ("2026-03-29T02:30:00", "forward", "2026-03-29T01:30:00"),
        ("2026-03-29T02:30:00", "reject", None),
        ("2026-03-29T03:00:00", "reject", "2026-03-29T01:00:00"),
        ("2026-10-25T01:59:59", "", "2026-10-24T23:59:59"),
        ("2026-10-25T02:30:00", "earlier", "2026-10-25T00:30:00"),
        ("2026-10-25T02:30:00", "later", "2026-10-25T01:30:00"),
        ("2026-10-25T02:30:00", "reject", None),
        ("2026-10-25T03:00:00", "reject", "2026-10-25T02:00:00"),
        ("1850-01-01T00:53:28", "", "1849-12-31T23:53:28"),  # before the table its first span goes on
    ],
)
def test_rules_of_local_time(local: str, rule: str, instant: str | None) -> None:
    zone = zones.load("Europe/Berlin")
    found = zone.to_utc(
        micros(local),
        "later" if rule == "later" else "reject" if rule == "reject" else "earlier",
        "reject" if rule == "reject" else "forward",
    )
    assert found == (None if instant is None else micros(instant))


def test_tables_travel() -> None:
    zone = zones.load("Europe/Berlin")
    copy = zones.Zone.from_json(json.loads(json.dumps(zone.as_json())))
    assert copy.as_json() == zone.as_json()
    assert zone.version == zones.database_version()


def test_a_provided_table_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zones, "_known", {})
    here = zones.Zone("Moon/Tycho", "1969a", np.array([zones.FIRST], np.int64), np.array([42], np.int64))
    zones.provide(here)
    assert zones.load("Moon/Tycho") is here


def test_unknown_zones() -> None:
    with pytest.raises(UsageError, match='unknown time zone "Europe/Pari"; did you mean "Europe/Paris"'):
        zones.load("Europe/Pari")
    with pytest.raises(UsageError, match="unknown time zone"):
        zones.load("../etc/passwd")
