"""The accumulator of moments in NumPy: what there is without the kernel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from jobs.partials import exact
from jobs.partials.buckets import Buckets
from jobs.partials.codes import pack, starts_of_runs
from jobs.partials.rows import partial_rows, reading_columns, texts_of
from jobs.partials.schema import FLUSH_ROWS, SKETCH, STATS
from jobs.partials.sketch import Sketch
from jobs.readings.model import Int64Array, Keys, Readings

_KEYS = 4
_PENDING_ROWS = 65_536


class ArrayMoments:
    """Groups each batch by itself, and merges the groups as they pile up."""

    def __init__(self, keys: Keys, buckets: Buckets, sketch: Sketch | None) -> None:
        self._keys, self._buckets, self._sketch = keys, buckets, sketch
        self._stats = GroupedRows([np.add, np.minimum, np.maximum, np.minimum, np.maximum] + [np.add] * 15)
        self._counts = GroupedRows([np.add])

    def add(self, readings: Readings) -> None:
        if not len(readings):
            return
        columns = reading_columns(readings, self._buckets)
        self._stats.add(columns)
        if self._sketch is not None:
            index = self._sketch.index(readings.value).astype(np.int64)
            self._counts.add([*columns[:3], index, columns[_KEYS]])

    def flush(self) -> Iterator[tuple[str, pa.Table]]:
        texts = texts_of(self._keys)
        for stats in self._stats.take_all():
            stats[9:14] = exact.normalise(stats[9:14].T).T
            stats[14:] = exact.normalise(stats[14:].T).T
            yield STATS.name, partial_rows(STATS, texts, list(stats))
        for counts in self._counts.take_all():
            yield SKETCH.name, partial_rows(SKETCH, texts, list(counts))

    @property
    def groups(self) -> int:
        return len(self._stats)

    @property
    def nbytes(self) -> int:
        return self._stats.nbytes + self._counts.nbytes


class GroupedRows:
    """Rows of integer columns, the first _KEYS of them keys; the others merge by the given functions."""

    def __init__(self, reduce: Sequence[np.ufunc]) -> None:
        self._reduce = reduce
        self._merged = self._empty()
        self._pending: list[Int64Array] = []

    def __len__(self) -> int:
        return int(sum(rows.shape[1] for rows in (self._merged, *self._pending)))

    @property
    def nbytes(self) -> int:
        return len(self) * (_KEYS + len(self._reduce)) * 8

    def add(self, columns: Sequence[Int64Array]) -> None:
        self._pending.append(self._grouped(columns))
        if len(self) - self._merged.shape[1] > max(_PENDING_ROWS, self._merged.shape[1]):
            self._settle()

    def take_all(self) -> Iterator[Int64Array]:
        """The rows, one for each key, in pieces: [columns, n]."""
        self._settle()
        merged, self._merged = self._merged, self._empty()
        for at in range(0, merged.shape[1], FLUSH_ROWS):
            yield merged[:, at : at + FLUSH_ROWS].copy()

    def _settle(self) -> None:
        if self._pending:
            self._merged = self._grouped(np.concatenate([self._merged, *self._pending], axis=1))
            self._pending = []

    def _grouped(self, columns: Sequence[Int64Array] | Int64Array) -> Int64Array:
        packed = pack(list(columns[:_KEYS]))
        order = np.argsort(packed)
        starts = starts_of_runs(packed[order])
        rows = np.empty((len(columns), len(starts)), np.int64)
        for i, column in enumerate(columns):
            rows[i] = column[order[starts]] if i < _KEYS else self._reduce[i - _KEYS].reduceat(column[order], starts)
        return rows

    def _empty(self) -> Int64Array:
        return np.empty((_KEYS + len(self._reduce), 0), np.int64)
