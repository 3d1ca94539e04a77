"""relativeEntropy, from Wang et al., "Statistical Techniques for Online Anomaly Detection in Data Centers" (2011).

Values are quantised to a few bins; the shares of the bins in a sliding window are compared with those of windows that
were typical before, by a multinomial goodness-of-fit test on their relative entropy. A window that fits none is an
anomaly and from then on one of those to compare with; one that fits what was met too rarely is an anomaly, too.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

WINDOW = 52
BINS = 5
RARE = 1
CRITICAL = 13.276704135987622
"""The 0.99 quantile of χ² with BINS - 1 degrees of freedom."""


def scores(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """1 where the window that ends with a reading is an anomaly, else 0; 0 before there is a window.

    The range of the bins is that of all values, which the benchmark tells its detectors.
    """
    out = np.zeros(len(values))
    low, high = float(values.min()), float(values.max())
    if high == low:
        return out
    bins = np.minimum(((values - low) / ((high - low) / BINS)).astype(np.int64), BINS - 1)
    known: list[npt.NDArray[np.float64]] = []
    met: list[int] = []
    for i in range(WINDOW, len(values) + 1):
        share = np.bincount(bins[i - WINDOW : i], minlength=BINS) / WINDOW
        statistic = [2 * WINDOW * _relative_entropy(share, other) for other in known]
        best = int(np.argmin(statistic)) if known else -1
        if best >= 0 and statistic[best] < CRITICAL:
            met[best] += 1
            out[i - 1] = float(met[best] <= RARE)
        else:
            out[i - 1] = float(bool(known))
            known.append(share)
            met.append(1)
    return out


def _relative_entropy(share: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """Σ p ln(p / q); infinite where q lacks what p has."""
    occurs = share > 0
    if (other[occurs] == 0).any():
        return float("inf")
    return float(np.sum(share[occurs] * np.log(share[occurs] / other[occurs])))
