"""Exact sums of doubles, of their squares and products, as integer words that add on every engine in any order.

A finite double is m·2^(E - 52) with |m| < 2^53 and E = floor(log2 |x|). Window w = floor((E + 44) / 108) scales it to
x' = x·2^(-108 w), whose E' = E - 108 w lies in [-44, 63]: x' is a multiple of 2^-96 below 2^64. Its words s0..s4 stand
32 bits apart, word i worth 2^(32 i - 96); those of x'² are q0..q9, word i worth 2^(32 i - 192). Window 0 takes zero and
all 2^-44 <= |x| < 2^64; values of another window form partial rows of their own.

A value's words have the value's sign and magnitudes below 2^32, so that MAX_COUNT of them add within an int64.
Normalised words are the one representation with all but the top word in [0, 2^32).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from jobs.partials.schema import SQUARE_WORDS, SUM_WORDS
from jobs.readings.model import Float64Array, Int64Array

Int16Array = npt.NDArray[np.int16]
UInt64Array = npt.NDArray[np.uint64]
BoolArray = npt.NDArray[np.bool_]

WINDOW = 108
LOWEST = -44
FRACTION = 96
"""Words of a sum are integers in units of 2^-FRACTION of the window, those of squares in units of 2^(-2 FRACTION)."""

_LOW = np.uint64(2**32 - 1)
_32 = np.uint64(32)
_26 = np.uint64(26)
_LOW_26 = np.uint64(2**26 - 1)


def windows(values: Float64Array) -> Int16Array:
    """The window of each finite double."""
    return ((np.frexp(values)[1] - 1 - LOWEST) // WINDOW).astype(np.int16)


def sum_words(values: Float64Array, windows: Int16Array) -> Int64Array:
    """The words of each value in its window: [n, 5], columns contiguous."""
    negative, significand, shift = _decompose(values, windows)
    bits = shift & np.uint64(31)
    low = (significand & _LOW) << bits
    high = ((significand >> _32) << bits) + (low >> _32)
    words = _placed([low & _LOW, high & _LOW, high >> _32], shift >> np.uint64(5), SUM_WORDS)
    return np.where(negative, -words, words).T


def square_words(values: Float64Array, windows: Int16Array) -> Int64Array:
    """The words of the square of each value in its window: [n, 10], columns contiguous."""
    _, significand, shift = _decompose(values, windows)
    high, low = significand >> _26, significand & _LOW_26
    cross = high * low
    return _product(low * low, cross + cross, high * high, shift + shift).T


def product_words(
    one: Float64Array, other: Float64Array, one_windows: Int16Array, other_windows: Int16Array
) -> Int64Array:
    """The words of the product of each pair of values in the sum of their windows: [n, 10], columns contiguous.

    Word i is worth 2^(32 i - 192 + 108 (v + w)) for a product of values of windows v and w.
    """
    negative, significand, shift = _decompose(one, one_windows)
    other_negative, other_significand, other_shift = _decompose(other, other_windows)
    high, low = significand >> _26, significand & _LOW_26
    other_high, other_low = other_significand >> _26, other_significand & _LOW_26
    cross = high * other_low + low * other_high
    words = _product(low * other_low, cross, high * other_high, shift + other_shift)
    return np.where(negative != other_negative, -words, words).T


def _product(low: UInt64Array, cross: UInt64Array, high: UInt64Array, shift: UInt64Array) -> Int64Array:
    """The words of low + cross·2^26 + high·2^52, shifted: [10, n]."""
    w0 = low + ((cross & np.uint64(63)) << _26)
    w1 = (cross >> np.uint64(6)) + ((high & np.uint64(4095)) << np.uint64(20)) + (w0 >> _32)
    w2 = (high >> np.uint64(12)) + (w1 >> _32)
    bits = shift & np.uint64(31)
    p0 = (w0 & _LOW) << bits
    p1 = ((w1 & _LOW) << bits) + (p0 >> _32)
    p2 = ((w2 & _LOW) << bits) + (p1 >> _32)
    p3 = ((w2 >> _32) << bits) + (p2 >> _32)
    pieces = [p0 & _LOW, p1 & _LOW, p2 & _LOW, p3 & _LOW, p3 >> _32]
    return _placed(pieces, shift >> np.uint64(5), SQUARE_WORDS)


def _decompose(values: Float64Array, windows: Int16Array) -> tuple[BoolArray, UInt64Array, UInt64Array]:
    """Sign, 53-bit significand, and how many bits above the window's unit its last bit stands (0 to 107)."""
    fraction, exponent = np.frexp(values)
    significand = np.abs(fraction * 2.0**53).astype(np.uint64)
    return values < 0, significand, (exponent - 1 - LOWEST - WINDOW * windows.astype(np.int64)).astype(np.uint64)


def _placed(pieces: Sequence[UInt64Array], first: UInt64Array, count: int) -> Int64Array:
    """Pieces of 32 bits put into the words from `first` on: [count, n]."""
    n = len(first)
    words = np.zeros((count + 1, n), np.int64)  # one word more, for pieces that lie beyond the last and are zero
    flat = words.reshape(-1)
    place = first.astype(np.int64) * n + np.arange(n)
    for i, piece in enumerate(pieces):
        flat[place + i * n] = piece.view(np.int64)
    return words[:count]


def normalise(words: Int64Array) -> Int64Array:
    """The same integers with all but the top word in [0, 2^32): [n, k], columns contiguous."""
    out = np.empty(words.shape[::-1], np.int64)
    carry = np.zeros(len(words), np.int64)
    for i in range(len(out) - 1):
        word = words[:, i] + carry
        out[i] = word & np.int64(2**32 - 1)
        carry = word >> 32
    out[-1] = words[:, -1] + carry
    return out.T
