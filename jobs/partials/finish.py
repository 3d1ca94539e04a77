"""From merged partial rows to the statistics of each series and day. docs/statistics.md defines each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from jobs.errors import LimitError
from jobs.partials.codes import pack, starts_of_runs, text_ranks
from jobs.partials.exact import FRACTION, WINDOW, normalise
from jobs.partials.images import from_images
from jobs.partials.merge import integers
from jobs.partials.quantiles import from_counts, quantile_name
from jobs.partials.rounding import ratio_sqrt, ratio_to_double, sample_stddev, to_double, to_integers
from jobs.partials.schema import MAX_COUNT, SKETCH, SQUARES, STATS, SUMS
from jobs.partials.sketch import Sketch
from jobs.readings.arrays import from_numpy
from jobs.readings.model import NO_TIME, Float64Array, Int64Array

_BLOCK = 16_384  # rows whose intermediate columns stay in the cache
_TEXTS = ("device_id", "metric", "unit")

Place = Callable[[Int64Array], Mapping[str, pa.Array]]
"""The columns that say which bucket a row is of, from the buckets."""


def dates(bucket: Int64Array) -> dict[str, pa.Array]:
    """The date of buckets that are days; null for NO_TIME."""
    timeless = bucket == NO_TIME
    return {"date": from_numpy(np.where(timeless, 0, bucket).astype(np.int32), pa.date32(), mask=timeless)}


def finish(
    stats: pa.Table,
    sketch_rows: pa.Table | None = None,
    quantiles: Sequence[float] = (),
    sketch: Sketch | None = None,
    place: Place = dates,
) -> pa.Table:
    """The statistics of each series and bucket, from merged STATS rows; and quantiles, from merged SKETCH rows.

    Columns: device_id, metric, unit, those of `place`, count (int64), mean, stddev (null for one reading), min, max,
    sum (float64), first_timestamp, last_timestamp (UTC, µs; null for readings without a time), then the quantiles
    (float64). Rows stand in the order of the texts by their UTF-8 bytes, nulls first, then of the buckets.

    Raises LimitError for a series with more than MAX_COUNT readings in one bucket.
    """
    counts = SKETCH.empty() if sketch_rows is None or not quantiles else sketch_rows
    texts, packed = keys_of(stats, counts)
    order = np.argsort(packed[: len(stats)])
    ordered = packed[: len(stats)][order]
    starts = starts_of_runs(ordered)
    firsts = order[starts]
    sizes = np.diff(starts, append=len(ordered))

    def column(name: str) -> Int64Array:
        return integers(stats.column(name))[order]

    count = np.add.reduceat(column("count"), starts) if len(starts) else starts
    _check(stats, count, firsts)
    low, high, first, last = (
        (np.minimum if STATS.merges[name] == "min" else np.maximum).reduceat(column(name), starts)
        if len(starts)
        else starts
        for name in ("min", "max", "first", "last")
    )
    total, stddev = _sums(stats, order, starts, sizes, count)
    bucket = integers(stats.column("bucket"))[firsts]
    timeless = first == NO_TIME
    columns: dict[str, pa.Array] = {
        name: names.take(from_numpy(ranks[firsts], mask=ranks[firsts] < 0))
        for name, (ranks, names) in zip(_TEXTS, texts, strict=True)
    }
    columns |= place(bucket)
    columns |= {
        "count": from_numpy(count),
        "mean": from_numpy(total / count),
        "stddev": from_numpy(stddev, mask=count < 2),
        "min": from_numpy(from_images(low)),
        "max": from_numpy(from_images(high)),
        "sum": from_numpy(total),
        "first_timestamp": from_numpy(first, mask=timeless).cast(pa.timestamp("us", "UTC")),
        "last_timestamp": from_numpy(last, mask=timeless).cast(pa.timestamp("us", "UTC")),
    }
    if quantiles:
        assert sketch is not None
        series = np.searchsorted(ordered[starts], packed[len(stats) :])
        index, values = integers(counts.column("index")), integers(counts.column("count"))
        found = from_counts(sketch, quantiles, series, index, values, count)
        for q, near in zip(quantiles, found, strict=True):
            columns[quantile_name(q)] = from_numpy(np.clip(near, from_images(low), from_images(high)) + 0.0)  # no -0.0
    return pa.table(columns)


def keys_of(stats: pa.Table, sketch: pa.Table) -> tuple[list[tuple[Int64Array, pa.Array]], Int64Array]:
    """The ranks of the key texts of all rows, first those of stats, then of sketch; and all keys packed."""

    def both(name: str) -> pa.ChunkedArray:
        return pa.chunked_array(
            [*stats.column(name).chunks, *sketch.column(name).chunks], STATS.columns.field(name).type
        )

    texts = [text_ranks(both(name)) for name in _TEXTS]
    return texts, pack([*(ranks for ranks, _ in texts), integers(both("bucket"))])


def _check(stats: pa.Table, count: Int64Array, firsts: Int64Array) -> None:
    if len(count) and count.max() > MAX_COUNT:
        row = stats.slice(int(firsts[count.argmax()]), 1).to_pylist()[0]
        raise LimitError(
            f"more than {MAX_COUNT} readings of one series in one bucket of time",
            where=f'device "{row["device_id"]}", metric "{row["metric"]}"',
        )


def _sums(
    stats: pa.Table, order: Int64Array, starts: Int64Array, sizes: Int64Array, count: Int64Array
) -> tuple[Float64Array, Float64Array]:
    """The sum and the sample standard deviation of each run of rows."""
    sums, squares = ([integers(stats.column(name)) for name in names] for names in (SUMS, SQUARES))
    windows = stats.column("window").to_numpy()
    total, stddev = np.empty(len(starts)), np.empty(len(starts))
    special = sizes > 1
    for begin in range(0, len(starts), _BLOCK):
        block = slice(begin, begin + _BLOCK)
        rows = order[starts[block]]
        s, q = (normalise(np.stack([words[rows] for words in of]).T) for of in (sums, squares))
        total[block], unsure = to_double(s, windows[rows])
        stddev[block], open_bit = sample_stddev(count[block], s, q, windows[rows])
        special[block] |= unsure | open_bit

    for run in np.flatnonzero(special).tolist():
        rows = order[starts[run] : starts[run] + sizes[run]]
        total[run], stddev[run] = _exactly(
            int(count[run]),
            windows[rows].tolist(),
            *(to_integers(np.stack([words[rows] for words in of]).T) for of in (sums, squares)),
        )
    return total, stddev


def _exactly(n: int, windows: list[int], sums: list[int], squares: list[int]) -> tuple[float, float]:
    """The same for one key by integers of any size: sums over several windows, subnormal and too large ones."""
    if len(set(windows)) < len(windows):
        raise ValueError("the partial rows are not merged")
    low = min(windows)
    s = sum(word << WINDOW * (w - low) for w, word in zip(windows, sums, strict=True))
    q = sum(word << 2 * WINDOW * (w - low) for w, word in zip(windows, squares, strict=True))
    exponent = WINDOW * low - FRACTION
    stddev = ratio_sqrt(n * q - s * s, n * (n - 1), exponent) if n > 1 else float("nan")
    return ratio_to_double(s, exponent), stddev
