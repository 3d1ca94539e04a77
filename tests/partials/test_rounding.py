"""Sums and standard deviations are the doubles nearest to the exact ones."""

from __future__ import annotations

import math
import statistics
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.partials.exact import FRACTION, WINDOW, normalise, square_words, sum_words, windows
from jobs.partials.rounding import ratio_sqrt, ratio_to_double, sample_stddev, to_double, to_integers
from tests.partials.numbers import ORDINARY, rounded

_ZERO = np.zeros(1, np.int16)


def is_nearest_root(root: float, square: Fraction) -> bool:
    """Whether no other double lies nearer to the square root."""
    below, above = (Fraction(math.nextafter(root, to)) for to in (0.0, math.inf))
    low, high = (Fraction(root) + below) / 2, (Fraction(root) + above) / 2
    return low**2 <= square <= high**2 if root else square == 0


def variance(values: list[float]) -> Fraction:
    n, exact = len(values), [Fraction(x) for x in values]
    return (n * sum((x * x for x in exact), Fraction()) - sum(exact, Fraction()) ** 2) / (n * (n - 1))


def stddev(values: list[float]) -> float:
    array = np.array(values)
    window = windows(array)
    assert len(set(window.tolist())) == 1
    s, q = (normalise(of(array, window).sum(axis=0, keepdims=True)) for of in (sum_words, square_words))
    n = len(values)
    result, unsure = sample_stddev(np.array([n]), s, q, window[:1])
    if unsure[0]:
        (total,), (squares,) = to_integers(s), to_integers(q)
        return ratio_sqrt(n * squares - total**2, n * (n - 1), WINDOW * int(window[0]) - FRACTION)
    return float(result[0])


@given(st.lists(ORDINARY, min_size=2, max_size=50))
def test_stddev_is_the_nearest_double(values: list[float]) -> None:
    found = stddev(values)
    assert is_nearest_root(found, variance(values))
    assert found == statistics.stdev(values)


@pytest.mark.parametrize(
    "values",
    [
        [1e9 + 1e-3, 1e9 - 1e-3],
        [1e9 + 1e-3 * (i % 7 - 3) for i in range(1000)],
        [101_325.0 + i / 100 for i in range(500)],
        [7.25] * 10_000,
        [1.0, 2.0, 3.0],
        [1e18, 1e18 + 128, 1e18 - 128],
        [2.0**-44, -(2.0**-44)],
        [0.1, 2.0**63],
        [3e200, 3.1e200, 2.9e200],
    ],
)
def test_stddev_where_the_mean_is_large_against_the_spread(values: list[float]) -> None:
    assert is_nearest_root(stddev(values), variance(values))


def test_stddev_of_many_readings() -> None:
    """n (n - 1) is no double here: the words are those of two values, each counted a billion times."""
    n, pair = 2_000_000_000, np.array([20.1, 20.3])
    s, q = (
        normalise(of(pair, np.zeros(2, np.int16)).sum(axis=0, keepdims=True) * (n // 2))
        for of in (sum_words, square_words)
    )
    found, unsure = sample_stddev(np.array([n]), s, q, _ZERO)
    low, high = Fraction(20.1), Fraction(20.3)
    half = n // 2
    exact = (n * half * (low**2 + high**2) - (half * (low + high)) ** 2) / (n * (n - 1))
    assert not unsure[0]
    assert is_nearest_root(float(found[0]), exact)


def test_a_stddev_halfway_between_two_doubles_is_flagged() -> None:
    values = np.array([0.001, 0.001, 0.001, -0.008])  # half the difference of the two, which has 54 bits
    zeros = np.zeros(4, np.int16)
    s, q = (normalise(of(values, zeros).sum(axis=0, keepdims=True)) for of in (sum_words, square_words))
    assert sample_stddev(np.array([4]), s, q, _ZERO)[1].tolist() == [True]
    assert stddev(values.tolist()) == statistics.stdev(values.tolist())


def test_stddev_of_one_reading_is_none() -> None:
    one = np.array([5.0])
    found, unsure = sample_stddev(np.array([1]), sum_words(one, _ZERO), square_words(one, _ZERO), _ZERO)
    assert np.isnan(found[0])
    assert not unsure[0]


def test_a_sum_halfway_between_two_doubles_goes_to_the_even_one() -> None:
    for values, expected in [
        ([1.0, 2.0**-53], 1.0),
        ([1.0 + 2.0**-52, 2.0**-53], 1.0 + 2.0**-51),
        ([1.0, 2.0**-53, 2.0**-70], 1.0 + 2.0**-52),
        ([-1.0, -(2.0**-53)], -1.0),
        ([-1.0, -(2.0**-53), -(2.0**-70)], -1.0 - 2.0**-52),
        ([2.0 - 2.0**-52, 2.0**-53], 2.0),
    ]:
        zeros = np.zeros(len(values), np.int16)
        words = sum_words(np.array(values) * 2.0**30, zeros).sum(axis=0, keepdims=True)
        assert to_double(normalise(words), _ZERO)[0].tolist() == [expected * 2.0**30]


@given(st.integers(-(2**190), 2**190), st.integers(-8, 7))
def test_any_sum_rounds_as_its_fraction(integer: int, window: int) -> None:
    words = np.array([[*(integer >> 32 * i & 0xFFFFFFFF for i in range(4)), integer >> 128]])
    exact = integer * Fraction(2) ** (108 * window - 96)
    found, unsure = to_double(words, np.array([window], np.int16))
    assert unsure[0] or found[0] == rounded(exact)
    assert ratio_to_double(integer, 108 * window - 96) == rounded(exact)


def test_subnormal_and_too_large_sums_are_flagged_and_right() -> None:
    for values in ([5e-324], [1e-310, 2e-310], [1.7e308, 1.7e308], [-1.7e308, -1.7e308]):
        array = np.array(values)
        window = windows(array)
        words = normalise(sum_words(array, window).sum(axis=0, keepdims=True))
        assert to_double(words, window[:1])[1].tolist() == [True]
    assert ratio_to_double(3, -1075) == 1e-323
    assert ratio_to_double(1, 1024) == math.inf
    assert ratio_to_double(-(2**54) + 1, 970) == -math.inf
    assert ratio_to_double(2**53 - 1, 971) == 1.7976931348623157e308


@given(st.integers(0, 2**400), st.integers(1, 2**62), st.integers(-500, 400))
def test_roots_of_fractions(numerator: int, denominator: int, exponent: int) -> None:
    square = Fraction(numerator, denominator) * Fraction(4) ** exponent
    assert is_nearest_root(ratio_sqrt(numerator, denominator, exponent), square)


def test_a_root_halfway_goes_to_the_even_double() -> None:
    odd = 2**53 + 1  # an integer that lies halfway between two doubles
    assert ratio_sqrt(odd**2, 1, 0) == 2.0**53
    assert ratio_sqrt((odd + 2) ** 2, 1, 0) == 2.0**53 + 4
    assert ratio_sqrt(odd**2 + 1, 1, 0) == 2.0**53 + 2
