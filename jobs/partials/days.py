"""Readings dealt out by their UTC day, and put in the order in which a compacted lake keeps them.

That order is day, device, metric, unit, timestamp, value, quality: texts by their UTF-8 bytes, no unit before any, no
quality mark after any, values by their images. It is total but for readings that are equal in every column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa

from jobs.partials.codes import dictionary_codes, pack, text_ranks
from jobs.partials.images import to_images
from jobs.partials.merge import dealt, integers
from jobs.partials.slices import own_dictionary
from jobs.readings.model import SCHEMA, Int64Array
from jobs.readings.zones import DAY

ROW_BYTES = 32
"""About what a QUALIFIED row takes."""


def partition(rows: pa.Table, n: int) -> list[pa.Table]:
    """The QUALIFIED rows of each of n partitions: all of a UTC day go to one."""
    if n == 1:
        return [rows]
    order, ends = dealt(_days(rows) % n, n)
    taken = rows.take(pa.array(order))
    return [own_dictionary(taken.slice(start, end - start)) for start, end in pairwise([0, *ends])]


def pieces(tables: Sequence[pa.Table], most: int) -> Iterator[pa.Table]:
    """QUALIFIED rows in pieces of about `most` bytes, of which each stands before the next in the order of the lake.

    A piece holds whole days, or of a larger one whole devices.
    """
    sorted_tables = [_by_day(table) for table in tables if len(table)]
    if not sorted_tables:
        return
    counted = [np.unique(days, return_counts=True) for _, days in sorted_tables]
    distinct, place = np.unique(np.concatenate([days for days, _ in counted]), return_inverse=True)
    rows = np.bincount(place, weights=np.concatenate([counts for _, counts in counted])).astype(np.int64)
    for first, last in _spans(rows, max(most // ROW_BYTES, 1)):
        low, high = int(distinct[first]), int(distinct[last])
        parts = [_between(table, days, low, high) for table, days in sorted_tables]
        if rows[first : last + 1].sum() * ROW_BYTES > most:
            yield from _by_device(parts, most)
        else:
            yield pa.concat_tables(parts)


def in_order(rows: pa.Table) -> pa.Table:
    """QUALIFIED rows in the order of the lake."""
    time = integers(rows.column("timestamp"))
    (device, _), (metric, _), (unit, _) = (text_ranks(rows.column(name)) for name in ("device_id", "metric", "unit"))
    group = pack([time // DAY, device, metric, unit])
    order = np.argsort(time, kind="stable")
    # NumPy sorts 16-bit integers stably by radix
    narrow = group.astype(np.uint16) if len(group) and group.max() < 2**16 else group
    order = order[np.argsort(narrow[order], kind="stable")]
    _order_ties(order, group, time, rows)
    return rows.take(pa.array(order))


def _order_ties(order: Int64Array, group: Int64Array, time: Int64Array, rows: pa.Table) -> None:
    """Has rows of one group and time stand in the order of their values and quality marks, in place."""
    same = (time[order][1:] == time[order][:-1]) & (group[order][1:] == group[order][:-1])
    if not same.any():
        return
    tied = np.flatnonzero(np.concatenate([same, [False]]) | np.concatenate([[False], same]))
    chosen = order[tied]
    some = rows.take(pa.array(chosen))
    quality, marks = text_ranks(some.column("quality"))
    quality[quality < 0] = len(marks)
    image = to_images(some.column("value").to_numpy())
    order[tied] = chosen[np.lexsort((quality, image, time[chosen], group[chosen]))]


def _days(rows: pa.Table) -> Int64Array:
    days: Int64Array = integers(rows.column("timestamp")) // DAY
    return days


def _by_day(rows: pa.Table) -> tuple[pa.Table, Int64Array]:
    """The rows in the order of their days, and these."""
    days = _days(rows)
    if (days[1:] < days[:-1]).any():
        order = np.argsort(days, kind="stable")
        return rows.take(pa.array(order)), days[order]
    return rows, days


def _between(rows: pa.Table, days: Int64Array, first: int, last: int) -> pa.Table:
    start, end = np.searchsorted(days, first), np.searchsorted(days, last, side="right")
    return rows.slice(start, end - start)


def _spans(rows: Int64Array, most: int) -> Iterator[tuple[int, int]]:
    """The first and last of days that together have at most so many rows; one that has more stands alone."""
    first, held = 0, 0
    for number, count in enumerate(rows.tolist()):
        if number > first and held + count > most:
            yield first, number - 1
            first, held = number, 0
        held += count
    yield first, len(rows) - 1


def _by_device(parts: Sequence[pa.Table], most: int) -> Iterator[pa.Table]:
    """The rows of one day by ranges of devices, each of about `most` bytes."""
    texts, places, counts = [], [0], []
    for part in parts:
        codes, devices = dictionary_codes(part.column("device_id"))
        texts.append(devices)
        places.append(places[-1] + len(devices))
        counts.append(np.bincount(codes, minlength=len(devices)))
    ranks, distinct = text_ranks(pa.chunked_array(texts))
    rows = np.bincount(ranks, weights=np.concatenate(counts), minlength=len(distinct)).astype(np.int64)
    number = (np.cumsum(rows) - rows) * ROW_BYTES // most
    n = int(number[-1]) + 1
    ranges = []
    for part, (low, high) in zip(parts, pairwise(places), strict=True):
        order, ends = dealt(number[ranks[low:high]][dictionary_codes(part.column("device_id"))[0]], n)
        ranges.append((part, order, [0, *ends]))
    for i in range(n):
        taken = [part.take(pa.array(order[ends[i] : ends[i + 1]])) for part, order, ends in ranges]
        if any(map(len, taken)):
            yield pa.concat_tables([own_dictionary(rows) for rows in taken if len(rows)])


def dated(rows: pa.Table) -> pa.Table:
    """QUALIFIED rows as readings with texts and timestamps of their own, and the `date` of each."""
    time = integers(rows.column("timestamp"))
    columns = {
        "date": pa.array((time // DAY).astype(np.int32)).cast(pa.date32()),
        "timestamp": pa.array(time).cast(SCHEMA.field("timestamp").type),
        "value": rows.column("value"),
    }
    texts = {name: rows.column(name).cast(pa.string()) for name in ("device_id", "metric", "unit", "quality")}
    return pa.table(columns | texts)
