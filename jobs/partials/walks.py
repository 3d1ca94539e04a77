"""Readings in the order of time: slices of them, one after the other, and what a job does with each.

A slice is every reading of a span of time, sorted; the next slice begins where it ends. Where slices are cut depends on
the run, so what a walk yields must not: it carries what it needs from one slice to the next, for each sequence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jobs.partials.codes import distinct, starts_of_runs
from jobs.partials.images import to_images
from jobs.partials.rows import partial_rows, texts_of
from jobs.partials.schema import GROUP_BYTES, Accumulator, PartialSchema
from jobs.readings.model import Float64Array, Int64Array, Readings

Yielded = Iterator[tuple[str, pa.Table]]
"""Partial rows, each table with the name of its schema."""

BATCH_ROWS = 65_536


class Walk(Protocol):
    """Turns slices into partial rows."""

    def step(self, readings: Slice) -> Yielded:
        """Takes the next slice."""

    def close(self) -> Yielded:
        """What was still open at the end of the input."""


class Sequences:
    """Codes of (device, series) pairs, counted from 0 and never changed. device, series: int64, by code."""

    def __init__(self) -> None:
        self._known = np.empty(0, np.int64)
        self._codes = np.empty(0, np.int64)
        self.device = np.empty(0, np.int64)
        self.series = np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self.device)

    def of(self, packed: Int64Array) -> Int64Array:
        """The code of each packed pair; `packed` is sorted and distinct."""
        place = np.searchsorted(self._known, packed)
        is_new = np.ones(len(packed), np.bool_)
        inside = place < len(self._known)
        is_new[inside] = self._known[place[inside]] != packed[inside]
        if is_new.any():
            fresh = packed[is_new]
            self._codes = np.insert(self._codes, place[is_new], np.arange(len(self), len(self) + len(fresh)))
            self._known = np.insert(self._known, place[is_new], fresh)
            self.device = np.concatenate([self.device, fresh >> 32])
            self.series = np.concatenate([self.series, fresh & (2**32 - 1)])
            place = np.searchsorted(self._known, packed)
        return self._codes[place]


@dataclass(frozen=True)
class Slice:
    """Readings sorted by (sequence, timestamp, value's image): a sequence is a device's metric in one unit.

    readings: their codes are those of one Keys for all slices. sequence: int64, each reading's code in `sequences`.
    """

    readings: Readings
    sequence: Int64Array
    sequences: Sequences

    def __len__(self) -> int:
        return len(self.readings)

    @property
    def timestamp(self) -> Int64Array:
        return self.readings.timestamp

    @property
    def value(self) -> Float64Array:
        return self.readings.value

    @cached_property
    def starts(self) -> Int64Array:
        """Where each sequence's readings begin."""
        return starts_of_runs(self.sequence)

    @cached_property
    def is_start(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether a reading is its sequence's first in this slice."""
        marks = np.zeros(len(self), np.bool_)
        marks[self.starts] = True
        return marks

    def parts(self, rows: int) -> Iterator[Slice]:
        """The slice in parts of about so many readings, for what takes several times their size. They are slices
        themselves: those of a sequence follow each other in time, and readings of one time stay together."""
        same = (self.sequence[1:] == self.sequence[:-1]) & (self.timestamp[1:] == self.timestamp[:-1])
        ends = np.append(np.flatnonzero(~same) + 1, len(self))
        start = 0
        while start < len(self):
            end = int(ends[min(int(np.searchsorted(ends, start + rows)), len(ends) - 1)])
            yield self.take(np.arange(start, end))
            start = end

    def take(self, rows: npt.NDArray[np.generic]) -> Slice:
        """The readings of a mask or of indices in ascending order."""
        return Slice(self.readings.take(rows), self.sequence[rows], self.sequences)


def sort(readings: Readings, sequences: Sequences) -> Slice:
    """The slice that these readings are."""
    width = int(readings.series.max()) + 1
    order = np.argsort(readings.timestamp, kind="stable")
    pairs, rank = distinct(readings.device.astype(np.int64) * width + readings.series)
    # NumPy sorts 16-bit integers stably by radix
    narrow = rank.astype(np.uint16 if len(pairs) <= 2**16 else np.int64)
    order = order[np.argsort(narrow[order], kind="stable")]
    _order_ties(order, rank, readings)
    return Slice(readings.take(order), sequences.of(pairs // width << 32 | pairs % width)[rank[order]], sequences)


def _order_ties(order: Int64Array, rank: Int64Array, readings: Readings) -> None:
    """Has readings of one sequence and time stand in the order of their values and quality marks, in place."""
    time, key = readings.timestamp[order], rank[order]
    same = (time[1:] == time[:-1]) & (key[1:] == key[:-1])
    if not same.any():
        return
    tied = np.flatnonzero(np.concatenate([same, [False]]) | np.concatenate([[False], same]))
    rows = order[tied]
    image = to_images(readings.value[rows])
    columns = [image, readings.timestamp[rows], rank[rows]]
    if readings.quality is not None:
        columns.insert(0, _quality_ranks(readings)[rows])
    order[tied] = rows[np.lexsort(columns)]


def _quality_ranks(readings: Readings) -> Int64Array:
    """Each quality mark's place in the order of their UTF-8 bytes; none comes last."""
    texts = pa.array(readings.keys.quality_texts(), pa.string())
    ranks = np.empty(len(texts) + 1, np.int64)
    ranks[pc.array_sort_indices(texts).to_numpy()] = np.arange(len(texts))
    ranks[-1] = len(texts)
    return ranks[readings.qualities]


@dataclass
class Last:
    """The last reading of each sequence so far, by its code: what the next one follows.

    seen: whether there is one. timestamp: µs since 1970 UTC. value: its value.
    """

    seen: np.ndarray[tuple[int], np.dtype[np.bool_]] = field(default_factory=lambda: np.empty(0, np.bool_))
    timestamp: Int64Array = field(default_factory=lambda: np.empty(0, np.int64))
    value: Float64Array = field(default_factory=lambda: np.empty(0, np.float64))

    def follow(self, now: Slice) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], Int64Array, Float64Array]:
        """For each reading of a slice whether one of its sequence stood before it, and that one's time and value.

        The slice's own last readings are kept for the next.
        """
        more = len(now.sequences) - len(self.seen)
        self.seen, self.timestamp, self.value = (
            np.concatenate([old, np.zeros(more, old.dtype)]) for old in (self.seen, self.timestamp, self.value)
        )
        time, value = np.roll(now.timestamp, 1), np.roll(now.value, 1)
        seen = ~now.is_start
        first = now.sequence[now.starts]
        seen[now.starts], time[now.starts] = self.seen[first], self.timestamp[first]
        value[now.starts] = self.value[first]
        ends = np.append(now.starts[1:], len(now)) - 1
        self.seen[first], self.timestamp[first], self.value[first] = True, now.timestamp[ends], now.value[ends]
        return seen, time, value


def sequence_rows(schema: PartialSchema, now: Slice, sequence: Int64Array, columns: Sequence[Int64Array]) -> pa.Table:
    """Partial rows of the given sequences, from the columns of integers after device, metric and unit."""
    owners = now.sequences.device[sequence], now.sequences.series[sequence]
    return partial_rows(schema, texts_of(now.readings.keys), [*owners, *columns])


def without_repeats(readings: Slice) -> Slice:
    """The slice without exact repeats: of equal sequence, timestamp and value's bits one reading is left, with the
    smallest of their quality marks where these are carried."""
    bits = to_images(readings.value)
    repeats = ~readings.is_start
    repeats[1:] &= (readings.timestamp[1:] == readings.timestamp[:-1]) & (bits[1:] == bits[:-1])
    return readings.take(~repeats) if repeats.any() else readings


class Accumulating:
    """The walk of a job that needs no order, where its readings come through slices to be made distinct."""

    def __init__(self, accumulator: Accumulator) -> None:
        self._accumulator = accumulator

    def step(self, readings: Slice) -> Yielded:
        for at in range(0, len(readings), BATCH_ROWS):
            rows = np.arange(at, min(at + BATCH_ROWS, len(readings)))
            self._accumulator.add(readings.readings.take(rows))
            if self._accumulator.nbytes > GROUP_BYTES:
                yield from self._accumulator.flush()

    def close(self) -> Yielded:
        yield from self._accumulator.flush()
