"""Which bucket an instant falls into: spans of instants, each with buckets of one length on a clock of its own.

Days, weeks and other fixed lengths are those of local clocks; calendar months and years are spans of their own. In
`windows` the clock never counts an hour twice: docs/rollup.md tells what that means where clocks change.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jobs.readings.model import NO_TIME, Int64Array
from jobs.readings.zones import DAY, Zone

_LIMIT = 2**60  # far beyond any instant, and small enough that no sum of two overflows
_EVER = 2**58  # beyond any instant that has a bucket
_HOUR = DAY // 24
_WEEK, _MONDAY = 7 * DAY, -3 * DAY  # 1969-12-29 was a Monday
_FIRST_MONTH, _LAST_MONTH = np.datetime64("0001-01", "M"), np.datetime64("9999-12", "M")


@dataclass(frozen=True)
class Spans:
    """An instant t from starts[i] on, and before starts[i + 1], has bucket numbers[i] + floor((t + shifts[i]) / size).

    starts, shifts: int64, µs; the first span has no beginning, the last no end.
    """

    starts: Int64Array
    shifts: Int64Array
    numbers: Int64Array


@dataclass(frozen=True)
class Buckets:
    """Bucket b holds the instants whose local time in `zone` lies in [origin + b·size, origin + (b + 1)·size).

    size, origin: µs; origin counts from 1970-01-01 00:00 local time. With a cycle, bucket b holds those of b + cycle,
    b + 2·cycle, … too. The zone's table travels with it, so that tasks need no time zone database.
    """

    zone: Zone
    size: int
    origin: int = 0
    cycle: int = 0

    def __post_init__(self) -> None:
        if not (0 < self.size < _LIMIT and abs(self.origin) < _LIMIT):
            raise ValueError(f"no bucket is {self.size} µs long, counted from {self.origin}")

    @cached_property
    def spans(self) -> Spans:
        return Spans(self.zone.utc_starts, self.zone.offsets - self.origin, np.zeros(len(self.zone.offsets), np.int64))

    def of(self, timestamps: Int64Array) -> Int64Array:
        """The bucket of each instant (µs since 1970-01-01 UTC); NO_TIME for NO_TIME."""
        spans = self.spans
        span = np.maximum(np.searchsorted(spans.starts, timestamps, side="right") - 1, 0)
        known = np.where(timestamps == NO_TIME, 0, timestamps)
        number = spans.numbers[span] + (known + spans.shifts[span]) // self.size
        return np.where(timestamps == NO_TIME, NO_TIME, number % self.cycle if self.cycle else number)

    def starts(self, buckets: Int64Array) -> Int64Array:
        """The first instant that lies in each bucket or a later one: where it starts, and the one before it ends."""
        spans = self.spans
        ends = np.append(spans.starts[1:], _EVER)
        last = np.maximum.accumulate(spans.numbers + (ends - 1 + spans.shifts) // self.size)
        span = np.searchsorted(last, buckets)
        begin = np.append(-_EVER, spans.starts[1:])[span]
        starts: Int64Array = np.maximum(begin, (buckets - spans.numbers[span]) * self.size - spans.shifts[span])
        return starts

    def changes(self, first: int, last: int) -> Int64Array:
        """The instants after `first` and up to `last` that lie in another bucket than the one before them: where clocks
        are set back over midnight, a day begins, and ends, twice."""
        spans, found = self.spans, []
        ends = np.append(spans.starts[1:], _EVER)
        low, high = np.maximum(np.searchsorted(spans.starts, [first, last], side="right") - 1, 0)
        for begin, end, shift in zip(*(c[low : high + 1] for c in (spans.starts, ends, spans.shifts)), strict=True):
            since, until = max(begin, first + 1), min(end - 1, last)
            numbers = np.arange((since - 1 + shift) // self.size + 1, (until + shift) // self.size + 1)
            found += [np.full(int(since == begin), begin), numbers * self.size - shift]
        at = np.unique(np.concatenate(found))
        another: Int64Array = at[self.of(at) != self.of(at - 1)]
        return another


@dataclass(frozen=True)
class Windows(Buckets):
    """The same for windows shorter than a day, but that a window is one span of instants, and that every instant of
    clocks set back begins one where they then show its start. Their numbers count up from any."""

    @cached_property
    def spans(self) -> Spans:
        plain = super().spans
        numbers = [0]
        for start, before, after in zip(plain.starts[1:], plain.shifts[:-1], plain.shifts[1:], strict=True):
            (old, _), (new, past) = divmod(start - 1 + before, self.size), divmod(start + after, self.size)
            goes_on = old == new and past > 0
            numbers.append(numbers[-1] + int(old) + (not goes_on) - int(new))
        return Spans(plain.starts, plain.shifts, np.array(numbers, np.int64))


@dataclass(frozen=True)
class Months(Buckets):
    """Calendar months, `months` at a time: the bucket counts them from 1970-01 on, local time."""

    size: int = _LIMIT - 1
    months: int = 1

    @cached_property
    def spans(self) -> Spans:
        months = np.arange(_FIRST_MONTH, _LAST_MONTH)
        begins = months.astype("datetime64[us]").astype(np.int64)
        numbers = months.astype(np.int64) // self.months
        zone, parts = self.zone, []
        bounds = np.concatenate([[-_EVER], zone.utc_starts[1:], [_EVER]])
        for first, end, offset in zip(bounds[:-1], bounds[1:], zone.offsets, strict=True):
            low, high = np.searchsorted(begins, [first + offset, end + offset])
            inside = slice(max(low - 1, 0), high)  # the month that holds the first instant, and those that begin later
            parts.append((np.maximum(begins[inside] - offset, first), numbers[inside]))
        starts, found = (np.concatenate(column) for column in zip(*parts, strict=True))
        new = np.append(True, found[1:] != found[:-1])
        return Spans(starts[new], np.full(int(new.sum()), _EVER), found[new])


def days(zone: Zone) -> Buckets:
    """Local days: the bucket is the day's number since 1970-01-01."""
    return Buckets(zone, DAY)


def skipped_days(zone: Zone) -> Int64Array:
    """The local days that a zone left out, as Samoa did one in 2011: the numbers of their buckets, ascending."""
    starts, before, after = zone.utc_starts[1:], zone.offsets[:-1], zone.offsets[1:]
    first, end = -((starts + before) // -DAY), (starts + after) // DAY
    return np.concatenate([first[:0], *map(np.arange, first, end)])


def whole(zone: Zone) -> Buckets:
    """One bucket, 0, for all instants."""
    return Buckets(zone, _LIMIT - 1, -(_LIMIT // 2))


def weeks(zone: Zone) -> Buckets:
    """Local weeks of ISO 8601: they begin on Mondays; bucket 0 holds 1970-01-01."""
    return Buckets(zone, _WEEK, _MONDAY)


def hours_of_week(zone: Zone) -> Buckets:
    """What local clocks show: the hours of the week from Monday's first, 0, to Sunday's last, 167."""
    return Buckets(zone, _HOUR, _MONDAY, 168)


def hours_of_day(zone: Zone) -> Buckets:
    """What local clocks show: the hours of the day, 0 to 23."""
    return Buckets(zone, _HOUR, 0, 24)


def windows(zone: Zone, size: int) -> Buckets:
    """Windows of `size` µs, that divide a day or are whole days, counted from local midnight. Raises ValueError."""
    if size > 0 and DAY % size == 0 and size < DAY:
        return Windows(zone, size)
    if size > 0 and size % DAY == 0:
        return Buckets(zone, size)
    raise ValueError("a window divides a day, or is a number of whole days")
