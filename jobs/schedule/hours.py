"""The hours of UTC days of which an object holds readings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

ALL_HOURS = (1 << 24) - 1


@dataclass(frozen=True, slots=True)
class Day:
    """A UTC day of which an object holds readings; bit h of `hours` is set where it holds some of hour h."""

    day: date
    hours: int
    readings: int


def unknown(arrived: date) -> Day:
    """The day of an object of which nobody knows what it holds, but that this day is not whole without it."""
    return Day(arrived, ALL_HOURS, 0)


def touches(days: Iterable[Day], start: datetime, end: datetime) -> bool:
    """Whether an object that holds these days has readings of [start, end), as far as their hours tell."""
    return any(day.hours & _hours(day.day, start, end) for day in days if start.date() <= day.day <= end.date())


def _hours(day: date, start: datetime, end: datetime) -> int:
    """The hours of a UTC day that [start, end) has part in, as bits."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=start.tzinfo)
    first = max(int((start - midnight).total_seconds() // 3600), 0)
    last = min(int(-(-(end - midnight).total_seconds() // 3600)), 24)
    return ((1 << last) - 1) & ~((1 << first) - 1) if first < last else 0
