"""A mergeable sketch of quantiles (DDSketch: Masson, Rim, Lee 2019): counts of values in buckets of magnitude.

Every octave [2^E, 2^(E + 1)) is cut into `per_octave` buckets by the cubic P(s) = s·(10/7 + s·(-3/5 + s·6/35)) of the
significand 1 + s (the interpolated logarithm of the DDSketch authors): bucket j holds floor(per_octave·P(s)) = j. P
rises by at least 10/7 for each unit of the natural logarithm, so that 0.35 / error buckets an octave keep the error:
their ends are at most a factor exp(2·error) apart, less than (1 + error) / (1 - error). Only +, × and conversions to
integers are used, hence the indices are the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil

import numpy as np

from jobs.readings.model import Float64Array, Int32Array, Int64Array

A, B, C = 6 / 35, -3 / 5, 10 / 7
LOWEST = -1074
"""The exponent of the smallest subnormal."""


@dataclass(frozen=True)
class Sketch:
    """Buckets such that each value of one lies within `error` (relative) of the value that stands for it.

    Indices ascend with the values: 0 is for zeros, 1 + per_octave·(E + 1074) + j for the bucket j of octave E of
    positive values, and the same negated for negative ones. Below the smallest normal double half a unit in the last
    place (2^-1075) comes to the error.
    """

    error: float = 0.01

    def __post_init__(self) -> None:
        if not 0.0001 <= self.error <= 0.25:
            raise ValueError(f"the error of quantiles is a number from 0.0001 to 0.25, not {self.error}")

    @property
    def per_octave(self) -> int:
        return ceil(0.35 / self.error)

    def index(self, values: Float64Array) -> Int32Array:
        """The index of each finite double."""
        fraction, exponent = np.frexp(np.abs(values))
        bucket = np.minimum(_place(fraction * 2.0 - 1.0, self.per_octave), self.per_octave - 1)
        index = 1 + self.per_octave * (exponent - 1 - LOWEST) + bucket
        return np.where(values > 0, index, np.where(values < 0, -index, 0)).astype(np.int32)

    def value(self, index: Int32Array) -> Float64Array:
        """The double that stands for each index: 2ab / (a + b) of a bucket [a, b)."""
        octave, bucket = np.divmod(np.abs(index.astype(np.int64)) - 1, self.per_octave)
        magnitude = np.ldexp(self._centres[bucket], octave + LOWEST)
        return np.where(index > 0, magnitude, np.where(index < 0, -magnitude, 0.0))

    def bounds(self, index: Int32Array) -> tuple[Float64Array, Float64Array]:
        """The ends of each bucket: [low, high) of positive values, (low, high] of negative ones, [0, 0] of zeros."""
        octave, bucket = np.divmod(np.abs(index.astype(np.int64)) - 1, self.per_octave)
        near, far = (_scaled(self._edges[bucket + i], octave) for i in range(2))
        zero = index == 0
        low, high = np.where(index > 0, near, -far), np.where(index > 0, far, -near)
        return np.where(zero, 0.0, low), np.where(zero, 0.0, high)

    @cached_property
    def _edges(self) -> Float64Array:
        """The ends of the buckets of [1, 2)."""
        return 1.0 + np.append(self._starts().astype(np.float64) * 2.0**-52, 1.0)

    @cached_property
    def _centres(self) -> Float64Array:
        """The values for the buckets of [1, 2)."""
        low, high = self._edges[:-1], self._edges[1:]
        return 2.0 * low * high / (low + high)

    def _starts(self) -> Int64Array:
        """The first significand of each bucket of [1, 2), in units of 2^-52 above 1, by bisection."""
        bucket = np.arange(1, self.per_octave)
        low, high = np.zeros(len(bucket), np.int64), np.full(len(bucket), 2**52)
        for _ in range(52):
            middle = (low + high) >> 1
            inside = _place(middle * 2.0**-52, self.per_octave) >= bucket
            low, high = np.where(inside, low, middle), np.where(inside, middle, high)
        return np.append(0, high)


def _scaled(edge: Float64Array, octave: Int64Array) -> Float64Array:
    """edge·2^(octave + LOWEST), infinite beyond all doubles; where it lies between two, the upper one."""
    units = np.ceil(np.ldexp(edge, np.minimum(octave, 52)))
    with np.errstate(over="ignore"):
        scaled: Float64Array = np.ldexp(units, np.maximum(octave - 52, 0) + LOWEST)
    return scaled


def _place(s: Float64Array, per_octave: int) -> Int64Array:
    return (((A * s + B) * s + C) * s * per_octave).astype(np.int64)
