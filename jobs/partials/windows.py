"""Windows of time as users name them: 15m, 1d, week, month, all. docs/rollup.md defines which instants each holds."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa

from jobs.partials.buckets import Buckets, Months, weeks, whole, windows
from jobs.partials.finish import Place
from jobs.partials.merge import integers, merge
from jobs.partials.schema import SKETCH, STATS
from jobs.readings.arrays import from_numpy
from jobs.readings.model import NO_TIME, Int64Array
from jobs.readings.zones import DAY, SECOND, Zone

ALL = "all"
_CALENDAR = ("week", "month", "year")
UNITS = {"s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": DAY}
_MOST = 36_525 * DAY
_TIME = pa.timestamp("us", "UTC")
_NEVER = 2**63 - 1


def parse_window(text: str) -> str:
    """The value of `--window`. Raises ValueError with the reason."""
    if text not in (*_CALENDAR, ALL):
        size_of(text)
    return text


def size_of(text: str) -> int:
    """The µs of a fixed window such as 15m. Raises ValueError with the reason."""
    found = re.fullmatch(r"([1-9]\d{0,9})([smhd])", text)
    if not found:
        raise ValueError(f'"{text}" is no window: write 1s, 5m, 6h, 1d, …, week, month, year or all')
    size = int(found[1]) * UNITS[found[2]]
    if DAY % size and size % DAY:
        raise ValueError("a window divides a day, so that days hold whole ones, or is a number of whole days")
    if size > _MOST:
        raise ValueError("a window has at most 36525 days")
    return size


def buckets_of(window: str, zone: Zone) -> Buckets:
    """The buckets that a window's name stands for; for `all` one holds every instant."""
    if window == ALL:
        return whole(zone)
    if window == "week":
        return weeks(zone)
    if window in _CALENDAR:
        return Months(zone, months=12 if window == "year" else 1)
    return windows(zone, size_of(window))


def bounds(window: str, zone: Zone) -> Place:
    """What makes the columns window_start and window_end (µs UTC; null for `all` and for readings without a time)."""
    buckets = buckets_of(window, zone)

    def place(bucket: Int64Array) -> dict[str, pa.Array]:
        if window == ALL:
            return dict.fromkeys(("window_start", "window_end"), pa.nulls(len(bucket), _TIME))
        unbounded = bucket == NO_TIME
        distinct, number = np.unique(np.where(unbounded, 0, bucket), return_inverse=True)
        edges = {"window_start": buckets.starts(distinct), "window_end": buckets.starts(distinct + 1)}
        return {name: from_numpy(edge[number], mask=unbounded).cast(_TIME) for name, edge in edges.items()}

    return place


def amid(source: Buckets, target: Buckets, first: int, last: int) -> int | None:
    """The first instant (µs UTC) after `first` and up to `last` that lies in another bucket of `target` than the first
    one of its bucket of `source`, if there is one: until then every bucket of `source` lies within one of `target`.

    For windows shorter than a day the days around changes of either zone's clocks tell, as all others are alike.
    """
    spans = [(first, last)]
    if target.size < DAY:
        changes = np.concatenate([source.zone.utc_starts, target.zone.utc_starts])
        inside = np.unique(changes[(first < changes) & (changes < last)]).tolist()
        spans = [(max(at - DAY, first), min(at + DAY, last)) for at in (first, *inside)]
    for begin, end in spans:
        places = target.changes(begin, end)
        if source.size >= DAY:  # such a bucket may go on after others, where clocks are set back over midnight
            places = np.union1d(places, source.changes(begin, end))
        starts = np.maximum(source.starts(source.of(places)), begin)
        strays = places[target.of(starts) != target.of(places)]
        if len(strays):
            return int(strays.min())
    return None


def in_one(rows: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """STATS and SKETCH rows of `all`: readings with and without a time share a bucket. first and last are of those
    that have one."""
    stats = rows[STATS.name]
    timeless = integers(stats.column("bucket")) == NO_TIME
    if timeless.all() or not timeless.any():
        return rows
    stats = _set(stats, "first", np.where(timeless, _NEVER, integers(stats.column("first"))))
    merged = merge(STATS, [_set(stats, "bucket", np.zeros(len(stats), np.int64))])
    never = integers(merged.column("first")) == _NEVER
    found = {STATS.name: _set(merged, "first", np.where(never, NO_TIME, integers(merged.column("first"))))}
    if SKETCH.name in rows:
        sketch = rows[SKETCH.name]
        found[SKETCH.name] = merge(SKETCH, [_set(sketch, "bucket", np.zeros(len(sketch), np.int64))])
    return found


def _set(rows: pa.Table, name: str, values: Int64Array) -> pa.Table:
    return rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), from_numpy(values))
