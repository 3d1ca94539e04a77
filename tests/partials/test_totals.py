"""Totals of groups are their exact sums, rounded once."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import groupby

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jobs.partials.codes import distinct_counts
from jobs.partials.exact import product_words, sum_words, windows
from jobs.partials.totals import add_up, add_up_runs, totals
from tests.partials.numbers import DOUBLES, rounded


@given(st.lists(st.tuples(st.integers(0, 2), DOUBLES, DOUBLES), min_size=1))
def test_totals_are_exact(rows: list[tuple[int, float, float]]) -> None:
    group, one, other = (np.array(column) for column in zip(*rows, strict=True))
    _, group = np.unique(group, return_inverse=True)
    v, w = windows(one), windows(other)
    sums = totals(list(sum_words(one, v).T), v.astype(np.int64), group)
    products = totals(list(product_words(one, other, v, w).T), (v + w).astype(np.int64), group, factors=2)
    for g in range(group.max() + 1):
        mine = [
            (Fraction(x), Fraction(y))
            for i, x, y in zip(group.tolist(), one.tolist(), other.tolist(), strict=True)
            if i == g
        ]
        assert sums[g] == rounded(sum((x for x, _ in mine), Fraction(0)))
        assert products[g] == rounded(sum((x * y for x, y in mine), Fraction(0)))


def test_no_rows_have_no_totals() -> None:
    empty = np.empty(0, np.int64)
    assert totals([empty] * 5, empty, empty).tolist() == []


@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(-(2**60), 2**60), st.integers(-9, 9))))
def test_rows_of_equal_keys_are_added(rows: list[tuple[int, int, int]]) -> None:
    columns = [np.array([row[i] for row in rows], np.int64) for i in range(3)]
    expected: dict[tuple[int, int], int] = {}
    for a, b, n in rows:
        expected[a, b] = expected.get((a, b), 0) + n
    found = zip(*(column.tolist() for column in add_up(columns, 2)), strict=True)
    assert list(found) == [(*key, n) for key, n in sorted(expected.items())]


@given(st.lists(st.tuples(st.integers(-1, 1), st.integers(0, 1), st.integers(-9, 9))))
def test_neighbours_of_equal_keys_are_added(rows: list[tuple[int, int, int]]) -> None:
    columns = [np.array([row[i] for row in rows], np.int64) for i in range(3)]
    runs = [(key, list(run)) for key, run in groupby(rows, key=lambda row: row[:2])]
    found = add_up_runs([*columns, columns[2]], 2, ["sum", "max"])
    shown = list(zip(*(column.tolist() for column in found), strict=True))
    assert shown == [(*key, sum(row[2] for row in run), max(row[2] for row in run)) for key, run in runs]
    merged = zip(add_up(add_up_runs(columns, 2), 2), add_up(columns, 2), strict=True)
    assert all(np.array_equal(one, other) for one, other in merged)


@given(st.lists(st.sampled_from([0, 1, 2, 500, 2**62]), min_size=1))
def test_integers_are_counted_near_and_far(codes: list[int]) -> None:
    found, counts = distinct_counts(np.array(codes, np.int64))
    assert dict(zip(found.tolist(), counts.tolist(), strict=True)) == Counter(codes)
    assert found.tolist() == sorted(set(codes))
