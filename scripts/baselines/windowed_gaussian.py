"""windowedGaussian, from its description in NAB's papers: how far out a value lies in a window's normal distribution.

The window grows to 6,400 readings; then it slides, 100 at a time.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

WINDOW = 6400
STEP = 100
_LEAST_DEVIATION = 1e-6


def scores(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """1 - Q(|x - mean| / σ) for each reading, from the readings before it; 0 for the first."""
    mean, deviation = _moments(values)
    out = np.zeros(len(values))
    for i in range(1, len(values)):
        z = abs(values[i] - mean[i]) / max(deviation[i], _LEAST_DEVIATION)
        out[i] = 1.0 - 0.5 * math.erfc(z / math.sqrt(2.0))
    return out


def _moments(values: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and standard deviation of the window before each reading."""
    mean, deviation = np.zeros(len(values)), np.zeros(len(values))
    for i in range(1, len(values)):
        if i <= WINDOW or (i - WINDOW) % STEP == 0:
            window = values[max(0, i - WINDOW) : i]
            mean[i], deviation[i] = window.mean(), window.std()
        else:
            mean[i], deviation[i] = mean[i - 1], deviation[i - 1]
    return mean, deviation
