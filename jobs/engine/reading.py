"""Reading splits: from planned pieces to filtered batches of readings, with the report of what was met on the way."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from jobs.engine import progress
from jobs.engine.filters import Filter
from jobs.engine.plan import Piece, Split
from jobs.engine.report import EXAMPLES, DamagedObject, RejectRow, Report
from jobs.engine.run import Run
from jobs.engine.shuffle import BlockWriter
from jobs.engine.sources import Source, open_piece
from jobs.lake import storage
from jobs.readings import dialect_file
from jobs.readings.compression import Damage
from jobs.readings.dialect import Dialect
from jobs.readings.model import Keys, Readings, Reject
from jobs.readings.ordering import reordered
from jobs.readings.reader import Part, Sink, read_part

REJECT_SCHEMA = pa.schema(
    [
        pa.field("object", pa.string(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("line", pa.int64()),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("column", pa.string()),
        pa.field("text", pa.string(), nullable=False),
    ]
)
"""Rejects as they are written: `offset` of the decompressed object, `line` where known, `text` safely encoded."""

_REJECTS_HELD = 10_000


class SplitReader:
    """Reads the splits of one task. `report` holds what was counted so far.

    ordered: readings come in the order of their records, not of their parsing. placed: so they do, and say where they
    stand: `piece`, and `offset` as their number in it. selection: the job's own.
    """

    def __init__(
        self,
        run: Run,
        keys: Keys,
        blocks: BlockWriter,
        *,
        ordered: bool = False,
        placed: bool = False,
        selection: Filter | None = None,
    ) -> None:
        self.report = Report()
        self._ordered = ordered or placed
        self._placed = placed
        self._run = run
        self._keys = keys
        self._blocks = blocks
        self._dialects: dict[str, Dialect] = {key: dialect_file.loads(text) for key, text in run.dialects.items()}
        chosen = run.settings
        self._filter = Filter(chosen.metrics, chosen.devices, chosen.since, chosen.until)
        self._selection = selection or Filter()
        self._rejects: list[RejectRow] = []
        self._progress = progress.current()

    def read(self, split: Split) -> Iterator[Readings]:
        """The readings of a split that pass the run's filters, in the order of its pieces."""
        with storage.prefetch([piece.object for piece in split.pieces if piece.format != "parquet"]):
            for piece in split.pieces:
                yield from self.read_piece(piece)

    def read_piece(self, piece: Piece) -> Iterator[Readings]:
        sink = Sink(
            self._keys, self.report.tally, lambda r: self._reject(piece, r), self._run.started, self._run.kernel
        )
        with open_piece(piece, self._dialects) as source:
            counted = selected = 0
            try:
                for readings in self._parse(source, piece, sink):
                    kept = self._selection.apply(self._filter.apply(readings))
                    self.report.selected += len(kept)
                    counted += self._tick(source.bytes_read - counted, len(readings))
                    if self._placed:
                        kept.piece = (piece.source, piece.part)
                        kept.offset = np.arange(selected, selected + len(kept))
                        selected += len(kept)
                    if len(kept):
                        yield kept
            except Damage as damage:
                self.report.damage.append(DamagedObject(piece.object.uri, damage.offset, damage.what))
            self._tick(source.bytes_read - counted, 0)
            self.report.size += source.bytes_read

    def close(self) -> Report:
        """The task's whole report."""
        self._write_rejects()
        return self.report

    def _parse(self, source: Source, piece: Piece, sink: Sink) -> Iterator[Readings]:
        part = Part(piece.object.uri, piece.start, piece.end, piece.header, piece.row_groups)
        batches = read_part(source.stream, part, source.dialect, source.format, sink)
        if self._ordered and source.format != "parquet":
            return reordered(batches, 2 * source.dialect.max_record)  # a block holds one record at least
        return batches

    def _tick(self, size: int, readings: int) -> int:
        if self._progress is not None:
            self._progress.meter.add(size, readings)
            self._progress.tick()
        return size

    def _reject(self, piece: Piece, reject: Reject) -> None:
        if len(self.report.examples) >= EXAMPLES and not self._run.settings.rejects:
            return
        # the lines before a later piece were counted by another task
        line = None if piece.start else reject.line
        text = reject.text.decode("utf-8", "backslashreplace")
        row = RejectRow(piece.object.uri, reject.offset, line, str(reject.reason), reject.column, text)
        if len(self.report.examples) < EXAMPLES:
            self.report.examples.append(row)
        if self._run.settings.rejects:
            self._rejects.append(row)
            if len(self._rejects) >= _REJECTS_HELD:
                self._write_rejects()

    def _write_rejects(self) -> None:
        if self._rejects:
            columns = [[getattr(row, name) for row in self._rejects] for name in REJECT_SCHEMA.names]
            table = pa.Table.from_arrays(
                [pa.array(c, f.type) for c, f in zip(columns, REJECT_SCHEMA, strict=True)], schema=REJECT_SCHEMA
            )
            self.report.reject_blocks.append(self._blocks.write(table))
            self._rejects.clear()
