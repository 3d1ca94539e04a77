"""Partitions of time: days, hours, weeks and months as clocks of a zone have them, across changes of the clocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Cadence = Literal["hourly", "daily", "weekly", "monthly"]
LONGEST: dict[Cadence, timedelta] = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=2),
    "weekly": timedelta(days=8),
    "monthly": timedelta(days=32),
}
"""Cadences, with a time that no partition of them exceeds."""
CADENCES = tuple(LONGEST)

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """The time [start, end), in UTC. `name`: `2026-03-29`, `2026-03-29T22Z` (an hour of UTC), `2026-W13`, `2026-03`."""

    end: datetime
    start: datetime
    name: str

    def overlaps(self, start: datetime, end: datetime) -> bool:
        return self.start < end and start < self.end


def partitions(cadence: Cadence, zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[Partition]:
    """Those that begin at `since` or later and end at `until` or before, in the order of time.

    A day is 23 or 25 hours long when clocks change; one that a zone left out, as Samoa did in 2011, is none. Hours are
    those of UTC, which clocks do not change.
    """
    if cadence == "hourly":
        start = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        start += timedelta(hours=start < since)
        while (end := start + timedelta(hours=1)) <= until:
            yield Partition(end, start, f"{start:%Y-%m-%dT%HZ}")
            start = end
        return
    first, following, spelled = _CALENDAR[cadence]
    day = first(since.astimezone(zone).date())
    while (end := midnight(following(day), zone)) <= until:
        start = midnight(day, zone)
        if since <= start < end:
            yield Partition(end, start, spelled(day))
        day = following(day)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which a local day begins, in UTC: the first of two midnights; where clocks skip it, that."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _week_of(day: date) -> str:
    return "{}-W{:02d}".format(*day.isocalendar())


_CALENDAR: dict[str, tuple[Callable[[date], date], Callable[[date], date], Callable[[date], str]]] = {
    "daily": (lambda day: day, lambda day: day + _DAY, date.isoformat),
    "weekly": (lambda day: day - _DAY * day.weekday(), lambda day: day + 7 * _DAY, _week_of),
    "monthly": (lambda day: day.replace(day=1), _next_month, lambda day: f"{day:%Y-%m}"),
}
