"""Histograms: values counted in bins of given edges, of equal width, or in the buckets of a sketch.

Bins are half open, [low, high), but for the last of given edges or of equal width, which holds its high edge too. Bin
-1 holds the values below the first edge, bin n those above the last of n + 1 edges. Counts travel as SKETCH rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from jobs.partials.array_moments import GroupedRows
from jobs.partials.codes import distinct_counts, pack, starts_of_runs, text_ranks
from jobs.partials.merge import integers
from jobs.partials.rows import partial_rows, texts_of
from jobs.partials.schema import SKETCH
from jobs.partials.sketch import Sketch
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Float64Array, Int32Array, Int64Array, Keys, Readings

MOST_BINS = 10_000
_PENDING_ROWS, _PENDING_BYTES = 1 << 18, 16
_FEW_EDGES = 32
_TEXTS = ("device_id", "metric", "unit")
Range = tuple[str, str | None, float, float]
"""Metric, unit, and the smallest and largest value of all devices."""


def parse_edges(text: str) -> list[float]:
    """The value of `--edges`, such as 0,10,20. Raises ValueError with the reason."""
    try:
        edges = [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError("edges are numbers with commas between, such as 0,10,20") from None
    if not np.isfinite(edges).all() or any(a >= b for a, b in pairwise(edges)):
        raise ValueError("edges are finite numbers that ascend")
    if not 2 <= len(edges) <= MOST_BINS + 1:
        raise ValueError(f"edges are two numbers or more, for {MOST_BINS} bins at most")
    return edges


def equal_width(low: float, high: float, bins: int) -> list[float]:
    """The edges of `bins` bins of equal width: low + i·((high - low) / bins), and high itself.

    Where doubles lie too far apart for so many, there are fewer; equal values have one bin, [low, high].
    """
    half = (high / 2 - low / 2) / bins  # halves, as the difference of two doubles may be none
    inner = (low / 2 + np.arange(1, bins) * half) * 2
    inner = inner[(inner > low) & (inner < high)]
    return [low, *np.unique(inner).tolist(), high]


@dataclass(frozen=True)
class Edges:
    """The edges of each metric and unit: those of `common`, or of `bins` bins of equal width over `ranges`."""

    common: Sequence[float] = ()
    ranges: Sequence[Range] = ()
    bins: int = 0

    def of(self, series: Sequence[tuple[str, str | None]]) -> tuple[Float64Array, Int64Array]:
        """[series, edges] filled up with infinity, and how many edges each has: none, of one without a range."""
        known = {(metric, unit): equal_width(low, high, self.bins) for metric, unit, low, high in self.ranges}
        every = [list(self.common) or known.get(pair, []) for pair in series]
        count = np.array([len(edges) for edges in every], np.int64)
        table = np.full((len(every), int(count.max(initial=0))), np.inf)
        for row, edges in enumerate(every):
            table[row, : len(edges)] = edges
        return table, count


def bins_of(edges: tuple[Float64Array, Int64Array], series: Int64Array, values: Float64Array) -> Int64Array:
    """The bin of each value, by the edges of its series.

    Raises ValueError for a series without edges.
    """
    table, count = edges
    narrow = series.astype(np.uint16) if len(count) <= 2**16 else series  # sorted by radix
    order = np.argsort(narrow, kind="stable")
    starts = starts_of_runs(series[order])
    found = np.empty(len(values), np.int64)
    for start, end in pairwise([*starts.tolist(), len(order)]):
        rows = order[start:end]
        one = int(series[rows[0]])
        own = table[one, : count[one]]
        if not len(own):
            raise ValueError("the input has changed: there is a metric whose range is not known")
        found[rows] = _bins(own, values[rows])
    return found


def _bins(edges: Float64Array, values: Float64Array) -> Int64Array:
    if len(edges) > _FEW_EDGES:
        searched: Int64Array = np.searchsorted(edges, values, side="right") - 1 - (values == edges[-1])
        return searched
    found = np.full(len(values), -1, np.int8)  # few edges are compared with all values sooner than searched for each
    for edge in edges:
        found += values >= edge
    found -= values == edges[-1]
    return found.astype(np.int64)


class BinCounts:
    """An accumulator of SKETCH rows whose index is the bin."""

    def __init__(self, keys: Keys, edges: Edges) -> None:
        self._keys, self._edges = keys, edges
        self._table: tuple[Float64Array, Int64Array] = np.empty((0, 0)), np.empty(0, np.int64)
        self._counts = GroupedRows([np.add])
        self._pending: list[tuple[Int32Array, Int32Array, Int64Array]] = []
        self._rows = 0

    def add(self, readings: Readings) -> None:
        if not len(readings):
            return
        if readings.keys.series_count > len(self._table[1]):
            self._table = self._edges.of(readings.keys.series_texts())
        if self._edges.common:
            bins = _bins(self._table[0][0], readings.value)
        else:
            bins = bins_of(self._table, readings.series.astype(np.int64), readings.value)
        self._pending.append((readings.device.copy(), readings.series.copy(), bins))
        self._rows += len(readings)
        if self._rows >= _PENDING_ROWS:
            self._settle()

    def _settle(self) -> None:
        if not self._pending:
            return
        device, series, bins = (np.concatenate(column) for column in zip(*self._pending, strict=True))
        self._pending, self._rows = [], 0
        width, depth = int(series.max()) + 1, self._table[0].shape[1] + 1
        key, counts = distinct_counts((device.astype(np.int64) * width + series) * depth + bins + 1)
        owner, index = np.divmod(key, depth)
        device, series = np.divmod(owner, width)
        self._counts.add([device, series, np.zeros(len(key), np.int64), index - 1, counts])

    def flush(self) -> Iterator[tuple[str, pa.Table]]:
        self._settle()
        texts = texts_of(self._keys)
        for counts in self._counts.take_all():
            yield SKETCH.name, partial_rows(SKETCH, texts, list(counts))

    @property
    def groups(self) -> int:
        return len(self._counts) + self._rows

    @property
    def nbytes(self) -> int:
        return self._counts.nbytes + _PENDING_BYTES * self._rows


def edged(counts: pa.Table, edges: Edges) -> pa.Table:
    """The histogram of merged SKETCH rows whose index is a bin: all bins of each series, of the outer two those filled.

    Columns: device_id, metric, unit, bin (int64), low, high (float64; null where a bin has no such end), count (int64),
    share, cumulative_share (float64). Sorted by the first four: texts by their UTF-8 bytes, nulls first.
    """
    texts, series, index, count = _sorted(counts)
    if not len(index):
        return _histogram(texts, series, index, (pa.nulls(0, pa.float64()),) * 2, count)
    starts = starts_of_runs(series)
    metric, unit = (texts[name].take(from_numpy(starts)).to_pylist() for name in ("metric", "unit"))
    pairs = sorted(set(zip(metric, unit, strict=True)), key=str)
    number = {pair: row for row, pair in enumerate(pairs)}
    pair = np.array([number[key] for key in zip(metric, unit, strict=True)], np.int64)
    table, lengths = edges.of(pairs)
    bins = lengths[pair] - 1
    ends = np.append(starts[1:], len(index)) - 1
    first = np.minimum(index[starts], 0)
    size = np.maximum(index[ends], bins - 1) + 1 - first
    begin = np.cumsum(size) - size
    owner = np.repeat(np.arange(len(starts)), size)
    dense = np.zeros(int(size.sum()), np.int64)
    dense[begin[series] + index - first[series]] = count
    bin_ = np.arange(len(dense)) - begin[owner] + first[owner]
    low, high = (_edge(table, pair[owner], bin_ + shift, bins[owner]) for shift in (0, 1))
    names = {name: column.take(from_numpy(starts[owner])) for name, column in texts.items()}
    return _histogram(names, owner, bin_, (low, high), dense)


def _edge(table: Float64Array, pair: Int64Array, edge: Int64Array, bins: Int64Array) -> pa.Array:
    known = (edge >= 0) & (edge <= bins)
    return from_numpy(table[pair, np.where(known, edge, 0)], mask=~known)


def sketched(counts: pa.Table, sketch: Sketch, quantiles: pa.Table) -> pa.Table:
    """The histogram of merged SKETCH rows of a sketch: its buckets that are not empty; columns as those of `edged`.

    quantiles: a row for each series, in their order; its columns are added to all bins of the series.
    """
    texts, series, index, count = _sorted(counts)
    low, high = sketch.bounds(index.astype(np.int32))
    found = _histogram(texts, series, index, (from_numpy(low), from_numpy(high)), count)
    for name in quantiles.column_names:
        found = found.append_column(name, quantiles[name].take(from_numpy(series)))
    return found


def _sorted(counts: pa.Table) -> tuple[dict[str, pa.Array], Int64Array, Int64Array, Int64Array]:
    """The rows in the order of series and index: texts, the number of each row's series, index, count."""
    ranks = {name: text_ranks(counts.column(name)) for name in _TEXTS}
    keys = pack([rank for rank, _ in ranks.values()]) if len(counts) else np.empty(0, np.int64)
    index = integers(counts.column("index"))
    order = np.lexsort((index, keys))
    ordered = keys[order]
    series = np.cumsum(np.append(False, ordered[1:] != ordered[:-1])) if len(order) else order
    texts = {n: known.take(from_numpy(rank[order], mask=rank[order] < 0)) for n, (rank, known) in ranks.items()}
    return texts, series, index[order], integers(counts.column("count"))[order]


def _histogram(
    texts: dict[str, pa.Array], series: Int64Array, bin_: Int64Array, ends: tuple[pa.Array, pa.Array], count: Int64Array
) -> pa.Table:
    starts = starts_of_runs(series)
    total = np.add.reduceat(count, starts) if len(starts) else starts
    summed = np.cumsum(count)
    before = np.cumsum(total) - total
    columns = {
        **texts,
        "bin": from_numpy(bin_),
        "low": ends[0],
        "high": ends[1],
        "count": from_numpy(count),
        "share": from_numpy(count / total[series]),
        "cumulative_share": from_numpy((summed - before[series]) / total[series]),
    }
    return pa.table(columns)
