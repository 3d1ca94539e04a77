"""Records read one by one, gathered into batches of readings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from jobs.readings.model import Absence, Int32Array, Int64Array, Readings, absent_values
from jobs.readings.part import Sink
from jobs.readings.record import Absent, Record, Row

BATCH_ROWS = 65_536
"""The most rows of a batch."""


class Batch:
    """Gathers records and counts what they hold. quality: whether the readings carry quality marks."""

    def __init__(self, sink: Sink, quality: bool) -> None:
        self._sink = sink
        self._quality = quality
        self._rows: list[Row] = []
        self._offsets: list[int] = []
        self._absent: list[tuple[Absent, int]] = []

    def __len__(self) -> int:
        return len(self._rows) + len(self._absent)

    def add(self, record: Record, offset: int, line: int | None, raw: bytes) -> None:
        """One record, which lies at `offset` in line `line`, spelled `raw`; its rejects are reported."""
        tally = self._sink.tally
        tally.lines += 1
        tally.readings += len(record.rows)
        tally.missing += record.missing
        tally.excluded += record.excluded
        for reject in record.rejects:
            self._sink.reject(reject.reason, reject.column, offset, line, raw)
        self._rows += record.rows
        self._offsets += [offset] * len(record.rows)
        if self._sink.absent:
            self._absent += [(value, offset) for value in record.absent]

    def take(self) -> Iterator[Readings]:
        """The readings gathered since the last call, and absent values where the sink wants them."""
        rows, offsets, absent = self._rows, self._offsets, self._absent
        self._rows, self._offsets, self._absent = [], [], []
        keys = self._sink.keys
        if rows:
            values = np.array([row.value for row in rows], np.float64)
            marks = np.array([keys.quality(row.quality) for row in rows], np.int32) if self._quality else None
            yield from in_batches(Readings(keys, *self._coded(rows), values, np.array(offsets, np.int64), marks))
        for absence in Absence:
            some = [(value, offset) for value, offset in absent if value.absence is absence]
            if some:
                codes = self._coded([value for value, _ in some])
                places = np.array([offset for _, offset in some], np.int64)
                yield from in_batches(absent_values(keys, *codes, places, absence))

    def _coded(self, rows: Sequence[Row | Absent]) -> tuple[Int64Array, Int32Array, Int32Array]:
        keys = self._sink.keys
        return (
            np.array([row.timestamp for row in rows], np.int64),
            np.array([keys.device(row.device) for row in rows], np.int32),
            np.array([keys.series(row.metric, row.unit) for row in rows], np.int32),
        )


def in_batches(readings: Readings) -> Iterator[Readings]:
    """Readings cut into batches, as views."""
    for begin in range(0, len(readings), BATCH_ROWS):
        rows = slice(begin, begin + BATCH_ROWS)
        yield replace(
            readings,
            timestamp=readings.timestamp[rows],
            device=readings.device[rows],
            series=readings.series[rows],
            value=readings.value[rows],
            offset=readings.offset[rows],
            quality=None if readings.quality is None else readings.quality[rows],
        )
