"""Which readings came out of order: after a later one of the same sequence, in the same object.

A map task sees its piece of an object in the order of its records, and marks the readings that are earlier than one it
has seen before them. Whether one is earlier than a reading of an earlier piece shows in the order of time: what is
neither marked nor in the first piece waits until a later reading of an earlier piece goes by, or to the end.
"""

from __future__ import annotations

import numpy as np

from jobs.partials.codes import distinct, starts_of_runs
from jobs.partials.totals import add_up, numbered
from jobs.partials.walks import Sequences
from jobs.readings.model import NO_TIME, Int64Array, Readings

_PART_BITS = np.int64(2**31 - 1)


class Places:
    """The place of each reading as one integer: object << 32 | piece << 1 | whether the piece has a later one before.

    Takes the readings of a piece in the order of its records, and pieces one after the other.
    """

    def __init__(self) -> None:
        self._begin((-1, -1))

    def _begin(self, piece: tuple[int, int]) -> None:
        self._piece, self._sequences, self._latest = piece, Sequences(), np.empty(0, np.int64)

    def of(self, readings: Readings) -> Int64Array:
        if readings.piece != self._piece:
            self._begin(readings.piece)
        if not len(readings):
            return np.empty(0, np.int64)
        width = int(readings.series.max()) + 1
        found, rank = distinct(readings.device.astype(np.int64) * width + readings.series)
        codes = self._sequences.of(found // width << 32 | found % width)
        more = len(self._sequences) - len(self._latest)
        self._latest = np.concatenate([self._latest, np.full(more, NO_TIME)])
        # NumPy sorts 16-bit integers stably by radix
        order = np.argsort(rank.astype(np.uint16) if len(found) <= 2**16 else rank, kind="stable")
        time, starts = readings.timestamp[order], starts_of_runs(rank[order])
        before = latest_before(time, starts, self._latest[codes])
        self._latest[codes] = np.maximum(self._latest[codes], np.maximum.reduceat(time, starts))
        is_late = np.empty(len(readings), np.int64)
        is_late[order] = time < before
        source, part = self._piece
        return source << 32 | part << 1 | is_late


def latest_before(time: Int64Array, starts: Int64Array, known: Int64Array) -> Int64Array:
    """The latest of the times before each one in its run; `known`: what was the latest before each run."""
    latest = time.copy()
    latest[starts] = np.maximum(time[starts], known)
    rises = np.append(True, latest[1:] >= latest[:-1])
    rises[starts] = True
    if not rises.all():
        found, rank = np.unique(latest, return_inverse=True)
        base = np.repeat(np.arange(len(starts)) * len(found), np.diff(starts, append=len(time)))
        latest = found[np.maximum.accumulate(base + rank) - base]
    before = np.roll(latest, 1)
    before[starts] = known
    return before


class Lateness:
    """Counts the readings that are out of order by sequence and bucket, going through slices in the order of time.

    What waits is held as counts by sequence, object, piece and bucket: of objects that were cut only.
    """

    def __init__(self) -> None:
        self._waiting = [np.empty(0, np.int64)] * 5

    def step(
        self, sequence: Int64Array, bucket: Int64Array, timestamp: Int64Array, place: Int64Array
    ) -> list[Int64Array]:
        """Columns of sequence, bucket and count: what is known to be out of order by now, and was not before."""
        source, part, is_late = place >> 32, place >> 1 & _PART_BITS, place & 1 == 1
        count = np.ones(len(sequence), np.int64)
        if part.any() or len(self._waiting[0]):
            # what waits is earlier than all of the slice
            held = [*self._waiting, np.full(len(self._waiting[0]), NO_TIME)]
            now = [sequence, source, part, bucket, count, timestamp]
            sequence, source, part, bucket, count, timestamp = (
                np.concatenate(column) for column in zip(held, now, strict=True)
            )
            is_late = np.concatenate([np.zeros(len(timestamp) - len(is_late), np.bool_), is_late])
            is_late |= timestamp < _latest_of_earlier_parts(sequence, source, part, timestamp)
            waits = ~is_late & (part > 0)
            self._waiting = add_up([c[waits] for c in (sequence, source, part, bucket, count)], 4)
        return [c[is_late] for c in (sequence, bucket, count)]


def _latest_of_earlier_parts(
    sequence: Int64Array, source: Int64Array, part: Int64Array, timestamp: Int64Array
) -> Int64Array:
    """For each row the latest time of its sequence and object in an earlier piece; NO_TIME for none."""
    if not len(sequence):
        return timestamp
    piece, firsts = numbered([sequence, source, part])
    latest = np.full(len(firsts), NO_TIME)
    np.maximum.at(latest, piece, timestamp)
    whole, _ = numbered([sequence[firsts], source[firsts]])
    starts = starts_of_runs(whole)
    return latest_before(latest, starts, np.full(len(starts), NO_TIME))[piece]
