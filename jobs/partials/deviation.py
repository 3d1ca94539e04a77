"""How far readings lie from what is normal: robust z-scores, from the median and quartiles of a profile's hours.

z = |value - median| / (IQR / 1.349): the quartiles of a normal distribution are 1.349 standard deviations apart
(Rousseeuw and Croux 1993). What lies beyond 3.5 is an outlier (Iglewicz and Hoaglin 1993); the score
z / (z + 3.5) is 0.5 there. Where quartiles tell no spread, mean and standard deviation take their place.
docs/anomalies.md says when that is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from jobs.partials.exact import BoolArray
from jobs.partials.profile import Baseline, hour_in_words
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Float64Array, Readings
from jobs.readings.zones import Zone

QUARTILES = ("q0.25", "q0.5", "q0.75")
MOMENTS = ("mean", "stddev")
USUAL = pa.schema([("level", pa.float64()), ("spread", pa.float64()), ("is_median", pa.bool_())])
"""What is usual in an hour, and whether that is a median, with the spread of quartiles."""

_NORMAL_IQR = 1.3489795003921634  # twice the normal distribution's quantile of 0.75
_OUTLIER = 3.5
_SURE = 4  # quartiles tell a spread where they are as many times their own error apart
_LEAST_SPREAD = 1e-9  # of the level: below it a spread is that of rounding


def usual(profile: pa.Table, error: float) -> pa.Table:
    """The rows of a profile that tell level and spread, with the columns of USUAL in place of the statistics.

    profile: keys, and QUARTILES or MOMENTS or both. error: the relative error of its quantiles.
    """
    names = [*QUARTILES, *MOMENTS]
    nothing = np.full(len(profile), np.nan)
    low, median, high, mean, stddev = (
        profile[name].cast(pa.float64()).to_numpy() if name in profile.column_names else nothing for name in names
    )
    with np.errstate(over="ignore", invalid="ignore"):
        iqr = high - low
        is_median = iqr > _SURE * error * (np.abs(low) + np.abs(high))
    is_median |= np.isnan(mean) & ~np.isnan(median)
    level, spread = np.where(is_median, median, mean), np.where(is_median, iqr / _NORMAL_IQR, stddev)
    for name, column in zip(USUAL.names, (level, spread, is_median), strict=True):
        profile = profile.append_column(name, from_numpy(column))
    told = from_numpy(np.isfinite(level) & np.isfinite(spread) & (spread >= 0))
    return profile.drop_columns([name for name in names if name in profile.column_names]).filter(told)


@dataclass(frozen=True)
class Deviations:
    """Values beside what is usual when they were measured. level, spread: NaN where the baseline has nothing.
    weekly: whether hours are those of the week."""

    value: Float64Array
    level: Float64Array
    spread: Float64Array
    is_median: BoolArray
    weekly: bool

    @cached_property
    def is_known(self) -> BoolArray:
        """Whether the baseline has something."""
        known: BoolArray = ~np.isnan(self.level)
        return known

    @cached_property
    def z(self) -> Float64Array:
        """How many spreads the value lies from the level; infinite where the spread is 0."""
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            distance = np.abs(self.value - self.level)
            z = distance / np.maximum(self.spread, _LEAST_SPREAD * np.abs(self.level))
        return np.where(distance == 0, 0.0, z)

    @cached_property
    def score(self) -> Float64Array:
        """From 0 to 1; NaN where the baseline has nothing."""
        score: Float64Array = 1 - _OUTLIER / (_OUTLIER + self.z)
        return score

    def reason(self, row: int, hour: int) -> str:
        """Why a value is unusual, in words. hour: the local hour since 1970-01-01 00:00."""
        value, level = float(self.value[row]), float(self.level[row])
        side, basis = "above" if value > level else "below", "median" if self.is_median[row] else "mean"
        distance = f"{float(self.z[row]):.3g} spreads" if self.spread[row] else f"{abs(value - level):.3g}"
        return f"{distance} {side} {level:.6g}, the baseline's {basis} {hour_in_words(hour, weekly=self.weekly)}"


class Usual:
    """What is usual, by a table that `usual` made: of the hours of clocks in `zone`."""

    def __init__(self, table: pa.Table, zone: Zone) -> None:
        self._baseline = Baseline(table, zone)
        self._level, self._spread = (np.append(table[name].to_numpy(), np.nan) for name in ("level", "spread"))
        self._is_median = np.append(table["is_median"].to_numpy(), False)
        self._weekly = "day_of_week" in table.column_names

    def deviations(self, readings: Readings) -> Deviations:
        """The readings' values beside what is usual of their series and hour."""
        rows = self._baseline.rows(readings)
        return Deviations(readings.value, self._level[rows], self._spread[rows], self._is_median[rows], self._weekly)
