"""Pearson's correlation of pairs of series, from exact sums of products of their window means.

r = (n Σxy - Σx Σy) / (√(n Σx² - (Σx)²) √(n Σy² - (Σy)²)) (Pearson 1895). The three differences are exact integers
inside and rounded once each, so that neither order nor cancellation shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.errors import RefusedError
from jobs.partials import exact
from jobs.partials.codes import starts_of_runs, text_ranks
from jobs.partials.exact import BoolArray, normalise
from jobs.partials.merge import integers
from jobs.partials.rounding import multiplied, ratio_sqrt, to_double
from jobs.partials.schema import PartialSchema
from jobs.partials.totals import numbered
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Float64Array, Int64Array

_NEARLY = 1 - 2.0**-48  # beyond it r is rounded once, so that 1 means that all points lie on a line
_BLOCK = 1 << 17
"""About so many windows of pairs are laid side by side at once, and about so many pairs are known at once."""

_TEXTS = pa.dictionary(pa.int32(), pa.string())
MEANS = PartialSchema(
    "means",
    pa.schema(
        [
            pa.field("device_id", _TEXTS, nullable=False),
            pa.field("unit", _TEXTS),
            pa.field("device", _TEXTS, nullable=False),
            pa.field("window", pa.int64(), nullable=False),
            pa.field("mean", pa.float64(), nullable=False),
        ]
    ),
    {},
    single=True,
)
"""The mean of a series in a window, on its way to the others of its metric, whose text stands in `device_id`."""


@dataclass(frozen=True)
class Rules:
    """lags: by how many windows the second of a pair is later. strongest: how many pairs of each group and lag stay.
    most: of a group with more series, whose pairs grow with the square, none are made. group, member: the columns of
    texts in which the series of a group agree, and those in which they differ."""

    lags: Sequence[int]
    strongest: int
    most: int
    group: tuple[str, ...] = ("device_id",)
    member: tuple[str, ...] = ("metric", "unit")


@dataclass(frozen=True)
class Means:
    """Window means of series, sorted by series and window. group: of each series, ascending. first, last: where the
    windows of each series begin and end in `window` and `mean`."""

    group: Int64Array
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


def by_metric(means: pa.Table) -> pa.Table:
    """Rows of MEANS of a table with the columns device_id, metric, unit, window and mean."""
    finite = means.filter(pc.is_finite(means.column("mean")))  # sums too large for a double have no mean
    columns = [finite.column(name) for name in ("metric", "unit", "device_id", "window", "mean")]
    return pa.table(columns, MEANS.columns.names).cast(MEANS.columns)


def of_metric(rows: pa.Table) -> pa.Table:
    """Rows of MEANS with the name of what they are of: columns metric, unit, device, window and mean."""
    return rows.rename_columns(["metric", *rows.column_names[1:]])


def finish(rows: pa.Table, rules: Rules) -> pa.Table:
    """Correlations of the pairs of each group's series, the strongest of each group and lag by |r|.

    rows: the columns of group and member, window (int64) and mean (float64) of each series and window.
    Columns: those of group; those of member, first with _1, then with _2; lag, n (int64), r, covariance (float64).
    Raises RefusedError for a group with more than `rules.most` series.
    """
    rows = rows.filter(pc.is_finite(rows.column("mean")))
    texts = {name: text_ranks(rows.column(name)) for name in (*rules.group, *rules.member)}
    window = integers(rows.column("window"))
    group, _ = numbered([texts[name][0] for name in rules.group])
    series, owners = numbered([ranks for ranks, _ in texts.values()])
    order = np.lexsort((window, series))
    first = starts_of_runs(series[order])
    last = np.append(first[1:], len(order))[: len(first)]
    means = Means(group[owners], first, last, window[order], rows.column("mean").to_numpy()[order])

    def text(name: str, of: Int64Array) -> pa.Array:
        ranks, names = texts[name]
        codes = ranks[owners][of]
        return names.take(from_numpy(codes, mask=codes < 0))

    _refuse_too_many(means.group, rules, text)
    pairs = _joined([_strongest(means, lag, rules.strongest) for lag in rules.lags])
    by_key = np.lexsort((pairs.lag, pairs.other, pairs.one))
    one, other, r = pairs.one[by_key], pairs.other[by_key], pairs.r[by_key]
    columns = {name: text(name, one) for name in rules.group}
    for number, of in (1, one), (2, other):
        columns |= {f"{name.removesuffix('_id')}_{number}": text(name, of) for name in rules.member}
    return pa.table(
        columns
        | {
            "lag": from_numpy(pairs.lag[by_key]),
            "n": from_numpy(pairs.n[by_key]),
            "r": from_numpy(r, mask=np.isnan(r)),
            "covariance": from_numpy(pairs.covariance[by_key]),
        }
    )


def _refuse_too_many(group: Int64Array, rules: Rules, text: Callable[[str, Int64Array], pa.Array]) -> None:
    """group: of each series, ascending. text: of a column, of series."""
    starts = starts_of_runs(group)
    sizes = np.diff(starts, append=len(group))
    too_many = np.flatnonzero(sizes > rules.most)[:1]
    if len(too_many):
        named = {name: text(name, starts[too_many]).to_pylist()[0] for name in rules.group}
        what = f"{sizes[too_many[0]]:,} series to pair, more than --max-series {rules.most:,} allows"
        raise RefusedError(
            f"{what}: pairs grow with the square",
            where=", ".join(f'{name.removesuffix("_id")} "{value}"' for name, value in named.items() if value),
            fix=f"choose some with --{rules.member[0]}, or raise it",
        )


def _strongest(means: Means, lag: int, most: int) -> Pairs:
    """Of each group the pairs with the highest |r|, of equals the first; those without r come last."""
    kept = _joined([])
    for pairs in correlated(means, lag):
        found = _joined([kept, pairs])
        group = means.group[found.one]
        weakness = np.where(np.isnan(found.r), 1.0, -np.abs(found.r))
        order = np.lexsort((found.other, found.one, weakness, group))
        sizes = np.diff(starts_of_runs(group[order]), append=len(order))
        kept = _taken(found, np.sort(order[_within(sizes) < most]))
    return kept


def correlated(means: Means, lag: int) -> Iterator[Pairs]:
    """All pairs of series of one group that have two windows or more in common, `lag` windows apart; in parts."""
    ends = np.searchsorted(means.group, means.group, side="right")
    partners = ends - np.arange(len(ends)) - 1
    for some in _blocks(partners):
        one = np.repeat(np.arange(some.start, some.stop), partners[some])
        other = one + 1 + _within(partners[some])
        sizes = (means.last - means.first)[one]
        yield _joined([_block(means, one[block], other[block], lag) for block in _blocks(sizes)])


def _joined(parts: Sequence[Pairs]) -> Pairs:
    none = np.empty(0, np.int64)
    parts = [Pairs(none, none, none, none, np.empty(0), np.empty(0)), *parts]
    return Pairs(*(np.concatenate([getattr(p, name) for p in parts]) for name in Pairs.__dataclass_fields__))


def _taken(pairs: Pairs, rows: Int64Array) -> Pairs:
    return Pairs(*(getattr(pairs, name)[rows] for name in Pairs.__dataclass_fields__))


def _blocks(sizes: Int64Array) -> Iterator[slice]:
    """Slices of rows whose sizes come to about a block."""
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
