"""Energy: the time integral of each series of power, in whole weights of half a microsecond.

Between two readings power is taken to run in a straight line (trapezoid) or to stay what it was (left). The integral
from t0 to x of a line from v0 to v1 is v0·(2(x - t0) - F(x))/2 + v1·F(x)/2 with F(x) = (x - t0)²/(t1 - t0). F is
rounded down to a whole number, which does not touch F(t0) = 0 and F(t1) = t1 - t0: a piece from a to b has the weights
F(b) - F(a) of v1 and 2(b - a) less that of v0, so that the pieces of an interval weigh together what it weighs whole,
wherever it was cut. Products of values and weights are exact words, so that integrals are exact sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pyarrow as pa

from jobs.partials import exact
from jobs.partials.codes import starts_of_runs, text_ranks
from jobs.partials.cuts import Windows
from jobs.partials.images import from_images, to_images
from jobs.partials.merge import integers
from jobs.partials.schema import PRODUCTS, SERIES, PartialSchema
from jobs.partials.totals import add_up, numbered, totals
from jobs.partials.walks import Last, Slice, Yielded, sequence_rows
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Float64Array, Int64Array
from jobs.readings.zones import DAY, Zone

Method = Literal["trapezoid", "left"]

_SUMS = ("readings", "covered", "uncovered", *PRODUCTS)
ENERGY = PartialSchema(
    "energy",
    pa.schema(
        [
            *SERIES,
            *(pa.field(name, pa.int64(), nullable=False) for name in ("demand",)),
            pa.field("window", pa.int16(), nullable=False),
            *(pa.field(name, pa.int64(), nullable=False) for name in _SUMS),
        ]
    ),
    dict.fromkeys(_SUMS, "sum"),
)
"""The integral of a series over one demand window. bucket: the local day; demand: the window's begin, µs since 1970
UTC; window: of the values' magnitudes (see `exact`); covered, uncovered: µs; p0..p9: words of the integral, in half
microseconds times the value's unit."""
PEAKS = PartialSchema(
    "peaks",
    pa.schema([*SERIES, *(pa.field(name, pa.int64(), nullable=False) for name in ("power", "demand"))]),
    {"demand": "min"},
)
"""The highest mean power (its image) of some of a day's demand windows, and the begin of the first that has it."""
_SETTLED = -(2**62)  # the begin of windows whose power is known, and of which only their sums are still needed
_KEYS = 4  # of the columns that begin with the sequence

_HALF_HOURS = 7.2e9  # half microseconds in an hour
KILOWATT_HOURS = {"mW": 7.2e15, "W": 7.2e12, "kW": 7.2e9, "MW": 7.2e6, "GW": 7.2e3}
"""Half microseconds times these units in a kilowatt-hour."""
_BLOCK = 16_384  # windows whose words stay in the cache


@dataclass(frozen=True)
class Meter:
    """How power becomes energy. demand, max_gap: µs; a gap longer than `max_gap` counts nothing."""

    zone: Zone
    demand: int
    max_gap: int
    method: Method

    @cached_property
    def _windows(self) -> Windows:
        return Windows(self.zone, self.demand)

    @cached_property
    def _days(self) -> Windows:
        return Windows(self.zone, DAY)

    def blocks(
        self,
        sequence: Int64Array,
        follows: np.ndarray[tuple[int], np.dtype[np.bool_]],
        before: tuple[Int64Array, Float64Array],
        now: tuple[Int64Array, Float64Array],
    ) -> Iterator[list[Int64Array]]:
        """The columns of ENERGY, with `sequence` for device, metric and unit, of readings and the intervals that end
        with them, added up in blocks of about as many demand windows each, in the order of the readings.

        follows: whether a reading follows another, whose time and value are `before`; those of its own are `now`.
        A long interval is cut wherever a block ends; its reading is in the last one.
        """
        length = np.where(follows, now[0] - before[0], 0)
        near = follows & (length <= self.max_gap)
        windows = np.where(near, length, 0) // self.demand + 1
        ends = np.cumsum(windows)
        starts = ends - windows
        for at in range(0, int(windows.sum()), _BLOCK):
            part = slice(np.searchsorted(ends, at, "right"), np.searchsorted(starts, at + _BLOCK))
            (t0, v0), (t1, v1) = ((time[part], value[part]) for time, value in (before, now))
            some, line, is_last = sequence[part], near[part], ends[part] <= at + _BLOCK
            gap = follows[part] & ~line
            begin = t0 + np.maximum(at - starts[part], 0) * self.demand
            end = np.where(is_last, t1, t0 + (at + _BLOCK - starts[part]) * self.demand)
            rows = [
                self._rows(some[is_last], t1[is_last], readings=1),
                self._gaps(some[gap], t0[gap], t1[gap]),
                *self._integrals(some[line], (t0[line], v0[line]), (t1[line], v1[line]), begin[line], end[line]),
            ]
            yield add_up([np.concatenate(column) for column in zip(*rows, strict=True)], _KEYS)

    def _integrals(
        self,
        sequence: Int64Array,
        before: tuple[Int64Array, Float64Array],
        now: tuple[Int64Array, Float64Array],
        begin: Int64Array,
        end: Int64Array,
    ) -> list[list[Int64Array]]:
        """What lies between `begin` and `end` of the intervals between two readings."""
        (t0, v0), (t1, v1) = before, now
        place, begin, end = self._windows.cut(begin, end)
        owner, first, last = sequence[place], v0[place], v1[place]
        twice = 2 * (end - begin)
        if self.method == "left":
            return [self._rows(owner, begin, covered=end - begin, value=first, weight=twice)]
        from_start, length = t0[place], (t1 - t0)[place]
        rising = _parabola(end - from_start, length) - _parabola(begin - from_start, length)
        return [
            self._rows(owner, begin, covered=end - begin, value=first, weight=twice - rising),
            self._rows(owner, begin, value=last, weight=rising),
        ]

    def _gaps(self, sequence: Int64Array, t0: Int64Array, t1: Int64Array) -> list[Int64Array]:
        """What a gap leaves uncovered of the days of its first and its last reading; days between have no rows."""
        is_long = t1 - t0 > 4 * DAY
        begin = np.concatenate([t0, t1[is_long] - 2 * DAY])
        end = np.concatenate([np.where(is_long, t0 + 2 * DAY, t1), t1[is_long]])
        owners, first, last = (np.concatenate([c, c[is_long]]) for c in (sequence, t0, t1))
        place, begin, end = self._days.cut(begin, end)
        day, on_first, on_last = (self._days.dates(c) for c in (begin, first[place], last[place]))
        kept = (day == on_first) | (day == on_last)
        inside = np.where(day == on_first, first[place], last[place])[kept]
        return self._rows(owners[place][kept], inside, uncovered=(end - begin)[kept])

    def _rows(
        self,
        sequence: Int64Array,
        instants: Int64Array,
        readings: int = 0,
        covered: Int64Array | int = 0,
        uncovered: Int64Array | int = 0,
        value: Float64Array | None = None,
        weight: Int64Array | None = None,
    ) -> list[Int64Array]:
        n = len(sequence)
        window, words = np.zeros(n, np.int64), np.zeros((len(PRODUCTS), n), np.int64)
        if value is not None and weight is not None:
            of_value = exact.windows(value)
            window = of_value.astype(np.int64)
            words = exact.product_words(value, weight.astype(np.float64), of_value, np.zeros(n, np.int16)).T
        times = self._days.dates(instants), self._windows.starts(instants)
        counts = [np.zeros(n, np.int64) + c for c in (readings, covered, uncovered)]
        return [sequence, *times, window, *counts, *words]


def _parabola(elapsed: Int64Array, length: Int64Array) -> Int64Array:
    """F of the module's text, rounded down."""
    x = elapsed.astype(np.float64)
    return np.floor(x * (x / length.astype(np.float64))).astype(np.int64)


class EnergyWalk:
    """The integrals of slices of power, as ENERGY rows."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._last = Last()

    def step(self, readings: Slice) -> Yielded:
        follows, time, value = self._last.follow(readings)
        now = readings.timestamp, readings.value
        for columns in self._meter.blocks(readings.sequence, follows, (time, value), now):
            kept, sums, peaks = settled(columns, self._meter.demand)
            for kind, rows in ((ENERGY, kept), (ENERGY, sums), (PEAKS, peaks)):
                if len(rows[0]):
                    yield kind.name, sequence_rows(kind, readings, rows[0], rows[1:])

    def close(self) -> Yielded:
        yield from ()


def settled(columns: list[Int64Array], demand: int) -> tuple[list[Int64Array], list[Int64Array], list[Int64Array]]:
    """Of columns of ENERGY, with a code for device, metric and unit, in the order of their keys: the rows of each
    sequence's first and last window, which others may add to; sums of all other windows by day, and their PEAKS rows.

    So what is left grows with the number of blocks and days, not of demand windows.
    """
    sequence, start = columns[0], columns[2]
    starts = starts_of_runs(sequence)
    sizes = np.diff(starts, append=len(sequence))
    edges = (np.repeat(end.reduceat(start, starts), sizes) for end in (np.minimum, np.maximum))
    is_open = np.logical_or(*(start == edge for edge in edges))
    whole = [column[~is_open] for column in columns]
    number, firsts = numbered(whole[:3])
    power = _means(whole[_KEYS + 3 :], whole[3], number, demand)
    covered = _sums(number, whole[_KEYS + 1], len(firsts)) > 0
    of_peak = [column[firsts][covered] for column in whole[:3]]
    peaks = add_up([*of_peak[:2], to_images(power[covered]), of_peak[2]], 3, ["min"])
    best = np.append(starts_of_runs(numbered(peaks[:2])[0])[1:], len(peaks[0]))[: len(peaks[0])] - 1
    sums = add_up([*whole[:2], np.full(len(whole[0]), _SETTLED), *whole[3:]], _KEYS)
    return [column[is_open] for column in columns], sums, [column[best] for column in peaks]


def _means(words: list[Int64Array], windows: Int64Array, groups: Int64Array, demand: int) -> Float64Array:
    """The mean power of demand windows, from the words of their integrals."""
    return _Totals(words, windows, groups).over(2.0 * demand) + 0.0  # no -0.0


class _Totals:
    """The integral of each group, from its words, to be divided: infinite where the quotient is too large."""

    def __init__(self, words: list[Int64Array], windows: Int64Array, groups: Int64Array) -> None:
        self._whole = totals(words, windows, groups, factors=2)
        self._scaled = None if np.isfinite(self._whole).all() else totals(words, windows - 1, groups, factors=2)

    def over(self, divisor: Float64Array | float) -> Float64Array:
        quotient = self._whole / divisor
        if self._scaled is None:
            return quotient
        with np.errstate(over="ignore"):
            return np.where(np.isfinite(self._whole), quotient, self._scaled / divisor * 2.0**exact.WINDOW)


def finish(partials: Mapping[str, pa.Table], demand: int, unnamed: str | None) -> pa.Table:
    """The energy of each series and day, from merged ENERGY and PEAKS rows.

    Columns: device_id, metric, unit, date (date32), energy (float64), energy_unit (string), mean_power, peak_demand
    (float64), peak_start (UTC, µs), covered_hours, uncovered_seconds (float64), readings (int64); energy, powers and
    peak_start are null where nothing is covered. unnamed: the unit of power of series that have none.
    """
    rows, peaks = partials[ENERGY.name], partials.get(PEAKS.name, PEAKS.empty())
    both = [pa.chunked_array([*rows[name].chunks, *peaks[name].chunks], pa.string()) for name in rows.column_names[:3]]
    ranks, texts = zip(*map(text_ranks, both), strict=True)
    bucket, start = (np.concatenate([integers(t.column(name)) for t in (rows, peaks)]) for name in ("bucket", "demand"))
    number, firsts = numbered([*ranks, bucket])
    day, of_peak = number[: len(rows)], number[len(rows) :]
    window, words = integers(rows.column("window")), [integers(rows.column(name)) for name in PRODUCTS]
    readings, covered, uncovered = (_sums(day, integers(rows.column(name)), len(firsts)) for name in _SUMS[:3])
    integral = _Totals(words, window, day)

    is_open = start[: len(rows)] != _SETTLED
    by_window, window_firsts = numbered([day[is_open], start[: len(rows)][is_open]])
    power = _means([w[is_open] for w in words], window[is_open], by_window, demand)
    known = _sums(by_window, integers(rows.column("covered"))[is_open], len(window_firsts)) > 0
    windows = np.flatnonzero(is_open)[window_firsts][known]
    peak, peak_start = _peaks(
        np.concatenate([day[windows], of_peak]),
        np.concatenate([power[known], from_images(integers(peaks.column("power")))]),
        np.concatenate([start[windows], start[len(rows) :]]),
        len(firsts),
    )
    divisor, energy_units = _units(texts[2], unnamed)
    unit = ranks[2][firsts]
    none = covered == 0
    columns = {
        name: of.take(from_numpy(rank[firsts], mask=rank[firsts] < 0))
        for name, of, rank in zip(("device_id", "metric", "unit"), texts, ranks, strict=True)
    }
    columns |= {
        "date": from_numpy(bucket[firsts].astype(np.int32), pa.date32()),
        "energy": from_numpy(integral.over(divisor[unit]), mask=none),
        "energy_unit": energy_units.take(from_numpy(unit % len(energy_units))),
        "mean_power": from_numpy(integral.over(np.maximum(2 * covered, 1).astype(np.float64)), mask=none),
        "peak_demand": from_numpy(peak, mask=none),
        "peak_start": from_numpy(peak_start, mask=none).cast(pa.timestamp("us", "UTC")),
        "covered_hours": from_numpy(covered / 3.6e9),
        "uncovered_seconds": from_numpy(uncovered / 1e6),
        "readings": from_numpy(readings),
    }
    return pa.table(columns)


def _sums(groups: Int64Array, column: Int64Array, n: int) -> Int64Array:
    sums = np.zeros(n, np.int64)
    np.add.at(sums, groups, column)
    return sums


def _peaks(day: Int64Array, power: Float64Array, start: Int64Array, days: int) -> tuple[Float64Array, Int64Array]:
    """The highest power of each day, and the earliest start of a window that has it."""
    order = np.lexsort((start, -power, day))
    firsts = order[starts_of_runs(day[order])]
    peak, peak_start = np.zeros(days), np.zeros(days, np.int64)
    peak[day[firsts]], peak_start[day[firsts]] = power[firsts], start[firsts]
    return peak, peak_start


def _units(units: pa.Array, unnamed: str | None) -> tuple[Float64Array, pa.Array]:
    """What divides an integral of each unit of power, the last entry for none; and the unit of the quotient."""
    named = [unit or unnamed for unit in [*units.to_pylist(), None]]
    divisor = np.array([KILOWATT_HOURS.get(unit or "", _HALF_HOURS) for unit in named])
    return divisor, pa.array(["kWh" if unit in KILOWATT_HOURS else f"{unit or 'value'}·h" for unit in named])
