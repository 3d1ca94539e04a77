"""Words are the values, exactly, and sum to the same whatever the order."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jobs.partials.exact import FRACTION, WINDOW, normalise, product_words, square_words, sum_words, windows
from jobs.partials.rounding import to_double, to_integers
from jobs.partials.schema import MAX_COUNT
from jobs.readings.model import Int64Array
from tests.partials.numbers import DOUBLES, EDGES, ORDINARY


def scaled(words: Int64Array, window: int, power: int) -> Fraction:
    (integer,) = to_integers(words)
    return integer * Fraction(2) ** (power * (WINDOW * window - FRACTION))


@given(st.lists(DOUBLES, min_size=1))
def test_words_are_the_value_and_its_square(values: list[float]) -> None:
    array = np.array(values)
    window = windows(array)
    sums, squares = sum_words(array, window), square_words(array, window)
    assert sums.shape == (len(values), 5)
    assert squares.shape == (len(values), 10)
    for i, x in enumerate(values):
        assert scaled(sums[i : i + 1], int(window[i]), 1) == Fraction(x)
        assert scaled(squares[i : i + 1], int(window[i]), 2) == Fraction(x) ** 2
    assert np.abs(sums).max() < 2**32
    assert squares.min() >= 0
    assert squares.max() < 2**32


@given(st.lists(st.tuples(DOUBLES, DOUBLES), min_size=1))
def test_words_are_the_product(pairs: list[tuple[float, float]]) -> None:
    one, other = (np.array(values) for values in zip(*pairs, strict=True))
    of_one, of_other = windows(one), windows(other)
    words = product_words(one, other, of_one, of_other)
    assert words.shape == (len(pairs), 10)
    assert np.abs(words).max() < 2**32
    for i, (x, y) in enumerate(pairs):
        (integer,) = to_integers(words[i : i + 1])
        exponent = WINDOW * (int(of_one[i]) + int(of_other[i])) - 2 * FRACTION
        assert integer * Fraction(2) ** exponent == Fraction(x) * Fraction(y)
    assert (product_words(one, one, of_one, of_one) == square_words(one, of_one)).all()


def test_windows_of_the_edges() -> None:
    values = [2.0**-44, np.nextafter(2.0**-44, 0), np.nextafter(2.0**64, 0), 2.0**64, 0.0, -0.0, 5e-324, 1.7e308]
    assert windows(np.array(values)).tolist() == [0, -1, 0, 1, 0, 0, -10, 9]


@given(st.lists(ORDINARY, min_size=1))
def test_any_order_and_any_parts_sum_to_the_same_words(values: list[float]) -> None:
    array = np.array(values)
    zeros = np.zeros(len(values), np.int16)
    for words in (sum_words(array, zeros), square_words(array, zeros)):
        whole = normalise(words.sum(axis=0, keepdims=True))
        cut = len(values) // 2
        order = np.random.default_rng(len(values)).permutation(len(values))
        parts = [normalise(words[p].sum(axis=0, keepdims=True)) for p in (order[:cut], order[cut:]) if len(p)]
        assert (normalise(np.sum(parts, axis=0)) == whole).all()
        assert (whole[0, :-1] >= 0).all()
        assert (whole[0, :-1] < 2**32).all()


@given(st.lists(ORDINARY, min_size=1))
def test_the_sum_is_that_of_fsum(values: list[float]) -> None:
    array = np.array(values)
    words = normalise(sum_words(array, np.zeros(len(values), np.int16)).sum(axis=0, keepdims=True))
    total, unsure = to_double(words, np.zeros(1, np.int16))
    assert not unsure[0]
    assert total[0] == math.fsum(values)


def test_the_most_readings_of_the_largest_magnitude_fit() -> None:
    for x in (np.nextafter(2.0**64, 0), -np.nextafter(2.0**64, 0)):
        one = np.array([x])
        window = windows(one)
        assert to_integers(sum_words(one, window) * MAX_COUNT) == [MAX_COUNT * to_integers(sum_words(one, window))[0]]
        assert (np.abs(normalise(sum_words(one, window) * MAX_COUNT)) < 2**63 - 1).all()
        many = square_words(one, window) * MAX_COUNT
        assert to_integers(normalise(many)) == [MAX_COUNT * to_integers(square_words(one, window))[0]]


def test_every_exponent() -> None:
    significands = np.array([1.0, 1 + 2.0**-52, 2 - 2.0**-52, -4 / 3])
    values = np.ldexp(np.tile(significands, 2098), np.repeat(np.arange(-1074, 1024), 4))
    values = np.append(values, EDGES)
    window = windows(values)
    sums, squares = to_integers(sum_words(values, window)), to_integers(square_words(values, window))
    for x, w, s, q in zip(values.tolist(), window.tolist(), sums, squares, strict=True):
        unit = Fraction(2) ** (WINDOW * w - FRACTION)
        assert s * unit == Fraction(x)
        assert q * unit**2 == Fraction(x) ** 2
