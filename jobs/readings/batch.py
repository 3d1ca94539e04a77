"""Records read one by one, gathered into batches of readings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jobs.readings.model import Readings
from jobs.readings.part import Sink
from jobs.readings.record import Record, Row

BATCH_ROWS = 65_536
"""The most rows of a batch."""


class Batch:
    """Gathers records and counts what they hold. quality: whether the readings carry quality marks."""

    def __init__(self, sink: Sink, quality: bool) -> None:
        self._sink = sink
        self._quality = quality
        self._rows: list[Row] = []
        self._offsets: list[int] = []

    def __len__(self) -> int:
        return len(self._rows)

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

    def take(self) -> Iterator[Readings]:
        """The readings gathered since the last call."""
        rows, offsets = self._rows, self._offsets
        if not rows:
            return
        self._rows, self._offsets = [], []
        keys = self._sink.keys
        yield from in_batches(
            Readings(
                keys,
                np.array([row.timestamp for row in rows], np.int64),
                np.array([keys.device(row.device) for row in rows], np.int32),
                np.array([keys.series(row.metric, row.unit) for row in rows], np.int32),
                np.array([row.value for row in rows], np.float64),
                np.array(offsets, np.int64),
                np.array([keys.quality(row.quality) for row in rows], np.int32) if self._quality else None,
            )
        )


def in_batches(readings: Readings) -> Iterator[Readings]:
    """Readings cut into batches, as views."""
    for begin in range(0, len(readings), BATCH_ROWS):
        rows = slice(begin, begin + BATCH_ROWS)
        yield Readings(
            readings.keys,
            readings.timestamp[rows],
            readings.device[rows],
            readings.series[rows],
            readings.value[rows],
            readings.offset[rows],
            None if readings.quality is None else readings.quality[rows],
        )
