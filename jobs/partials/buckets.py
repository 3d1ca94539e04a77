"""Which bucket of local time an instant falls into: days, or any fixed length counted from an origin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jobs.readings.model import NO_TIME, Int64Array
from jobs.readings.zones import DAY, Zone

_LIMIT = 2**60  # far beyond any instant, and small enough that no sum of two overflows


@dataclass(frozen=True)
class Buckets:
    """Bucket b holds the instants whose local time in `zone` lies in [origin + b·size, origin + (b + 1)·size).

    size, origin: µs; origin counts from 1970-01-01 00:00 local time. The zone's table travels with it, so that tasks
    need no time zone database.
    """

    zone: Zone
    size: int
    origin: int = 0

    def __post_init__(self) -> None:
        if not (0 < self.size < _LIMIT and abs(self.origin) < _LIMIT):
            raise ValueError(f"no bucket is {self.size} µs long, counted from {self.origin}")

    def of(self, timestamps: Int64Array) -> Int64Array:
        """The bucket of each instant (µs since 1970-01-01 UTC); NO_TIME for NO_TIME."""
        local = timestamps + self.zone.offset_array(timestamps)
        return np.where(timestamps == NO_TIME, NO_TIME, (local - self.origin) // self.size)


def days(zone: Zone) -> Buckets:
    """Local days: the bucket is the day's number since 1970-01-01."""
    return Buckets(zone, DAY)


def whole(zone: Zone) -> Buckets:
    """One bucket, 0, for all instants."""
    return Buckets(zone, _LIMIT - 1, -(_LIMIT // 2))
