"""Partial rows of moments as columns beside their statistics, so that a result can be merged again, exactly.

count, min, max, first_timestamp and last_timestamp merge as they are. What the mean, the standard deviation and the
quantiles were made of stands in lists of integers:

stats_state: for each window of magnitudes that occurs (see `exact`), ascending: its number, then the normalised words
s0..s4 of the sum and q0..q9 of the squares: 16 integers. sketch_state: index and count of each bucket of the sketch
that holds values, indices ascending (see `sketch`). The same readings give the same lists, in whatever order they came.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.partials.buckets import Buckets
from jobs.partials.codes import starts_of_runs
from jobs.partials.exact import normalise
from jobs.partials.finish import keys_of
from jobs.partials.grouping import ALL
from jobs.partials.images import to_images
from jobs.partials.merge import integers
from jobs.partials.schema import SKETCH, SQUARE_WORDS, SQUARES, STATS, SUM_WORDS, SUMS
from jobs.readings.arrays import from_numpy
from jobs.readings.model import NO_TIME, Int64Array

VERSION = 1
STATS_STATE, SKETCH_STATE = "stats_state", "sketch_state"
TYPE = pa.list_(pa.int64())
_WIDTH = 1 + SUM_WORDS + SQUARE_WORDS
_MERGED_AS_THEY_ARE = ("metric", "unit", "count", "min", "max", "first_timestamp", "last_timestamp")


def encode(stats: pa.Table, sketch: pa.Table | None) -> dict[str, pa.Array]:
    """The state columns of merged STATS rows, and of SKETCH rows where there is a sketch, in the order of `finish`."""
    counts = SKETCH.empty() if sketch is None else sketch
    _, packed = keys_of(stats, counts)
    words = [normalise(np.stack([integers(stats.column(name)) for name in names]).T) for names in (SUMS, SQUARES)]
    window = integers(stats.column("window"))
    found = {STATS_STATE: _lists(packed[: len(stats)], [window, *words[0].T, *words[1].T])}
    if sketch is not None:
        columns = [integers(counts.column(name)) for name in ("index", "count")]
        found[SKETCH_STATE] = _lists(packed[len(stats) :], columns)
    return found


def columns_of(group: str | None, *, sketched: bool) -> tuple[str, ...]:
    """The columns of a result from which `decode` makes partial rows. group: the one that says whose they are."""
    groups, state = () if group is None else (group,), (STATS_STATE, *(SKETCH_STATE,) * sketched)
    return (*groups, *_MERGED_AS_THEY_ARE, *state)


def decode(rows: pa.Table, buckets: Buckets, group: str | None, *, sketched: bool) -> dict[str, pa.Table]:
    """STATS rows in these buckets, and SKETCH rows if there is a sketch, of rows with the columns of `columns_of`.

    group: the column of groups; None: all devices are one. Raises ValueError for rows that `encode` did not make, and
    for one whose readings lie in several buckets.
    """
    owner, words = _flat(rows.column(STATS_STATE), _WIDTH)
    count, first = integers(rows.column("count")), np.append(True, owner[1:] != owner[:-1])[: len(owner)]
    if not np.array_equal(owner[first], np.arange(len(rows))) or (len(count) and count.min() < 1):
        raise ValueError(f"{STATS_STATE} does not fit count")
    times = [times_of(rows.column(name)) for name in ("first_timestamp", "last_timestamp")]
    bucket, last = (buckets.of(time) for time in times)
    if not np.array_equal(bucket, last):
        raise ValueError("a row's readings lie in several windows")
    images = [to_images(rows.column(name).to_numpy()) for name in ("min", "max")]
    keys = _keys(rows, group)
    taken = [column[owner] for column in (*images, *times)]
    columns = [bucket[owner], words[:, 0], np.where(first, count[owner], 0), *taken, *words[:, 1:].T]
    found = {STATS.name: _rows(STATS.columns, keys, owner, columns)}
    if sketched:
        owner, pairs = _flat(rows.column(SKETCH_STATE), 2)
        if not np.array_equal(np.bincount(owner, pairs[:, 1], len(rows)), count):
            raise ValueError(f"{SKETCH_STATE} does not fit count")
        found[SKETCH.name] = _rows(SKETCH.columns, keys, owner, [bucket[owner], *pairs.T])
    return found


def _lists(keys: Int64Array, columns: Sequence[Int64Array]) -> pa.ListArray:
    """A list for each key, in their order: the rows of that key by the first column, one after the other."""
    order = np.lexsort((columns[0], keys))
    starts = starts_of_runs(keys[order])
    ends = np.append(starts, len(keys)) * len(columns)
    flat = np.stack(columns, axis=1)[order].ravel()
    return pa.ListArray.from_arrays(from_numpy(ends.astype(np.int32)), from_numpy(flat), type=TYPE)


def _flat(lists: pa.ChunkedArray, width: int) -> tuple[Int64Array, Int64Array]:
    """For each `width` integers of the lists the row that they are of; and they: [n, width]."""
    whole = lists.combine_chunks()
    lengths = integers(pc.list_value_length(whole).fill_null(0))
    values = whole.flatten()
    if (lengths % width).any() or values.null_count:
        raise ValueError("a state is not whole")
    return np.repeat(np.arange(len(lengths)), lengths // width), integers(values).reshape(-1, width)


def times_of(column: pa.ChunkedArray) -> Int64Array:
    """µs since 1970 UTC; NO_TIME for null."""
    return integers(column.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).fill_null(NO_TIME))


def _keys(rows: pa.Table, group: str | None) -> list[pa.Array]:
    groups = rows.column(group) if group else pa.repeat(pa.scalar(ALL, pa.string()), len(rows))
    return [column.cast(pa.string()) for column in (groups, rows.column("metric"), rows.column("unit"))]


def _rows(schema: pa.Schema, keys: Sequence[pa.Array], owner: Int64Array, columns: Sequence[Int64Array]) -> pa.Table:
    place = from_numpy(owner)
    others = (from_numpy(c).cast(f.type) for c, f in zip(columns, list(schema)[3:], strict=True))
    return pa.Table.from_arrays([*(key.take(place) for key in keys), *others], schema=schema)
