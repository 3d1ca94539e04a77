"""Histograms: bins, edges and their counts, against plain Python."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.partials.binning import BinCounts, Edges, bins_of, edged, equal_width, parse_edges
from jobs.partials.merge import merge
from jobs.partials.schema import SKETCH
from jobs.partials.sketch import Sketch
from jobs.readings.model import Keys
from tests.partials.numbers import ANY, DOUBLES, ROWS, Row, batch, gathered

EDGES = st.lists(st.one_of(st.integers(-20, 20).map(float), DOUBLES), min_size=2, max_size=12).map(
    lambda found: sorted({x + 0.0 for x in found})
)


def bin_of(value: float, edges: list[float]) -> int:
    """The definition: half open bins, the last closed, one below and one above."""
    if value == edges[-1]:
        return len(edges) - 2
    return sum(edge <= value for edge in edges) - 1


@given(EDGES.filter(lambda e: len(e) > 1), st.lists(st.one_of(DOUBLES, st.integers(-20, 20).map(float))))
def test_bins_are_half_open_and_the_last_is_closed(edges: list[float], values: list[float]) -> None:
    table = Edges(edges).of([("m", None)])
    values = [*values, *edges]
    found = bins_of(table, np.zeros(len(values), np.int64), np.array(values))
    assert found.tolist() == [bin_of(value, edges) for value in values]


@given(ANY, ANY, st.integers(1, 50))
def test_bins_of_equal_width(one: float, other: float, bins: int) -> None:
    low, high = sorted([one + 0.0, other + 0.0])
    edges = equal_width(low, high, bins)
    assert (edges[0], edges[-1]) == (low, high)
    assert len(edges) == 2 or all(a < b for a, b in pairwise(edges))
    assert len(edges) <= bins + 1
    span = Fraction(high) - Fraction(low)
    if span > 1e-290 and span > Fraction(1, 10**9) * max(abs(Fraction(low)), abs(Fraction(high))):
        assert len(edges) == bins + 1
        for i, edge in enumerate(edges):
            assert abs(Fraction(edge) - (Fraction(low) + span * i / bins)) <= Fraction(1, 10**5) * span / bins
    every = np.array([low, high, *edges])
    found = bins_of(
        Edges(ranges=[("m", None, low, high)], bins=bins).of([("m", None)]), np.zeros(len(every), int), every
    )
    assert found.min() >= 0
    assert found.max() <= len(edges) - 2


@given(st.lists(ROWS, max_size=3), st.lists(ROWS, max_size=2))
def test_histograms_merge_whatever_comes_first(first: list[list[Row]], second: list[list[Row]]) -> None:
    edges = Edges([-1.0, 0.0, 0.5, 1000.0])

    def counts(parts: list[list[Row]]) -> pa.Table:
        keys = Keys()
        accumulator = BinCounts(keys, edges)
        for part in parts:
            accumulator.add(batch(part, keys))
        assert (accumulator.nbytes > 0) == (accumulator.groups > 0)
        return gathered(accumulator.flush()).get("sketch", SKETCH.empty())

    one = edged(merge(SKETCH, [counts(first), counts(second)]), edges)
    other = edged(merge(SKETCH, [counts([*second, *first]), SKETCH.empty()]), edges)
    assert one.equals(other)
    rows: list[Row] = [row for part in [*first, *second] for row in part]
    expected: dict[tuple[object, ...], int] = {}
    for _, device, metric, unit, value in rows:
        key = (device, metric, unit, bin_of(value, list(edges.common)))
        expected[key] = expected.get(key, 0) + 1
    found = {(r["device_id"], r["metric"], r["unit"], r["bin"]): r for r in one.to_pylist()}
    assert {key: row["count"] for key, row in found.items() if row["count"]} == expected
    for series in {key[:3] for key in found}:
        own = [found[key] for key in sorted(k for k in found if k[:3] == series)]
        assert [row["bin"] for row in own if 0 <= row["bin"] < 3] == [0, 1, 2]
        assert own[-1]["cumulative_share"] == 1.0
        assert math.isclose(sum(row["share"] for row in own), 1.0)


def test_bins_outside_have_one_end() -> None:
    keys = Keys()
    accumulator = BinCounts(keys, Edges([0.0, 10.0]))
    accumulator.add(batch([(0, "a", "m", None, v) for v in (-1.0, 10.0, 10.5, 11.0)], keys))
    rows = edged(gathered(accumulator.flush())["sketch"], Edges([0.0, 10.0])).to_pylist()
    assert [(r["bin"], r["low"], r["high"], r["count"], r["share"], r["cumulative_share"]) for r in rows] == [
        (-1, None, 0.0, 1, 0.25, 0.25),
        (0, 0.0, 10.0, 1, 0.25, 0.5),
        (1, 10.0, None, 2, 0.5, 1.0),
    ]


def test_a_metric_without_a_range_is_an_error() -> None:
    keys = Keys()
    accumulator = BinCounts(keys, Edges(ranges=[("m", None, 0.0, 1.0)], bins=2))
    accumulator.add(batch([(0, "a", "m", None, 0.5)], keys))
    with pytest.raises(ValueError, match="the input has changed"):
        accumulator.add(batch([(0, "a", "n", None, 0.5)], keys))


@given(st.lists(ANY, min_size=1), st.sampled_from([Sketch(0.01), Sketch(0.05), Sketch(0.25)]))
def test_a_sketchs_bounds_hold_its_values(values: list[float], sketch: Sketch) -> None:
    index = sketch.index(np.array(values))
    for value, low, high in zip(values, *(bound.tolist() for bound in sketch.bounds(index)), strict=True):
        assert low <= value < high if value > 0 else low < value <= high if value < 0 else low == high == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1", "two numbers or more"),
        ("1,a", "numbers with commas"),
        ("1,1", "ascend"),
        ("2,1", "ascend"),
        ("0,inf", "finite"),
        ("nan,1", "finite"),
        (",".join(map(str, range(10_002))), "10000 bins at most"),
    ],
)
def test_edges_that_cannot_be(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_edges(text)
