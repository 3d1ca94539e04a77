"""Pearson's correlation of pairs of series, from exact sums of products of their window means.

r = (n Σxy - Σx Σy) / (√(n Σx² - (Σx)²) √(n Σy² - (Σy)²)) (Pearson 1895). The three differences are exact integers
inside and rounded once each, so that neither order nor cancellation shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.partials import exact
from jobs.partials.codes import starts_of_runs, text_ranks
from jobs.partials.exact import BoolArray, normalise
from jobs.partials.merge import integers
from jobs.partials.rounding import multiplied, ratio_sqrt, to_double
from jobs.partials.totals import numbered
from jobs.readings.model import Float64Array, Int64Array

_NEARLY = 1 - 2.0**-48  # beyond it r is rounded once, so that 1 means that all points lie on a line
_BLOCK = 1 << 17
"""About so many windows of pairs are laid side by side at once."""


@dataclass(frozen=True)
class Means:
    """Window means of series, sorted by series and window. device: of each series. first, last: where the windows of
    each series begin and end in `window` and `mean`."""

    device: Int64Array
    first: Int64Array
    last: Int64Array
    window: Int64Array
    mean: Float64Array


@dataclass(frozen=True)
class Pairs:
    """Pairs of series and what correlates them. one, other: places of series. lag: windows by which `other` is later.
    n: windows that both have, 2 or more. covariance: of a sample. r: NaN where one of the two is constant."""

    one: Int64Array
    other: Int64Array
    lag: Int64Array
    n: Int64Array
    covariance: Float64Array
    r: Float64Array


def finish(rows: pa.Table, lags: Sequence[int], most: int) -> pa.Table:
    """Correlations of the pairs of each device's series, of which `most` of each device and lag with the highest |r|.

    rows: device_id, metric, unit, window (int64) and mean (float64) of each series and window.
    Columns: device_id, metric_1, unit_1, metric_2, unit_2, lag, n (int64), r, covariance (float64).
    """
    rows = rows.filter(pc.is_finite(rows.column("mean")))  # sums too large for a double have no mean
    ranks, texts = zip(*(text_ranks(rows.column(name)) for name in ("device_id", "metric", "unit")), strict=True)
    window = integers(rows.column("window"))
    series, owners = numbered(ranks)
    order = np.lexsort((window, series))
    first = starts_of_runs(series[order])
    last = np.append(first[1:], len(order))[: len(first)]
    means = Means(ranks[0][owners], first, last, window[order], rows.column("mean").to_numpy()[order])

    found = [_strongest(correlated(means, lag), means.device, most) for lag in lags]
    pairs = Pairs(*(np.concatenate([getattr(p, name) for p in found]) for name in Pairs.__dataclass_fields__))
    by_key = np.lexsort((pairs.lag, pairs.other, pairs.one))

    def text(which: int, of: Int64Array) -> pa.Array:
        codes = ranks[which][owners][of[by_key]]
        return texts[which].take(pa.array(codes, mask=codes < 0))

    r = pairs.r[by_key]
    return pa.table(
        {
            "device_id": text(0, pairs.one),
            "metric_1": text(1, pairs.one),
            "unit_1": text(2, pairs.one),
            "metric_2": text(1, pairs.other),
            "unit_2": text(2, pairs.other),
            "lag": pa.array(pairs.lag[by_key]),
            "n": pa.array(pairs.n[by_key]),
            "r": pa.array(r, mask=np.isnan(r)),
            "covariance": pa.array(pairs.covariance[by_key]),
        }
    )


def correlated(means: Means, lag: int) -> Pairs:
    """All pairs of series of one device that have two windows or more in common, `lag` windows apart."""
    ends = np.searchsorted(means.device, means.device, side="right")
    partners = ends - np.arange(len(ends)) - 1
    one = np.repeat(np.arange(len(ends)), partners)
    other = one + 1 + _within(partners)
    parts = [_block(means, one[block], other[block], lag) for block in _blocks((means.last - means.first)[one])]
    none = np.empty(0, np.int64)
    parts.append(Pairs(none, none, none, none, np.empty(0), np.empty(0)))
    return Pairs(*(np.concatenate([getattr(p, name) for p in parts]) for name in Pairs.__dataclass_fields__))


def _blocks(sizes: Int64Array) -> Iterator[slice]:
    """Slices of pairs whose sizes come to about a block."""
    edges = np.flatnonzero(np.diff(np.cumsum(sizes) // _BLOCK, prepend=-1, append=2**62))
    for i in range(len(edges) - 1):
        yield slice(int(edges[i]), int(edges[i + 1]))


def _within(sizes: Int64Array) -> Int64Array:
    """0, 1, … within each run of these sizes."""
    return np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)


def _block(means: Means, one: Int64Array, other: Int64Array, lag: int) -> Pairs:
    """The pairs laid side by side: a row for each window of one that the other has too."""
    sizes = (means.last - means.first)[one]
    pair = np.repeat(np.arange(len(one)), sizes)
    x_row = np.repeat(means.first[one], sizes) + _within(sizes)
    y_row, is_there = _found(means, other[pair], means.window[x_row] + lag)
    n = np.bincount(pair[is_there], minlength=len(one))
    is_there &= n[pair] > 1
    kept = np.flatnonzero(n > 1)
    x, y = means.mean[x_row[is_there]], means.mean[y_row[is_there]]
    starts = starts_of_runs(pair[is_there])
    covariance, r = _pearson(x, y, starts, n[kept])
    return Pairs(one[kept], other[kept], np.full(len(kept), lag), n[kept], covariance, r)


def _found(means: Means, series: Int64Array, window: Int64Array) -> tuple[Int64Array, BoolArray]:
    """The row of each series' window, and whether there is one: a bisection of each series' own rows."""
    low, high = means.first[series], means.last[series]
    end = high.copy()
    while (low < high).any():
        middle = (low + high) // 2
        below = means.window[np.minimum(middle, len(means.window) - 1)] < window
        open_ = low < high
        low, high = np.where(open_ & below, middle + 1, low), np.where(open_ & ~below, middle, high)
    row = np.minimum(low, max(len(means.window) - 1, 0))
    return row, (low < end) & (means.window[row] == window)


def _pearson(x: Float64Array, y: Float64Array, starts: Int64Array, n: Int64Array) -> tuple[Float64Array, Float64Array]:
    """Covariance and r of each run of points."""
    if not len(starts):
        return np.empty(0), np.empty(0)
    of_x, of_y = exact.windows(x), exact.windows(y)
    (sums_x, squares_x, plain_x), (sums_y, squares_y, plain_y) = (
        (
            _summed(exact.sum_words(v, w), starts),
            _summed(exact.square_words(v, w), starts),
            np.minimum.reduceat(w, starts) == np.maximum.reduceat(w, starts),
        )
        for v, w in ((x, of_x), (y, of_y))
    )
    products = _summed(exact.product_words(x, y, of_x, of_y), starts)
    u, v = of_x[starts], of_y[starts]
    product, unsure = _difference(n, sums_x, sums_y, products, u + v)
    square_x, unsure_x = _difference(n, sums_x, sums_x, squares_x, u + u)
    square_y, unsure_y = _difference(n, sums_y, sums_y, squares_y, v + v)
    is_constant = (square_x == 0) | (square_y == 0)
    root = np.sqrt(square_x) * np.sqrt(square_y)
    r = np.where(is_constant, np.nan, np.clip(product / np.where(is_constant, 1.0, root), -1.0, 1.0))
    covariance = product / (n * (n - 1)).astype(np.float64)

    special = ~plain_x | ~plain_y | unsure | unsure_x | unsure_y | (np.abs(r) > _NEARLY)
    stops = np.append(starts[1:], len(x))
    for i in np.flatnonzero(special).tolist():
        run = slice(starts[i], stops[i])
        covariance[i], r[i] = _exactly(x[run].tolist(), y[run].tolist())
    return covariance, r


def _summed(words: Int64Array, starts: Int64Array) -> Int64Array:
    return normalise(np.add.reduceat(words, starts, axis=0))


def _difference(
    n: Int64Array, one: Int64Array, other: Int64Array, products: Int64Array, windows: exact.Int16Array
) -> tuple[Float64Array, BoolArray]:
    """n·P - S·T from words, rounded once, and where that could not be done."""
    return to_double(multiplied(n, one, other, products), windows, factors=2)


def _exactly(x: list[float], y: list[float]) -> tuple[float, float]:
    """The same for one pair, of any magnitudes, by fractions."""
    n, one, other = len(x), list(map(Fraction, x)), list(map(Fraction, y))
    product = n * sum((a * b for a, b in zip(one, other, strict=True)), Fraction(0)) - sum(one) * sum(other)
    square = (n * sum(a * a for a in one) - sum(one) ** 2) * (n * sum(b * b for b in other) - sum(other) ** 2)
    try:
        covariance = float(Fraction(product) / (n * (n - 1)))
    except OverflowError:
        covariance = float("inf") if product > 0 else float("-inf")
    if not square:
        return covariance, float("nan")
    ratio = Fraction(product) ** 2 / square
    r = ratio_sqrt(ratio.numerator, ratio.denominator, 0)
    return covariance, r if product > 0 else -r if product < 0 else 0.0


def _strongest(pairs: Pairs, device: Int64Array, most: int) -> Pairs:
    """For each device the pairs with the highest |r|, of equals the first; those without r come last."""
    owner = device[pairs.one]
    weakness = np.where(np.isnan(pairs.r), 1.0, -np.abs(pairs.r))
    order = np.lexsort((pairs.other, pairs.one, weakness, owner))
    starts = starts_of_runs(owner[order])
    sizes = np.diff(starts, append=len(order))
    kept = np.sort(order[_within(sizes) < most])
    return Pairs(*(getattr(pairs, name)[kept] for name in Pairs.__dataclass_fields__))
