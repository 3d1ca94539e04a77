"""Readings dealt out by their UTC day, and put in the order in which a compacted lake keeps them.

That order is day, device, metric, unit, timestamp, value, quality: texts by their UTF-8 bytes, no unit before any, no
quality mark after any, values by their images. It is total but for readings that are equal in every column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa

from jobs.partials.codes import dictionary_codes, distinct, pack, text_ranks
from jobs.partials.images import to_images
from jobs.partials.merge import dealt, integers
from jobs.partials.slices import own_dictionary
from jobs.readings.arrays import from_numpy
from jobs.readings.model import SCHEMA, Int64Array
from jobs.readings.zones import DAY

ROW_BYTES = 32
"""About what a QUALIFIED row takes."""

Load = Callable[[], pa.Table]


def partition(rows: pa.Table, n: int) -> list[pa.Table]:
    """The QUALIFIED rows of each of n partitions: all of a UTC day go to one."""
    if n == 1:
        return [rows]
    order, ends = dealt(_days(rows) % n, n)
    taken = rows.take(from_numpy(order))
    return [own_dictionary(taken.slice(start, end - start)) for start, end in pairwise([0, *ends])]


def pieces(blocks: Sequence[Load], most: int, put_aside: Callable[[pa.Table], Load]) -> Iterator[pa.Table]:
    """QUALIFIED rows in pieces of about `most` bytes, of which each stands before the next in the order of the lake: a
    piece holds whole devices of a day, or of several. One block and one piece are in memory at a time.

    blocks: each gives rows when asked, which is twice. put_aside: has rows lie elsewhere until they are asked for.
    """
    counted = [_counted(load()) for load in blocks]
    if not counted:
        return
    found = pa.concat_tables(counted).combine_chunks()
    days, rows = integers(found.column("day")), integers(found.column("rows"))
    _, place = distinct(pack([days, text_ranks(found.column("device_id"))[0]]))
    size = np.bincount(place, weights=rows).astype(np.int64) * ROW_BYTES
    number = ((np.cumsum(size) - size) // most)[place]
    n = int(number.max()) + 1
    if n == 1:
        yield pa.concat_tables([load() for load in blocks])
        return
    aside: list[list[Load]] = [[] for _ in range(n)]
    end = 0
    for load, counts in zip(blocks, counted, strict=True):
        start, end = end, end + len(counts)
        table = load()
        for which, part in _parted(table, number[start:end][_groups(table)[0]], n):
            aside[which].append(put_aside(part))
    for parts in filter(None, aside):
        yield pa.concat_tables([load() for load in parts])


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
    return rows.take(from_numpy(order))


def _order_ties(order: Int64Array, group: Int64Array, time: Int64Array, rows: pa.Table) -> None:
    """Has rows of one group and time stand in the order of their values and quality marks, in place."""
    same = (time[order][1:] == time[order][:-1]) & (group[order][1:] == group[order][:-1])
    if not same.any():
        return
    tied = np.flatnonzero(np.concatenate([same, [False]]) | np.concatenate([[False], same]))
    chosen = order[tied]
    some = rows.take(from_numpy(chosen))
    quality, marks = text_ranks(some.column("quality"))
    quality[quality < 0] = len(marks)
    image = to_images(some.column("value").to_numpy())
    order[tied] = chosen[np.lexsort((quality, image, time[chosen], group[chosen]))]


def _days(rows: pa.Table) -> Int64Array:
    days: Int64Array = integers(rows.column("timestamp")) // DAY
    return days


def _groups(rows: pa.Table) -> tuple[Int64Array, Int64Array, pa.Array]:
    """The group of each row, and of each group its day and device; there are rows."""
    days, (codes, devices) = _days(rows), dictionary_codes(rows.column("device_id"))
    found, place = distinct(pack([days, codes]))
    row = np.empty(len(found), np.int64)
    row[place] = np.arange(len(rows))
    return place, days[row], devices.take(from_numpy(codes[row]))


def _counted(rows: pa.Table) -> pa.Table:
    """How many rows each group has."""
    place, days, devices = _groups(rows)
    return pa.table({"day": days, "device_id": devices, "rows": np.bincount(place)})


def _parted(rows: pa.Table, numbers: Int64Array, n: int) -> Iterator[tuple[int, pa.Table]]:
    """The rows of each of n numbers that is there."""
    order, ends = dealt(numbers, n)
    for number, (start, end) in enumerate(pairwise([0, *ends])):
        if start < end:
            yield number, own_dictionary(rows.take(from_numpy(order[start:end])))


def dated(rows: pa.Table) -> pa.Table:
    """QUALIFIED rows as readings with texts and timestamps of their own, and the `date` of each."""
    time = integers(rows.column("timestamp"))
    columns = {
        "date": from_numpy((time // DAY).astype(np.int32)).cast(pa.date32()),
        "timestamp": from_numpy(time).cast(SCHEMA.field("timestamp").type),
        "value": rows.column("value"),
    }
    texts = {name: rows.column(name).cast(pa.string()) for name in ("device_id", "metric", "unit", "quality")}
    return pa.table(columns | texts)
