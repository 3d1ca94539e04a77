"""Events: stretches of a series beyond a limit, told apart by their first reading.

An event begins at a reading beyond the limit and lasts until one is back inside, by the hysteresis, or a gap between
readings is too long. What is known of an event adds up: it is known by its first reading, so that a walk carries from
slice to slice no more than which event is open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jobs.partials import exact
from jobs.partials.codes import starts_of_runs, text_ranks
from jobs.partials.exact import BoolArray
from jobs.partials.images import from_images, to_images
from jobs.partials.merge import integers
from jobs.partials.schema import PRODUCTS, SERIES, SUMS, Merge, PartialSchema
from jobs.partials.totals import add_up, add_up_runs, numbered, totals
from jobs.partials.walks import Last, Slice, Yielded, sequence_rows
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Float64Array, Int64Array

_NONE = -(2**63)
OPEN, GAP, BACK = range(3)
ENDED_BY = ("open", "gap", "return")
"""How an event ended, by code: not within the log; by a gap; by a reading back inside the limit."""

_EVENT = [*SERIES[:3], *(pa.field(name, pa.int64(), nullable=False) for name in ("start", "first"))]
_MERGES: dict[str, Merge] = {"count": "sum", "last": "max", "back": "max", "ended": "max"}
_MERGES.update(dict.fromkeys([*SUMS, *PRODUCTS], "sum"))
EVENTS = PartialSchema(
    "events",
    pa.schema(
        [
            *_EVENT,
            pa.field("window", pa.int16(), nullable=False),
            *(pa.field(name, pa.int64(), nullable=False) for name in _MERGES),
        ]
    ),
    _MERGES,
)
"""What adds up of an event. start: its first reading's time, µs since 1970 UTC; first: the image of that reading's
value; window: of magnitudes (see `exact`); count: readings; last: the last one's time; back: the time of the reading
that ended it; ended: OPEN, GAP or BACK; s0..s4: words of the sum of values; p0..p9: words of the area, in µs."""
PEAKS = PartialSchema(
    "peaks",
    pa.schema([*_EVENT, *(pa.field(name, pa.int64(), nullable=False) for name in ("height", "value", "time"))]),
    {"time": "min"},
)
"""Peaks of parts of an event. height: the image of how far, value: that of the value; time: of its earliest reading."""

_BLOCK = 32_768


@dataclass(frozen=True)
class Limits:
    """A reading is beyond the limits where value < low or value > high (None: no such limit), and back inside where
    low + hysteresis <= value <= high - hysteresis. max_gap: µs."""

    low: float | None
    high: float | None
    hysteresis: float
    max_gap: int

    @property
    def inner(self) -> tuple[float | None, float | None]:
        """Between which bounds a reading is back inside."""
        low = None if self.low is None else self.low + self.hysteresis
        return low, None if self.high is None else self.high - self.hysteresis

    def decisions(self, values: Float64Array) -> npt.NDArray[np.int8]:
        """1 for what is beyond the limits, -1 for what is back inside, 0 for what decides nothing."""
        beyond, inside = np.zeros(len(values), np.bool_), np.ones(len(values), np.bool_)
        low, high = self.inner
        if self.low is not None and low is not None:
            beyond |= values < self.low
            inside &= values >= low
        if self.high is not None and high is not None:
            beyond |= values > self.high
            inside &= values <= high
        return np.where(beyond, 1, np.where(inside, -1, 0)).astype(np.int8)

    def excess(self, values: Float64Array) -> Float64Array:
        """How far values lie beyond the limits, negative inside; at most the largest double."""
        far = np.full(len(values), -np.inf)
        with np.errstate(over="ignore"):
            if self.low is not None:
                far = np.maximum(far, self.low - values)
            if self.high is not None:
                far = np.maximum(far, values - self.high)
        most = np.finfo(np.float64).max
        clipped: Float64Array = np.clip(far, -most, most)
        return clipped

    def heights(self, values: Float64Array) -> Int64Array:
        """What is greatest at an event's peak."""
        if self.low is None:
            return to_images(values)
        return to_images(-values if self.high is None else self.excess(values))


@dataclass(frozen=True)
class Marked:
    """Readings of one owner after the other, in order, each with what came before it and its place in an event.

    owner: a code. near: whether a reading follows another one closely. active: whether it is of an event, whose first
    reading is `start` (its time) and `first` (its value's image). before_…: the same of the reading before it.
    """

    owner: Int64Array
    time: Int64Array
    value: Float64Array
    near: BoolArray
    active: BoolArray
    start: Int64Array
    first: Int64Array
    before_time: Int64Array
    before_value: Float64Array
    before_active: BoolArray
    before_start: Int64Array
    before_first: Int64Array

    def rows(self, limits: Limits) -> list[Int64Array]:
        """The columns of EVENTS, with `owner` for device, metric and unit, added up."""
        blocks, merges = [], list(_MERGES.values())
        for at in range(0, len(self.owner), _BLOCK):
            part = slice(at, at + _BLOCK)
            runs = (add_up_runs(rows, 4, merges) for rows in (self._members(part), self._tails(part, limits)))
            blocks.append(add_up([np.concatenate(column) for column in zip(*runs, strict=True)], 4, merges))
        joined = [np.concatenate(column) for column in zip(*blocks, strict=True)]
        return add_up(joined, 4, merges) if blocks else []

    def _members(self, part: slice) -> list[Int64Array]:
        """What readings add to their own events."""
        own = self.active[part]
        time, value = self.time[part][own], self.value[part][own]
        window = exact.windows(value)
        n = len(time)
        ended = [np.ones(n, np.int64), time, np.full(n, _NONE), np.full(n, OPEN)]
        words = [*exact.sum_words(value, window).T, *np.zeros((len(PRODUCTS), n), np.int64)]
        event = self.owner[part][own], self.start[part][own], self.first[part][own]
        return [*event, window.astype(np.int64), *ended, *words]

    def _tails(self, part: slice, limits: Limits) -> list[Int64Array]:
        """What readings add to the event of the reading before: the area up to them, and its end."""
        of_before = self.before_active[part]
        near, active, time = (column[part][of_before] for column in (self.near, self.active, self.time))
        excess = np.where(near, np.maximum(limits.excess(self.before_value[part][of_before]), 0.0), 0.0)
        length = np.where(near, time - self.before_time[part][of_before], 0)
        window, zeros = exact.windows(excess), np.zeros(len(time), np.int16)
        area = exact.product_words(excess, length.astype(np.float64), window, zeros)
        back = near & ~active
        ended = np.where(near, np.where(back, BACK, OPEN), GAP)
        n = len(time)
        counts = [np.zeros(n, np.int64), np.full(n, _NONE), np.where(back, time, _NONE), ended]
        event = (c[part][of_before] for c in (self.owner, self.before_start, self.before_first))
        return [*event, window.astype(np.int64), *counts, *np.zeros((len(SUMS), n), np.int64), *area.T]

    def peaks(self, limits: Limits) -> list[Int64Array]:
        """The columns of PEAKS, one row for each event of these readings."""
        event = [column[self.active] for column in (self.owner, self.start, self.first)]
        value, time = self.value[self.active], self.time[self.active]
        if not len(time):
            return []
        height = limits.heights(value)
        *own, highest, size = add_up_runs([*event, height, np.ones(len(time), np.int64)], 3, ["max", "sum"])
        number = np.repeat(np.arange(len(size)), size)
        candidates = np.flatnonzero(height == highest[number])
        image, event_of = to_images(value[candidates]), number[candidates]
        order = np.lexsort((image, time[candidates], event_of))
        peak = order[starts_of_runs(event_of[order])]
        return [*own, highest, image[peak], time[candidates][peak]]


@dataclass
class _Open:
    """Which event is open, by sequence."""

    active: BoolArray = field(default_factory=lambda: np.empty(0, np.bool_))
    start: Int64Array = field(default_factory=lambda: np.empty(0, np.int64))
    first: Int64Array = field(default_factory=lambda: np.empty(0, np.int64))

    def grow(self, n: int) -> None:
        more = n - len(self.active)
        self.active, self.start, self.first = (
            np.concatenate([old, np.zeros(more, old.dtype)]) for old in (self.active, self.start, self.first)
        )


class EventWalk:
    """The events of slices of readings, as EVENTS and PEAKS rows."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._last, self._open = Last(), _Open()

    def step(self, readings: Slice) -> Yielded:
        if not len(readings):
            return
        marked = self._mark(readings)
        for kind, columns in ((EVENTS, marked.rows(self._limits)), (PEAKS, marked.peaks(self._limits))):
            if columns and len(columns[0]):
                yield kind.name, sequence_rows(kind, readings, columns[0], columns[1:])

    def close(self) -> Yielded:
        yield from ()

    def _mark(self, now: Slice) -> Marked:
        seen, before_time, before_value = self._last.follow(now)
        self._open.grow(len(now.sequences))
        near = seen & (now.timestamp - np.where(seen, before_time, now.timestamp) <= self._limits.max_gap)
        starts, first = now.starts, now.sequence[now.starts]

        state = self._limits.decisions(now.value)
        carried = np.zeros(len(now), np.bool_)
        carried[starts] = self._open.active[first]
        state[~near & (state == 0)] = -1
        state[near & carried & (state == 0)] = 1
        active = state[_last_place((state != 0) | now.is_start)] == 1
        before_active = np.roll(active, 1)
        before_active[starts] = carried[starts]

        begins = active & ~(before_active & near)
        place = _last_place(begins | now.is_start)
        start, image = now.timestamp.copy(), to_images(now.value)
        goes_on = starts[~begins[starts]]
        owners = now.sequence[goes_on]
        start[goes_on], image[goes_on] = self._open.start[owners], self._open.first[owners]
        start, image = start[place], image[place]
        before_start, before_first = np.roll(start, 1), np.roll(image, 1)
        before_start[starts], before_first[starts] = self._open.start[first], self._open.first[first]

        ends = np.append(starts[1:], len(now)) - 1
        self._open.active[first], self._open.start[first] = active[ends], start[ends]
        self._open.first[first] = image[ends]
        own = now.sequence, now.timestamp, now.value, near, active, start, image
        return Marked(*own, before_time, before_value, before_active & seen, before_start, before_first)


def _last_place(marks: BoolArray) -> Int64Array:
    """The place of the last mark at or before each place; the first place is marked."""
    return np.maximum.accumulate(np.where(marks, np.arange(len(marks)), 0))


def finish(partials: Mapping[str, pa.Table], min_duration: int) -> pa.Table:
    """The events of at least `min_duration` µs, from merged EVENTS and PEAKS rows.

    Columns: device_id, metric, unit, start, end (UTC, µs), seconds (float64), readings (int64), peak (float64),
    peak_time (UTC, µs), mean, area (float64), ended_by (string).
    """
    rows, peaks = partials[EVENTS.name], partials[PEAKS.name]
    both = [pa.chunked_array([*rows[name].chunks, *peaks[name].chunks], pa.string()) for name in rows.column_names[:3]]
    ranks, texts = zip(*map(text_ranks, both), strict=True)
    start, first = (np.concatenate([integers(t.column(name)) for t in (rows, peaks)]) for name in ("start", "first"))
    number, _ = numbered([*ranks, start, first])
    of_row, of_peak = number[: len(rows)], number[len(rows) :]

    merged = [integers(rows.column(name)) for name in ("count", "last", "back", "ended")]
    event, count, last, back, ended = add_up([of_row, *merged], 1, ["sum", "max", "max", "max"])
    window = integers(rows.column("window"))
    total = totals([integers(rows.column(name)) for name in SUMS], window, of_row)
    area = totals([integers(rows.column(name)) for name in PRODUCTS], window, of_row, factors=2)

    height, value, time = (integers(peaks.column(name)) for name in ("height", "value", "time"))
    order = np.lexsort((value, time, ~height, of_peak))
    peak = order[starts_of_runs(of_peak[order])]
    one = peak + len(rows)  # a row of each event, in their order
    begin, end = start[one], np.where(ended == BACK, back, last)
    utc = pa.timestamp("us", "UTC")
    columns = {
        name: of.take(from_numpy(rank[one], mask=rank[one] < 0))
        for name, of, rank in zip(("device_id", "metric", "unit"), texts, ranks, strict=True)
    }
    columns |= {
        "start": from_numpy(begin).cast(utc),
        "end": from_numpy(end).cast(utc),
        "seconds": from_numpy((end - begin) / 1e6),
        "readings": from_numpy(count),
        "peak": from_numpy(from_images(value[peak])),
        "peak_time": from_numpy(time[peak]).cast(utc),
        "mean": from_numpy(total / np.maximum(count, 1)),
        "area": from_numpy(area / 1e6),
        "ended_by": pa.array(ENDED_BY).take(from_numpy(ended)),
    }
    assert len(event) == len(peak)
    return pa.table(columns).filter(from_numpy(end - begin >= min_duration))
