"""Energy by brute force: every interval cut minute by minute, in fractions."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

MINUTE = 60_000_000
Reading = tuple[int, float]
"""µs since 1970 UTC, and power."""


@dataclass
class Day:
    """What a day comes to. integral: power times half µs; windows: the same by their begin; covered, uncovered: µs."""

    readings: int = 0
    integral: Fraction = Fraction(0)
    windows: dict[int, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    covered: int = 0
    uncovered: int = 0


def energy(readings: Iterable[Reading], zone: str, demand: int, max_gap: int, method: str) -> dict[date, Day]:
    """The days of one series."""
    days: dict[date, Day] = defaultdict(Day)
    ordered = sorted(readings, key=lambda r: (r[0], r[1], math.copysign(1, r[1])))
    for time, _ in ordered:
        days[_local(time, zone).date()].readings += 1
    listed = set(days)
    for (t0, v0), (t1, v1) in pairwise(ordered):
        for a, b in pairwise(_edges(t0, t1, zone, demand)):
            date = _local(a, zone).date()
            if t1 - t0 > max_gap:
                if date in (_local(t0, zone).date(), _local(t1, zone).date()):
                    days[date].uncovered += b - a
                continue
            rising = 0 if method == "left" else _f(b - t0, t1 - t0) - _f(a - t0, t1 - t0)
            piece = Fraction(v0) * (2 * (b - a) - rising) + Fraction(v1) * rising
            days[date].integral += piece
            days[date].windows[_window(a, zone, demand)] += piece
            days[date].covered += b - a
    assert listed <= set(days)
    return days


def _f(elapsed: int, length: int) -> int:
    return math.floor(elapsed * (elapsed / length))


def _edges(begin: int, end: int, zone: str, demand: int) -> list[int]:
    """begin, every minute at which another window begins, end."""
    minutes = range((begin // MINUTE + 1) * MINUTE, end, MINUTE)
    inner = [m for m in minutes if _window(m - MINUTE, zone, demand) != _window(m, zone, demand)]
    return [begin, *inner, end] if end > begin else []


@cache
def _window(time: int, zone: str, demand: int) -> int:
    """When the window of local time begins that holds this instant."""
    local = _local(time, zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    elapsed = (local.replace(tzinfo=None) - midnight) // timedelta(microseconds=1) % demand
    starts = range((time - elapsed) // MINUTE * MINUTE, time + 1, MINUTE)
    return next(s for s in starts if _local(s, zone).utcoffset() == local.utcoffset())


def _local(time: int, zone: str) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time)).astimezone(ZoneInfo(zone))
