"""Partitions of time: days, hours, weeks and months as clocks of a zone have them, across changes of the clocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, cast
from zoneinfo import ZoneInfo

from jobs.errors import UsageError

Cadence = Literal["hourly", "daily", "weekly", "monthly"]
CADENCES: tuple[Cadence, ...] = ("hourly", "daily", "weekly", "monthly")

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

    A day is 23 or 25 hours long when clocks change. Hours are those of UTC, which clocks do not change.
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
    while (end := _midnight(following(day), zone)) <= until:
        start = _midnight(day, zone)
        if start >= since:
            yield Partition(end, start, spelled(day))
        day = following(day)


def of_day(cadence: Cadence, zone: ZoneInfo, day: date) -> list[Partition]:
    """Those that end on a local day or at its end: the day itself, its hours, the week or month it completes."""
    begin, end = _midnight(day, zone), _midnight(day + _DAY, zone)
    longest = begin - timedelta(days=32)
    return [one for one in partitions(cadence, zone, longest, end) if one.end > begin]


def named(cadence: Cadence, zone: ZoneInfo, name: str) -> Partition:
    """The partition of that name. Raises UsageError where there is none."""
    try:
        if cadence == "hourly":
            start = datetime.strptime(name, "%Y-%m-%dT%HZ").replace(tzinfo=UTC)
        elif cadence == "weekly":
            year, _, week = name.partition("-W")
            start = _midnight(date.fromisocalendar(int(year), int(week), 1), zone)
        else:
            start = _midnight(date.fromisoformat(f"{name}-01" if cadence == "monthly" else name), zone)
        found = next(partitions(cadence, zone, start, start + timedelta(days=33)))
        if found.name == name:
            return found
    except (ValueError, OverflowError, StopIteration):
        pass
    raise UsageError(f'"{name}" is no {cadence} partition', fix=f"write it as {_EXAMPLES[cadence]}")


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which a local day begins, in UTC."""
    return _midnight(day, zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    # where clocks skip midnight, the zone's earlier offset gives the very instant at which they are put forward
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
_EXAMPLES = {"hourly": "2026-03-29T22Z", "daily": "2026-03-29", "weekly": "2026-W13", "monthly": "2026-03"}


def cadence_of(word: str) -> Cadence:
    return cast("Cadence", word)
