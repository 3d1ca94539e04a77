"""The accumulator of moments in the kernel: jobs/kernel/groups.c."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jobs.partials.buckets import Buckets
from jobs.partials.rows import partial_rows, texts_of
from jobs.partials.schema import FLUSH_ROWS, SKETCH, STATS
from jobs.partials.sketch import Sketch
from jobs.readings.model import Keys, Readings

_DONE, _NO_MEMORY = 0, -1
_STATS_COLUMNS, _SKETCH_COLUMNS = 24, 5


class KernelMoments:
    """Accumulates STATS rows, and SKETCH rows where there is a sketch; its table's memory is kept over a flush."""

    def __init__(self, library: ctypes.CDLL, keys: Keys, buckets: Buckets, sketch: Sketch | None) -> None:
        _declare(library)
        self._library, self._keys, self._sketch = library, keys, sketch
        spans = buckets.spans
        columns = [np.ascontiguousarray(a, np.int64) for a in (spans.starts, spans.shifts, spans.numbers)]
        per_octave = sketch.per_octave if sketch else 0
        pointers = [column.ctypes.data for column in columns]
        self._groups = library.groups_new(len(columns[0]), *pointers, buckets.size, buckets.cycle, per_octave)
        if not self._groups:
            raise MemoryError("no memory for groups")
        weakref.finalize(self, library.groups_free, self._groups)

    def add(self, readings: Readings) -> None:
        time, device = _column(readings.timestamp, np.int64), _column(readings.device, np.int32)
        series, value = _column(readings.series, np.int32), _column(readings.value, np.float64)
        if not len(time) == len(device) == len(series) == len(value):
            raise ValueError("the columns of a batch differ in length")
        columns = (time.ctypes.data, device.ctypes.data, series.ctypes.data, value.ctypes.data)
        done = self._library.groups_add(self._groups, len(value), *columns)
        if done == _NO_MEMORY:
            raise MemoryError("no memory for more groups")
        if done != _DONE:
            raise OverflowError("a timestamp, or the number of its bucket, is out of range")

    def flush(self) -> Iterator[tuple[str, pa.Table]]:
        texts = texts_of(self._keys)
        for at in range(0, self.groups, FLUSH_ROWS):
            stats = np.empty((_STATS_COLUMNS, min(FLUSH_ROWS, self.groups - at)), np.int64)
            self._library.groups_stats(self._groups, at, stats.shape[1], stats.ctypes.data)
            yield STATS.name, partial_rows(STATS, texts, list(stats))
        cells, place = int(self._library.groups_cells(self._groups)), 0
        for at in range(0, cells, FLUSH_ROWS):
            counts = np.empty((_SKETCH_COLUMNS, min(FLUSH_ROWS, cells - at)), np.int64)
            place = self._library.groups_sketch(self._groups, place, counts.shape[1], counts.ctypes.data)
            yield SKETCH.name, partial_rows(SKETCH, texts, list(counts))
        if not self._library.groups_clear(self._groups):
            raise MemoryError("no memory for groups")

    @property
    def groups(self) -> int:
        return int(self._library.groups_used(self._groups))

    @property
    def nbytes(self) -> int:
        return int(self._library.groups_bytes(self._groups))


def _column(array: npt.NDArray[np.generic], of: type[np.generic]) -> npt.NDArray[np.generic]:
    return np.ascontiguousarray(array, of)


def _declare(library: ctypes.CDLL) -> None:
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    arguments: dict[str, list[Any]] = {
        "groups_new": [number, pointer, pointer, pointer, number, number, ctypes.c_int32],
        "groups_free": [pointer],
        "groups_add": [pointer, number, pointer, pointer, pointer, pointer],
        "groups_used": [pointer],
        "groups_cells": [pointer],
        "groups_bytes": [pointer],
        "groups_stats": [pointer, number, number, pointer],
        "groups_sketch": [pointer, number, number, pointer],
        "groups_clear": [pointer],
    }
    results: dict[str, Any] = {
        "groups_new": pointer,
        "groups_free": None,
        "groups_stats": None,
        "groups_add": ctypes.c_int32,
        "groups_clear": ctypes.c_bool,
    }
    for name, types in arguments.items():
        function = getattr(library, name)
        function.argtypes, function.restype = types, results.get(name, number)
