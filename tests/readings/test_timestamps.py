"""What a timestamp is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.readings.dialect import Timestamp
from jobs.readings.model import Reason
from jobs.readings.refusal import RejectError
from jobs.readings.timestamps import TimeReader

RUN_START = 1_900_000_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def reader(*formats: str, **rules: Any) -> TimeReader:
    columns = tuple(f"c{i}" for i in range(len(formats)))
    return TimeReader(
        Timestamp(columns, formats, **{"min": "0001-01-01", "max": "9999-12-31T23:59:59", **rules}), RUN_START
    )


def instant(text: str) -> int:
    """µs of an ISO instant with offset."""
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)


def refused(of: TimeReader, *texts: str) -> Reason:
    with pytest.raises(RejectError) as raised:
        of.read(texts)
    return raised.value.reason


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01T12:30", "2026-03-01T12:30:00+00:00"),
        ("2026-03-01 12:30:15", "2026-03-01T12:30:15+00:00"),
        ("2026-03-01T12:30:15Z", "2026-03-01T12:30:15+00:00"),
        ("2026-03-01T12:30Z", "2026-03-01T12:30:00+00:00"),
        ("2026-03-01T12:30:15.5+01:00", "2026-03-01T11:30:15.500000+00:00"),
        ("2026-03-01T12:30:15,123456+0130", "2026-03-01T11:00:15.123456+00:00"),
        ("2026-03-01T12:30:15.123456789-05", "2026-03-01T17:30:15.123456+00:00"),
        ("2026-03-01T00:00:00-23:59", "2026-03-01T23:59:00+00:00"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999+00:00"),
        ("2016-12-31T23:59:60.25Z", "2016-12-31T23:59:59.999999+00:00"),
        ("2024-02-29T00:00:00-00:00", "2024-02-29T00:00:00+00:00"),
    ],
)
def test_iso8601(text: str, expected: str) -> None:
    assert reader("iso8601").read([text]) == instant(expected)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "2026-3-1",
            "20260301",
            "2026-03-01Z",
            "2026-03-01T",
            "2026-03-01T12",
            "2026-03-01t12:30",
            "2026-03-01T12:30z",
        ),
        *("2026-02-29", "2026-13-01", "2026-00-01", "2026-01-00", "0000-01-01", "2026-03-01T24:00", "2026-03-01T12:60"),
        *("2026-03-01T12:30:61", "2026-03-01T12:30:15.", "2026-03-01T12:30:15.1234567890", "2026-03-01T12:30:15+24:00"),
        *(
            "2026-03-01T12:30:15+01:60",
            "2026-03-01T12:30:15+1",
            " 2026-03-01",
            "2026-03-01\n",
            "２026-03-01",
            "+2026-03-01",
        ),
        *("2026-03-01  12:30", "2026-03-01T12:30.5", "2026-03-01T12:30:15 Z"),
    ],
)
def test_what_is_no_iso8601(text: str) -> None:
    assert refused(reader("iso8601"), text) is Reason.TIMESTAMP


@given(st.datetimes(timezones=st.timezones()))
def test_what_python_writes(when: datetime) -> None:
    offset = when.utcoffset()
    if offset is not None and offset % timedelta(minutes=1) == timedelta(0) and _in_range(when):
        assert reader("iso8601").read([when.isoformat()]) == (when - _EPOCH) // timedelta(microseconds=1)


def _in_range(when: datetime) -> bool:
    return 2 < when.year < 9998


@pytest.mark.parametrize(
    ("form", "text", "micros"),
    [
        *(
            ("epoch_s", "1.5", 1_500_000),
            ("epoch_s", "-1.5", -1_500_000),
            ("epoch_s", "0.0000019", 1),
            ("epoch_s", "007", 7_000_000),
        ),
        *(("epoch_s", "-0.0000001", -1), ("epoch_s", "-0", 0), ("epoch_ms", "1772323200123", 1_772_323_200_123_000)),
        *(("epoch_ms", "1.2345", 1234), ("epoch_us", "-3.5", -4), ("epoch_us", "12", 12), ("epoch_ns", "1999", 1)),
        *(("epoch_ns", "-1", -1), ("epoch_ns", "1772323200123456789", 1_772_323_200_123_456), ("epoch_ns", "5.5", 0)),
    ],
)
def test_epochs(form: str, text: str, micros: int) -> None:
    assert reader(form).read([text]) == micros


@pytest.mark.parametrize("text", ["", "-", "+1", "1.", ".5", "1e9", " 1", "0x1", "1,5", "nan", "١"])
def test_what_is_no_epoch(text: str) -> None:
    assert refused(reader("epoch_s"), text) is Reason.TIMESTAMP


def test_epochs_of_any_length_are_out_of_range() -> None:
    assert refused(reader("epoch_s"), "9" * 5000) is Reason.TIMESTAMP_RANGE
    assert refused(reader("epoch_s"), "-" + "9" * 30) is Reason.TIMESTAMP_RANGE
    assert reader("epoch_s").read(["0" * 5000 + "1." + "0" * 5000]) == 1_000_000


@pytest.mark.parametrize(
    ("formats", "texts", "expected"),
    [
        (("%d/%m/%Y %H:%M:%S",), ("1/2/2007 3:04:5",), "2007-02-01T03:04:05+00:00"),
        (("%d/%m/%Y", "%H.%M.%S"), ("16/12/2006", "17.24.60"), "2006-12-16T17:24:59.999999+00:00"),
        (("%Y", "%m", "%d", "%H"), ("2013", "3", "01", "0"), "2013-03-01T00:00:00+00:00"),
        (("%Y%m%d", "%H%M"), ("19500515", "0700"), "1950-05-15T07:00:00+00:00"),
        (("%Y-%m-%dT%H:%M:%S.%f%z",), ("2026-03-01T01:00:00.5+0200",), "2026-02-28T23:00:00.5+00:00"),
        (("100%% %Y(%m)[%d]",), ("100% 2026(3)[1]",), "2026-03-01T00:00:00+00:00"),
    ],
)
def test_patterns(formats: tuple[str, ...], texts: tuple[str, ...], expected: str) -> None:
    assert reader(*formats).read(texts) == instant(expected)


@pytest.mark.parametrize(
    ("formats", "texts"),
    [
        (("%Y%m%d",), ("2013301",)),  # two digits right before a directive
        (("%d/%m/%Y",), ("001/2/2007",)),
        (("%d/%m/%Y",), ("1/2/07",)),
        (("%Y", "%m", "%d"), ("2013", "2", "30")),
        (("%Y", "%m", "%d"), ("2013\x002", "30", "")),
        (("%Y.%m.%d",), ("2013-02-03",)),
    ],
)
def test_what_fits_no_pattern(formats: tuple[str, ...], texts: tuple[str, ...]) -> None:
    assert refused(reader(*formats), *texts) is Reason.TIMESTAMP


def test_local_times() -> None:
    berlin = reader("iso8601", time_zone="Europe/Berlin")
    assert berlin.read(["2026-07-01T12:00"]) == instant("2026-07-01T10:00:00+00:00")
    assert berlin.read(["2026-07-01T12:00Z"]) == instant("2026-07-01T12:00:00+00:00")
    assert berlin.read(["2026-10-25T02:30"]) == instant("2026-10-25T00:30:00+00:00")
    assert berlin.read(["2026-03-29T02:30"]) == instant("2026-03-29T01:30:00+00:00")
    strict = reader("iso8601", time_zone="Europe/Berlin", ambiguous="reject", nonexistent="reject")
    assert refused(strict, "2026-10-25T02:30") is Reason.LOCAL_TIME
    assert refused(strict, "2026-03-29T02:30") is Reason.LOCAL_TIME


def test_limits_are_inclusive_and_the_run_sets_the_last() -> None:
    usual = TimeReader(Timestamp(formats=("epoch_us",)), RUN_START)
    last = RUN_START + 86_400_000_000
    assert usual.read([str(last)]) == last
    assert refused(usual, str(last + 1)) is Reason.TIMESTAMP_RANGE
    first = instant("1900-01-01T00:00:00+00:00")
    assert usual.read([str(first)]) == first
    assert refused(usual, str(first - 1)) is Reason.TIMESTAMP_RANGE


@pytest.mark.parametrize(
    ("formats", "reason"),
    [
        (("%Y-%m",), "%Y, %m and %d are needed"),
        (("%Y-%m-%d", "%d"), "a directive occurs twice"),
        (("%Y-%m-%d %M",), "%M without %H"),
        (("%Y-%m-%d %j",), '"%j" is not one of %Y %m %d %H %M %S %f %z %%'),
        (("%Y-%m-%d %",), '"%" is not one of'),
        (("iso8601", "%H"), "several columns need a pattern each"),
        (("ISO",), "%Y, %m and %d are needed"),
    ],
)
def test_formats_that_cannot_be(formats: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason.replace("%", "%").replace("(", r"\(")):
        reader(*formats)


def test_limits_that_cannot_be() -> None:
    with pytest.raises(ValueError, match='"soon" is no ISO 8601 instant'):
        reader("iso8601", min="soon")
    with pytest.raises(ValueError, match="min 2026-01-02 is after max 2026-01-01"):
        reader("iso8601", min="2026-01-02", max="2026-01-01")
    with pytest.raises(ValueError, match="1 formats for 2 columns"):
        TimeReader(Timestamp(("a", "b"), ("%Y-%m-%d",)), RUN_START)
