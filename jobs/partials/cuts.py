"""Windows of local time that divide a day, and intervals cut at their edges."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jobs.readings.model import Int64Array
from jobs.readings.zones import DAY, Zone

_EVER = 2**62


@dataclass(frozen=True)
class Windows:
    """Windows of `size` µs of local time, counted from midnight; where clocks change, another begins.

    Raises ValueError where they do not divide a day.
    """

    zone: Zone
    size: int

    def __post_init__(self) -> None:
        if self.size < 1 or DAY % self.size:
            raise ValueError(f"windows of {self.size} µs do not divide a day")

    @cached_property
    def _changes(self) -> Int64Array:
        """The edges of the spans of one offset."""
        return np.concatenate([[-_EVER], self.zone.utc_starts[1:], [_EVER]])

    def dates(self, instants: Int64Array) -> Int64Array:
        """The local day of each instant, counted from 1970-01-01."""
        return (instants + self.zone.offset_array(instants)) // DAY

    def starts(self, instants: Int64Array) -> Int64Array:
        """When the window of each instant begins; all in µs since 1970 UTC."""
        return self._edges(instants)[0]

    def cut(self, begin: Int64Array, end: Int64Array) -> tuple[Int64Array, Int64Array, Int64Array]:
        """The intervals cut at all edges within: the place of each piece's interval, its begin and its end.

        Intervals that do not end after they begin have no piece. Pieces stand in no stated order.
        """
        place = np.flatnonzero(end > begin)
        at, stop = begin[place], end[place]
        pieces = []
        while len(place):
            to = np.minimum(self._changes[np.searchsorted(self._changes, at, side="right")], stop)
            pieces.append(self._cut_regularly(place, at, to))
            more = to < stop
            place, at, stop = place[more], to[more], stop[more]
        if not pieces:
            return place, at, stop
        places, begins, ends = zip(*pieces, strict=True)
        return np.concatenate(places), np.concatenate(begins), np.concatenate(ends)

    def _cut_regularly(
        self, place: Int64Array, begin: Int64Array, end: Int64Array
    ) -> tuple[Int64Array, Int64Array, Int64Array]:
        """The pieces of intervals within which no clocks change."""
        offset = self.zone.offset_array(begin)
        first = (begin + offset) // self.size
        counts = (end + offset - 1) // self.size - first + 1
        of = np.repeat(np.arange(len(place)), counts)
        edge = (first - np.cumsum(counts) + counts)[of] + np.arange(len(of))
        start = edge * self.size - offset[of]
        return place[of], np.maximum(start, begin[of]), np.minimum(start + self.size, end[of])

    def _edges(self, instants: Int64Array) -> tuple[Int64Array, Int64Array]:
        offset = self.zone.offset_array(instants)
        start = (instants + offset) // self.size * self.size - offset
        span = np.searchsorted(self._changes, instants, side="right")
        return np.maximum(start, self._changes[span - 1]), np.minimum(start + self.size, self._changes[span])
