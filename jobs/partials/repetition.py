"""Runs of equal values, followed across slices: a sensor that is stuck says the same again and again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.partials.totals import add_up
from jobs.partials.walks import Slice
from jobs.readings.model import Int64Array

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Repeated:
    """position: each reading's number within its run, from 1. is_stuck: whether its run is long, as far as it is known.
    settled: columns of sequence, bucket and count of earlier readings whose runs became long now."""

    position: Int64Array
    is_stuck: BoolArray
    settled: list[Int64Array]


class Repetition:
    """Finds runs of at least `least` readings. Readings of shorter runs that may go on wait, counted by bucket."""

    def __init__(self, least: int) -> None:
        self._least = least
        self._length = np.empty(0, np.int64)
        self._waiting = [np.empty(0, np.int64)] * 3

    def step(self, now: Slice, bucket: Int64Array, is_same: BoolArray) -> Repeated:
        """is_same: whether a reading has the value of the one before it, in an earlier slice too."""
        if not len(now):
            return Repeated(np.empty(0, np.int64), np.empty(0, np.bool_), [np.empty(0, np.int64)] * 3)
        self._length = np.concatenate([self._length, np.zeros(len(now.sequences) - len(self._length), np.int64)])
        begins = ~is_same | now.is_start
        starts, run = np.flatnonzero(begins), np.cumsum(begins) - 1
        before = np.where(is_same[starts], self._length[now.sequence[starts]], 0)
        position = np.arange(1, len(now) + 1) - starts[run] + before[run]
        total = position[np.append(starts[1:], len(now)) - 1]
        is_long = total >= self._least

        ends = np.append(now.starts[1:], len(now)) - 1
        owner, first, last = now.sequence[now.starts], run[now.starts], run[ends]
        goes_on = is_same[now.starts]
        # by sequence: whether what waits becomes long, and whether it is over
        settles, over = (np.zeros(len(now.sequences), np.bool_) for _ in range(2))
        settles[owner] = goes_on & is_long[first]
        over[owner] = ~goes_on | is_long[first] | (first != last)
        waiting = self._waiting[0]
        settled = [column[settles[waiting]] for column in self._waiting]
        kept = [column[~over[waiting]] for column in self._waiting]

        is_open = np.zeros(len(starts), np.bool_)
        is_open[last] = ~is_long[last]
        waits = is_open[run]
        more = [now.sequence[waits], bucket[waits], np.ones(int(waits.sum()), np.int64)]
        self._waiting = add_up([np.concatenate(pair) for pair in zip(kept, more, strict=True)], 2)
        self._length[owner] = position[ends]
        return Repeated(position, is_long[run], settled)
