"""Doubles as integers of the same order, so that minima and maxima are those of integers on every engine.

The order is total: -0.0 stands below +0.0.
"""

from __future__ import annotations

import numpy as np

from jobs.readings.model import Float64Array, Int64Array

_ALL_BUT_SIGN = np.int64(2**63 - 1)


def to_images(values: Float64Array) -> Int64Array:
    """The image of each double."""
    return _flip(np.ascontiguousarray(values).view(np.int64))


def from_images(images: Int64Array) -> Float64Array:
    """The double of each image."""
    return _flip(np.ascontiguousarray(images)).view(np.float64)


def _flip(bits: Int64Array) -> Int64Array:
    return bits ^ ((bits >> 63) & _ALL_BUT_SIGN)
