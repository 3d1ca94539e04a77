"""Correlations are those of fractions, in any order of the rows."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.partials import correlation
from jobs.partials.exact import FRACTION, product_words, sum_words
from jobs.partials.rounding import multiplied, to_integers
from tests.partials.numbers import ORDINARY

MEANS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "é"]),
        st.sampled_from(["t", "h", "p"]),
        st.sampled_from([None, "°C"]),
        st.integers(-3, 6),
        st.one_of(st.sampled_from([-0.0, 0.0, 1.0, 101_325.0, 1e300, -1e-300]), ORDINARY),
    ),
    unique_by=lambda row: row[:4],
    max_size=60,
)
NAMES = ("device_id", "metric", "unit", "window", "mean")
TYPES = (pa.string(), pa.string(), pa.string(), pa.int64(), pa.float64())
Row = tuple[str, str, str | None, int, float]


def table(rows: list[Row]) -> pa.Table:
    return pa.table({name: pa.array([row[i] for row in rows], TYPES[i]) for i, name in enumerate(NAMES)})


def correlations(rows: list[Row], lags: list[int], strongest: int = 1000) -> pa.Table:
    return correlation.finish(table(rows), correlation.Rules(lags, strongest, 1000))


def between_devices(rows: list[Row], lags: list[int], strongest: int = 1000) -> pa.Table:
    rules = correlation.Rules(lags, strongest, 1000, ("metric", "unit"), ("device",))
    return correlation.finish(correlation.of_metric(correlation.by_metric(table(rows))), rules)


def expected(rows: list[Row], lag: int) -> dict[tuple[object, ...], tuple[int, float | None, float]]:
    """n, r and covariance by pair."""
    series: dict[tuple[str, str, str], dict[int, Fraction]] = {}
    for device, metric, unit, window, mean in rows:
        series.setdefault((device, metric, unit or ""), {})[window] = Fraction(mean)
    found: dict[tuple[object, ...], tuple[int, float | None, float]] = {}
    for one, other in combinations(sorted(series, key=lambda key: [text.encode() for text in key]), 2):
        points = [(x, series[other][w + lag]) for w, x in series[one].items() if w + lag in series[other]]
        if one[0] != other[0] or len(points) < 2:
            continue
        n = len(points)
        sx, sy = sum(x for x, _ in points), sum(y for _, y in points)
        product = n * sum(x * y for x, y in points) - sx * sy
        square_x, square_y = n * sum(x * x for x, _ in points) - sx**2, n * sum(y * y for _, y in points) - sy**2
        r = None
        if square_x and square_y:
            r = math.copysign(math.sqrt(product**2 / (square_x * square_y)), product)
        found[(*one, *other[1:], lag)] = (n, r, _double(Fraction(product) / (n * (n - 1))))
    return found


def _double(exact: Fraction) -> float:
    try:
        return float(exact)
    except OverflowError:
        return math.copysign(math.inf, exact)


@given(MEANS, st.sampled_from([-2, 0, 1]), st.randoms(use_true_random=False))
def test_every_pair_is_the_oracles(rows: list[Row], lag: int, chance: random.Random) -> None:
    found = correlations(rows, [lag])
    keys = found.drop_columns(["n", "r", "covariance"]).to_pylist()
    oracle = expected(rows, lag)
    assert [tuple("" if v is None else v for v in key.values()) for key in keys] == list(oracle)
    for row, (n, r, covariance) in zip(found.to_pylist(), oracle.values(), strict=True):
        assert row["n"] == n
        assert row["r"] == (None if r is None else pytest.approx(r, rel=1e-14, abs=1e-300))
        assert row["covariance"] == pytest.approx(covariance, rel=1e-15, abs=0)
    assert correlations(chance.sample(rows, len(rows)), [lag]) == found


@given(MEANS, st.sampled_from([-2, 0, 1]), st.randoms(use_true_random=False))
def test_pairs_of_devices_are_those_of_metrics_with_the_names_exchanged(
    rows: list[Row], lag: int, chance: random.Random
) -> None:
    """A device for each metric and unit that measured a metric for each device: what differs is the column's name."""
    found = between_devices(chance.sample(rows, len(rows)), [lag])
    assert found.column_names[:4] == ["metric", "unit", "device_1", "device_2"]
    keys = found.select(["metric", "unit"]).to_pylist()
    exchanged: list[Row] = [(f"{m}\t{u or ''}", d, None, w, mean) for d, m, u, w, mean in rows]
    other = correlations(exchanged, [lag])
    assert [f"{key['metric']}\t{key['unit'] or ''}" for key in keys] == other["device_id"].to_pylist()
    names = [("device_1", "metric_1"), ("device_2", "metric_2"), *((n, n) for n in ("lag", "n", "r", "covariance"))]
    assert all(found[name].to_pylist() == other[its].to_pylist() for name, its in names)


def test_small_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(3)
    rows: list[Row] = [(d, m, None, w, chance.gauss(1e5, 1)) for d in "abc" for m in "tuvw" for w in range(9)]
    whole = correlations(rows, [0, 1], 100)
    assert len(whole) == 2 * 3 * 6
    monkeypatch.setattr(correlation, "_BLOCK", 10)
    assert correlations(rows, [0, 1], 100) == whole
    strongest = correlations(rows, [0, 1], 2)
    monkeypatch.undo()
    assert correlations(rows, [0, 1], 2) == strongest


def test_the_strongest_pairs_are_kept() -> None:
    chance = random.Random(5)
    rows: list[Row] = [(d, m, None, w, chance.gauss(0, 1)) for d in "ab" for m in "tuvw" for w in range(9)]
    rows += [("a", "constant", None, w, 1.0) for w in range(9)]
    whole = correlations(rows, [0], 100).to_pylist()
    assert sum(row["r"] is None for row in whole) == 4
    for most in (1, 3, 8):
        kept = correlations(rows, [0], most).to_pylist()
        for device in "ab":
            mine = [row for row in whole if row["device_id"] == device]
            strongest = sorted(mine, key=lambda row: -abs(row["r"]) if row["r"] is not None else 1)[:most]
            assert [row for row in mine if row in strongest] == [row for row in kept if row["device_id"] == device]


def test_what_hardly_varies_correlates_as_what_is_left() -> None:
    values = [1, 3, 2, 5, 4, 7]
    rows: list[Row] = [("a", "p", None, w, 1e9 + v * 2.0**-20) for w, v in enumerate(values)]
    rows += [("a", "q", None, w, -3.0 * v) for w, v in enumerate(values)]
    (row,) = correlations(rows, [0], 1).to_pylist()
    assert row["r"] == -1.0


@given(st.lists(st.tuples(ORDINARY, ORDINARY), min_size=1))
def test_the_difference_is_exact(points: list[tuple[float, float]]) -> None:
    x, y = (np.array(column) for column in zip(*points, strict=True))
    zeros = np.zeros(len(x), np.int16)
    of_x, of_y = (sum_words(v, zeros).sum(axis=0, keepdims=True) for v in (x, y))
    products = product_words(x, y, zeros, zeros).sum(axis=0, keepdims=True)
    (found,) = to_integers(multiplied(np.array([len(x)]), of_x, of_y, products))
    exact = [(Fraction(a), Fraction(b)) for a, b in points]
    difference = len(x) * sum(a * b for a, b in exact) - sum(a for a, _ in exact) * sum(b for _, b in exact)
    assert found == difference * 2 ** (2 * FRACTION)
