"""Quantiles from the counts of a sketch."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from jobs.partials.codes import pack
from jobs.partials.sketch import Sketch
from jobs.readings.model import Float64Array, Int64Array

_DIGITS = 9


def parse_quantiles(text: str) -> list[float]:
    """The quantiles of an option such as `0.5,0.95`. Raises ValueError with the reason."""
    wanted = [_number(part) for part in text.split(",")]
    for q in wanted:
        if not 0 <= q <= 1 or round(q, _DIGITS) != q:
            raise ValueError(f"a quantile is a number from 0 to 1 of up to {_DIGITS} decimals, not {q}")
    if len(set(wanted)) < len(wanted):
        raise ValueError("a quantile is named twice")
    return wanted


def parse_error(text: str) -> float:
    """The relative error of an option such as `0.01`. Raises ValueError with the reason."""
    return Sketch(_number(text)).error


def _number(text: str) -> float:
    try:
        return float(text) + 0.0
    except ValueError:
        raise ValueError(f'"{text}" is no number') from None


def quantile_name(q: float) -> str:
    """The output column of a quantile: q0.5, q0.95."""
    return f"q{_decimal(q):f}"


def from_counts(
    sketch: Sketch,
    quantiles: Sequence[float],
    series: Int64Array,
    index: Int64Array,
    counts: Int64Array,
    totals: Int64Array,
) -> list[Float64Array]:
    """Each quantile of series 0, 1, …: of n values that of rank floor(q·(n - 1)), counted from 0.

    q is the decimal number that it is written as: 0.29 of 101 values is the one of rank 29. Row i of the sketch counts
    `counts[i]` values of `series[i]` under `index[i]`; `totals` are the n of each series.
    """
    order = np.argsort(pack([series, index]))
    reached = np.cumsum(counts[order])
    before = np.cumsum(totals) - totals
    if not np.array_equal(np.bincount(series, counts, len(totals)), totals):
        raise ValueError("the sketch does not count the same readings as the statistics")
    ordered = index[order].astype(np.int32)
    found = []
    for q in quantiles:
        rank = int(_decimal(q) * 10**_DIGITS) * (totals - 1) // 10**_DIGITS
        found.append(sketch.value(ordered[np.searchsorted(reached, before + rank, side="right")]))
    return found


def _decimal(q: float) -> Decimal:
    return Decimal(repr(q)).normalize()
