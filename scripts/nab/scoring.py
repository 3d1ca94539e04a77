"""NAB's scoring rules, from Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms" (2015).

A detection is a reading whose score reaches the threshold. In each window of a true anomaly only the earliest one
counts, the more the earlier it is; each one outside is a false alarm, which costs less just after a window. A missed
window costs A_FN. Readings of the probationary period count for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

PROBATION_SHARE = 0.15
PROBATION_LIMIT = 750
_FAR = 3.0  # windows' widths after a window beyond which a false alarm costs all


@dataclass(frozen=True)
class Profile:
    """The weights of an application: of a detected window, a false alarm, a missed window."""

    name: str
    true_positive: float = 1.0
    false_positive: float = 0.11
    false_negative: float = 1.0


STANDARD = Profile("standard")
REWARD_LOW_FP = Profile("reward low FP", false_positive=0.22)
REWARD_LOW_FN = Profile("reward low FN", false_negative=2.0)


def scaled_sigmoid(position: Floats | float) -> Floats:
    """2 / (1 + e^5y) - 1, where y is the place relative to a window: -1 its start, 0 its end; -1 beyond 3."""
    y = np.asarray(position, np.float64)
    return np.where(y > _FAR, -1.0, 2.0 / (1.0 + np.exp(5.0 * np.minimum(y, _FAR))) - 1.0)


def probation(rows: int) -> int:
    """How many readings a detector may learn from before it is judged."""
    return min(int(PROBATION_SHARE * rows), PROBATION_LIMIT)


@dataclass(frozen=True)
class Labels:
    """What a file's readings are worth. windows: (first, last) row of each true anomaly, both inclusive."""

    rows: int
    windows: Sequence[tuple[int, int]]

    @cached_property
    def window(self) -> Ints:
        """For each reading the window it lies in, or -1."""
        inside = np.full(self.rows, -1, np.int64)
        for i, (first, last) in enumerate(self.windows):
            inside[first : last + 1] = i
        return inside

    @cached_property
    def worth(self) -> Floats:
        """For each reading what detecting it adds, in units of A_TP inside a window and of A_FP outside.

        Inside, 1 is for the first row of a window; outside, -1 is for what lies before or far from all windows.
        """
        worth = np.full(self.rows, -1.0)
        ends = [*(first for first, _ in self.windows[1:]), self.rows]  # one too many without windows
        for (first, last), end in zip(self.windows, ends, strict=False):
            width = last - first + 1
            row = np.arange(first, last + 1)
            worth[first : last + 1] = scaled_sigmoid((row - last - 1) / width) / scaled_sigmoid(-1.0)
            after = np.arange(last + 1, end)
            worth[last + 1 : end] = scaled_sigmoid((after - last) / max(width - 1, 1))
        return worth

    @cached_property
    def judged(self) -> Bools:
        return np.arange(self.rows) >= probation(self.rows)

    def perfect(self, profile: Profile) -> float:
        return profile.true_positive * len(self.windows)

    def null(self, profile: Profile) -> float:
        return -profile.false_negative * len(self.windows)


@dataclass(frozen=True)
class Result:
    """raw: the sum of what detections are worth. alarms: of runs outside windows. readings: judged ones."""

    raw: float
    detected: int
    windows: int
    false_alarms: int
    readings: int

    @property
    def alarm_rate(self) -> float:
        """False alarms per 1,000 readings."""
        return 1000 * self.false_alarms / self.readings if self.readings else 0.0


def score(labels: Labels, scores: Floats, threshold: float, profile: Profile = STANDARD) -> Result:
    """What a detector's scores of one file are worth at a threshold."""
    hits = np.flatnonzero((scores >= threshold) & labels.judged)
    inside = labels.window[hits]
    found, first = np.unique(inside[inside >= 0], return_index=True)
    earliest = hits[inside >= 0][first]
    false = hits[inside < 0]
    missed = len(labels.windows) - len(found)
    raw = (
        profile.true_positive * float(labels.worth[earliest].sum())
        + profile.false_positive * float(labels.worth[false].sum())
        - profile.false_negative * missed
    )
    return Result(raw, len(found), len(labels.windows), len(false), int(labels.judged.sum()))


def normalised(raw: float, files: Sequence[Labels], profile: Profile = STANDARD) -> float:
    """A sum of raw scores on the scale on which a perfect detector has 100 and one that sees nothing 0."""
    null = sum(labels.null(profile) for labels in files)
    perfect = sum(labels.perfect(profile) for labels in files)
    return 100.0 * (raw - null) / (perfect - null) if perfect > null else 0.0


def best_threshold(files: Sequence[tuple[Labels, Floats]], profile: Profile = STANDARD) -> float:
    """The one threshold for all files with the highest score; of equals the highest.

    One sweep from the highest score down, in which a reading adds what it changes: the cost of a false alarm; or,
    where it is the earliest detection of its window so far, the difference to the one before.
    """
    values, gains = [], []
    for labels, scores in files:
        value, gain = _gains(labels, scores, profile)
        values.append(value)
        gains.append(gain)
    value, gain = np.concatenate(values), np.concatenate(gains)
    order = np.argsort(-value, kind="stable")
    total = np.cumsum(gain[order])
    last = np.flatnonzero(np.append(value[order][1:] != value[order][:-1], True))
    if not len(last) or total[last].max() <= 0:
        return float(np.nextafter(max(1.0, value.max(initial=0.0)), 2.0))
    return float(value[order][last[int(np.argmax(total[last]))]])


def _gains(labels: Labels, scores: Floats, profile: Profile) -> tuple[Floats, Floats]:
    rows = np.flatnonzero(labels.judged)
    outside = rows[labels.window[rows] < 0]
    value, gain = [scores[outside]], [profile.false_positive * labels.worth[outside]]
    for first, last in labels.windows:
        row = np.arange(max(first, probation(labels.rows)), last + 1)
        # going down, a reading counts once it is the earliest of its window so far: where no earlier one is as high
        before = np.maximum.accumulate(np.append(-np.inf, scores[row]))[:-1]
        leader = row[scores[row] > before]
        worth = profile.true_positive * labels.worth[leader]
        value.append(scores[leader])
        gain.append(worth - np.append(worth[1:], -profile.false_negative))
    return np.concatenate(value), np.concatenate(gain)
