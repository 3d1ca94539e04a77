"""Statistics by brute force: a few lines of plain Python, obviously right."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Expected:
    """One row of daily statistics; stddev within an ulp or two."""

    count: int
    mean: float
    stddev: float | None
    min: float
    max: float
    sum: float
    first: datetime
    last: datetime


def daily(readings: pa.Table, zone: str = "UTC") -> dict[tuple[str, str, str | None, date], Expected]:
    """The rows by key, from a table of readings."""
    return by_bucket(readings, lambda instant: instant.astimezone(ZoneInfo(zone)).date())


B = TypeVar("B", bound=Hashable)


def by_bucket(readings: pa.Table, bucket_of: Callable[[datetime], B]) -> dict[tuple[str, str, str | None, B], Expected]:
    """The statistics of each device, metric, unit and bucket, from a table of readings that have a time."""
    groups: dict[tuple[str, str, str | None, B], list[tuple[datetime, float]]] = defaultdict(list)
    times = readings["timestamp"].cast(pa.int64()).to_pylist()
    columns = [readings[name].to_pylist() for name in ("device_id", "metric", "unit", "value")]
    for time, device, metric, unit, value in zip(times, *columns, strict=True):
        instant = EPOCH + timedelta(microseconds=time)
        groups[device, metric, unit, bucket_of(instant)].append((instant, value))
    return {key: _statistics(rows) for key, rows in groups.items()}


def site_of(metadata: Path, device: str, time: datetime) -> str:
    """Where a device stood, by a file of device metadata in CSV."""
    for row in _rows_of(metadata):
        begin, end = (
            row[name] and datetime.fromisoformat(row[name]).astimezone(UTC) for name in ("valid_from", "valid_to")
        )
        if row["device_id"] == device and (not begin or begin <= time) and (not end or time < end):
            return row["site"]
    return "(unmatched)"


@cache
def _rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def same(row: dict[str, Any], want: Expected) -> None:
    """Asserts that a result row has the statistics expected, to the last bit."""
    exact = [row[n] for n in ("count", "mean", "min", "max", "sum")]
    assert list(map(repr, exact)) == list(map(repr, [want.count, want.mean, want.min, want.max, want.sum]))
    assert row["stddev"] == (None if want.stddev is None else pytest.approx(want.stddev, rel=5e-16, abs=0))


def _statistics(rows: list[tuple[datetime, float]]) -> Expected:
    values = sorted((v for _, v in rows), key=lambda v: (v, math.copysign(1, v)))  # -0.0 before 0.0
    count = len(values)
    exact = sum(map(Fraction, values), Fraction(0))
    total, mean = float(exact), exact / count
    squares = sum(((Fraction(v) - mean) ** 2 for v in values), Fraction(0))
    variance = squares / (count - 1) if count > 1 else None
    stddev = None if variance is None else _root(variance)
    times = [t for t, _ in rows]
    return Expected(count, total / count, stddev, values[0], values[-1], total, min(times), max(times))


def _root(square: Fraction) -> float:
    """The square root of a fraction of any size, correctly rounded to within an ulp."""
    shift = max(0, 300 - square.numerator.bit_length() + square.denominator.bit_length())
    shift += shift % 2
    scaled = math.isqrt((square.numerator << shift) // square.denominator)
    return float(Fraction(scaled, 1 << (shift // 2)))
