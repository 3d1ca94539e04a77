"""The best rows of each group: by a value, and by device_id where values are equal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.partials.codes import pack, starts_of_runs, text_ranks
from jobs.partials.images import to_images
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Int64Array

RANK = "rank"


def best(rows: pa.Table, groups: Sequence[str], value: str, n: int, *, lowest: bool = False) -> pa.Table:
    """The n rows of each group with the highest (lowest) value, with their rank (int64, from 1) as the last column.

    rows: `device_id` (string), `value` (double, int64 or timestamp; rows where it is null have no rank) and columns of
    groups (strings or dates; null is a group). Doubles compare by their total order; of equal values the device_id
    that is the smaller by its UTF-8 bytes comes first. The rows come in the order of groups, nulls first, and rank.

    best(best(a) + best(b)) = best(a + b): it may be taken of parts first.
    """
    ranked = rows.filter(pc.is_valid(rows.column(value)))
    packed = pack([_codes(ranked.column(name)) for name in groups]) if groups else np.zeros(len(ranked), np.int64)
    image = order_of(ranked.column(value), lowest=lowest)
    order = np.lexsort((text_ranks(ranked.column("device_id"))[0], image, packed))
    starts = starts_of_runs(packed[order])
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    kept = rank < n
    return ranked.take(from_numpy(order[kept])).append_column(RANK, from_numpy(rank[kept] + 1))


def order_of(values: pa.ChunkedArray, *, lowest: bool) -> Int64Array:
    """Integers that ascend as values descend (or, lowest, ascend): doubles in their total order."""
    is_double = pa.types.is_floating(values.type)
    image = to_images(values.to_numpy()) if is_double else values.cast(pa.int64()).to_numpy()
    return image if lowest else ~image


def _codes(column: pa.ChunkedArray) -> Int64Array:
    """Integers that compare as the column's values do, null below all."""
    if pa.types.is_string(column.type):
        return text_ranks(column)[0]
    days: Int64Array = pc.fill_null(column.cast(pa.int32()), -(2**31)).to_numpy().astype(np.int64)
    return days
