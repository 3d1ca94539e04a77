"""From exact words to doubles, each rounded once: sums, and sample standard deviations."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt

import numpy as np

from jobs.partials.exact import FRACTION, WINDOW, BoolArray, Int16Array, UInt64Array, normalise
from jobs.readings.model import Float64Array, Int64Array

_LOW = np.int64(2**32 - 1)
_ZIV = 2.0**-96  # far above the error of the double-double steps, far below half a unit in the last place


def to_double(words: Int64Array, windows: Int16Array, factors: int = 1) -> tuple[Float64Array, BoolArray]:
    """The double nearest to the sum (ties to even) of each row of words, and where it could not be told.

    factors: 1 for words of values, 2 for words of squares or products, whose windows are those of both factors added.

    Those rows, whose sum is subnormal or too large for a double, are for `ratio_to_double`.
    """
    negative = words[:, -1] < 0
    limbs = _limbs(normalise(np.where(negative, -words.T, words.T).T))
    top, below, sticky, exponent = _leading(limbs)
    kept, rest = top >> np.uint64(11), top & np.uint64(0x7FF)
    tied = (rest == 0x400) & ~sticky & (below == 0)
    up = np.where(tied, (kept & np.uint64(1)) == 1, rest >= 0x400)
    rounded = (kept + up.astype(np.uint64)).astype(np.float64)
    exponent += WINDOW * windows.astype(np.int64) - 52 - factors * FRACTION
    return _scaled(np.where(negative, -rounded, rounded), exponent)


def sample_stddev(
    count: Int64Array, sums: Int64Array, squares: Int64Array, windows: Int16Array
) -> tuple[Float64Array, BoolArray]:
    """The double nearest to sqrt((n·Q - S²) / (n·(n - 1))), and where it could not be told (see `ratio_sqrt`).

    n: counts, 1 (which gives NaN) to MAX_COUNT; S, Q: the words of the sums of values and squares in one window.
    The difference is exact; quotient and root are taken with twice a double's precision, by IEEE +, -, ×, / and sqrt
    alone, and rounded once; rows where that leaves the last bit open are flagged.
    """
    top, below, _, exponent = _leading(_limbs(_scatter(count, sums, squares)))
    odd = (exponent & 1).astype(np.float64) + 1.0  # 1 or 2
    high = (top >> np.uint64(11)).astype(np.float64) * 2.0**-52 * odd
    low = (((top & np.uint64(0x7FF)) << np.uint64(42)) | (below >> np.uint64(22))).astype(np.float64) * 2.0**-105 * odd

    pairs = count * (count - 1)
    divisor = np.maximum(pairs, 1).astype(np.float64)
    divisor_rest = (np.maximum(pairs, 1) - divisor.astype(np.int64)).astype(np.float64)
    quotient = high / divisor
    product, error = _two_product(quotient, divisor)
    quotient_rest = ((((high - product) - error) + low) - quotient * divisor_rest) / divisor

    root = np.sqrt(quotient)
    product, error = _two_product(root, root)
    some = root != 0
    rest = (((quotient - product) - error) + quotient_rest) / np.where(some, 2.0 * root, 1.0)
    slack = root * _ZIV
    result = root + (rest + slack)
    values, flagged = _scaled(result, (exponent >> 1) - FRACTION + WINDOW * windows.astype(np.int64))
    flagged |= some & (result != root + (rest - slack))
    alone = count < 2
    values[alone] = np.nan
    return values, flagged & ~alone


def ratio_to_double(numerator: int, exponent: int) -> float:
    """The double nearest to numerator·2^exponent, ties to even; infinite where that is too large."""
    try:
        return (numerator << max(exponent, 0)) / (1 << max(-exponent, 0))
    except OverflowError:
        return float("inf") if numerator > 0 else float("-inf")


def ratio_sqrt(numerator: int, denominator: int, exponent: int) -> float:
    """The double nearest to sqrt(numerator / denominator)·2^exponent, ties to even; infinite where too large."""
    shift = max(0, 116 - numerator.bit_length() + denominator.bit_length()) & ~1
    quotient, remainder = divmod(numerator << shift, denominator)
    root = isqrt(quotient)
    if remainder or root * root != quotient:
        root |= 1  # rounding to odd here makes the rounding that follows the only one
    return ratio_to_double(root, exponent - shift // 2)


def to_integers(words: Int64Array) -> list[int]:
    """Each row of words as one integer."""
    columns = [words[:, i].tolist() for i in range(words.shape[1])]
    return [sum(word << 32 * i for i, word in enumerate(row)) for row in zip(*columns, strict=True)]


def _scatter(count: Int64Array, sums: Int64Array, squares: Int64Array) -> Int64Array:
    """n·Q - S², never negative, as normalised words 32 bits apart in units of 2^(-2 FRACTION)."""
    n = count.astype(np.uint64)
    negative = sums[:, -1] < 0
    s = _limbs32(normalise(np.where(negative, -sums.T, sums.T).T))
    q = _limbs32(normalise(squares))
    columns = np.zeros((len(s) * 2, len(count)), np.int64)

    def add(at: int, product: UInt64Array, times: int) -> None:
        columns[at] += (product & np.uint64(_LOW)).astype(np.int64) * times
        columns[at + 1] += (product >> np.uint64(32)).astype(np.int64) * times

    for i, limb in enumerate(q):
        add(i, limb * n, 1)
    for i, one in enumerate(s):
        add(2 * i, one * one, -1)
        for j in range(i):
            add(i + j, one * s[j], -2)
    return normalise(columns.T)


def multiplied(count: Int64Array, one: Int64Array, other: Int64Array, products: Int64Array) -> Int64Array:
    """n·P - S·T of each row, as words in units of 2^(-2 FRACTION) of both windows: [n, 12].

    n: counts, up to MAX_COUNT; S, T: words of sums; P: words of the sum of products.
    """
    n = count.astype(np.uint64)
    columns = np.zeros((12, len(count)), np.int64)

    def add(at: int, product: UInt64Array, sign: Int64Array) -> None:
        columns[at] += (product & np.uint64(_LOW)).astype(np.int64) * sign
        columns[at + 1] += (product >> np.uint64(32)).astype(np.int64) * sign

    (of_s, s), (of_t, t), (of_p, p) = map(_signed_limbs, (one, other, products))
    for i, limb in enumerate(p):
        add(i, limb * n, of_p)
    for i, a in enumerate(s):
        for j, b in enumerate(t):
            add(i + j, a * b, -of_s * of_t)
    return normalise(columns.T)


def _signed_limbs(words: Int64Array) -> tuple[Int64Array, list[UInt64Array]]:
    """The sign of each row of words, 1 or -1, and the limbs of its magnitude."""
    words = normalise(words)
    negative = words[:, -1] < 0
    return np.where(negative, -1, 1), _limbs32(normalise(np.where(negative, -words.T, words.T).T))


def _limbs32(words: Int64Array) -> list[UInt64Array]:
    """Normalised words of integers that are not negative as limbs of 32 bits, the lowest first."""
    columns = [words[:, i] for i in range(words.shape[1] - 1)]
    return [c.astype(np.uint64) for c in (*columns, words[:, -1] & _LOW, words[:, -1] >> 32)]


def _limbs(words: Int64Array) -> list[UInt64Array]:
    """The same as limbs of 64 bits."""
    limbs = _limbs32(words)
    if len(limbs) % 2:
        limbs.append(np.zeros_like(limbs[0]))
    return [low | (high << np.uint64(32)) for low, high in zip(limbs[::2], limbs[1::2], strict=True)]


def _leading(limbs: Sequence[UInt64Array]) -> tuple[UInt64Array, UInt64Array, BoolArray, Int64Array]:
    """The 64 bits from the first set bit on, the 64 bits below them, whether any bit below those is set, and the place
    of the first set bit. Zero gives zeros."""
    n = len(limbs[0])
    highest = np.zeros(n, np.int64)
    for i, limb in enumerate(limbs):
        highest = np.where(limb != 0, i, highest)
    lower = np.zeros(n, np.bool_)
    for i, limb in enumerate(limbs[:-3]):
        lower |= (limb != 0) & (i < highest - 2)
    column = np.arange(n)
    padded = np.stack([np.zeros(n, np.uint64)] * 2 + list(limbs))
    first, second, third = (padded[highest + 2 - i, column] for i in range(3))
    width = _bit_length(first)
    free = (64 - np.maximum(width, 1)).astype(np.uint64)
    rest = np.uint64(63) - free  # shifts by 64 - free, in two steps as free may be 0
    top = (first << free) | (second >> np.uint64(1) >> rest)
    below = (second << free) | (third >> np.uint64(1) >> rest)
    return top, below, lower | ((third << free) != 0), np.maximum(64 * highest + width - 1, 0)


def _bit_length(limb: UInt64Array) -> Int64Array:
    high = limb >> np.uint64(32)
    half = np.where(high != 0, high, limb)
    return np.frexp(half.astype(np.float64))[1].astype(np.int64) + np.where(high != 0, 32, 0)


def _two_product(a: Float64Array, b: Float64Array) -> tuple[Float64Array, Float64Array]:
    """a·b as a double and its exact error (Dekker 1971, with Veltkamp's splitting)."""
    product = a * b
    a_high, a_low = _split(a)
    b_high, b_low = _split(b)
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _split(a: Float64Array) -> tuple[Float64Array, Float64Array]:
    scaled = a * 134217729.0
    high = scaled - (scaled - a)
    return high, a - high


def _scaled(values: Float64Array, exponent: Int64Array) -> tuple[Float64Array, BoolArray]:
    """values·2^exponent, and where that is no normal double (or zero)."""
    place = np.frexp(values)[1] + exponent
    flagged = (values != 0) & ((place < -1021) | (place > 1024))
    return np.ldexp(np.where(flagged, 0.0, values), np.where(flagged | (values == 0), 0, exponent)), flagged
