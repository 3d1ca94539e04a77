"""Reading splits: from planned pieces to filtered batches of readings, with the report of what was met on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from jobs.engine import progress
from jobs.engine.filters import Filter
from jobs.engine.objects import ObjectCounts
from jobs.engine.plan import Piece, Split
from jobs.engine.report import EXAMPLES, DamagedObject, RejectRow, Report
from jobs.engine.run import Run
from jobs.engine.shuffle import BlockWriter
from jobs.engine.sources import Source, open_piece
from jobs.lake import storage
from jobs.readings import dialect_file
from jobs.readings.compression import Damage
from jobs.readings.dialect import Dialect
from jobs.readings.model import Keys, Readings, Reject, Tally
from jobs.readings.ordering import reordered
from jobs.readings.reader import Part, Sink, read_part

if TYPE_CHECKING:
    from jobs.engine.declaration import Declaration

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

_ROWS_HELD = 10_000


class SplitReader:
    """Reads the splits of one task for a job. `report` holds what was counted so far.

    Where nothing is merged, readings come in the order of their records, not of their parsing; where the job asks for
    places so they do, and say where they stand: `piece`, and `offset` as their number in it. `absent`: whether batches
    of absent values come between them.
    """

    def __init__(self, job: type[Declaration], run: Run, keys: Keys, blocks: BlockWriter) -> None:
        self.report = Report()
        self._objects = ObjectCounts() if job.counts_objects(run.settings) else None
        self.absent = job.ABSENT and self._objects is None
        self._placed = job.COLLECTED.has("place") and self._objects is None
        self._ordered = self._placed or not job.PARTIALS
        self._run = run
        self._keys = keys
        self._blocks = blocks
        self._dialects: dict[str, Dialect] = {key: dialect_file.loads(text) for key, text in run.dialects.items()}
        chosen = run.settings
        self._filter = Filter(chosen.metrics, chosen.devices, chosen.since, chosen.until)
        self._selection = job.selection(chosen)
        self._named = bool(job.metrics_named(chosen))
        self._rejects: list[RejectRow] = []

    def read(self, split: Split) -> Iterator[Readings]:
        """What of a split passes the run's filters, in the order of its pieces."""
        with storage.prefetch([piece.object for piece in split.pieces if piece.format != "parquet"]):
            for piece in split.pieces:
                yield from self.read_piece(piece)
        self.report.splits += 1

    def read_piece(self, piece: Piece) -> Iterator[Readings]:
        run, tally, selected = self._run, Tally(), 0
        with open_piece(piece, self._dialects) as source:
            if source is None:
                return
            piece, counted, in_rows = source.piece, 0, source.format == "parquet"
            sink = Sink(
                self._keys, tally, lambda r: self._reject(piece, r, in_rows), run.started, run.kernel, self.absent
            )
            try:
                for readings in self._parse(source, piece, sink):
                    kept = self._selection.apply(self._filter.apply(readings))
                    is_absent = kept.absence is not None
                    counted += self._tick(_taken(source, piece) - counted, 0 if is_absent else len(readings))
                    if self._placed and not is_absent:
                        kept.piece = (piece.source, piece.part)
                        kept.offset = np.arange(selected, selected + len(kept))
                    selected += 0 if is_absent else len(kept)
                    if len(kept):
                        yield kept
            except Damage as damage:
                self.report.damage.append(DamagedObject(piece.object.uri, damage.offset, damage.what))
            self._tick(_taken(source, piece) - counted, 0)
            self.report.size += _taken(source, piece)
        self.report.tally.add(tally)
        self.report.selected += selected
        if self._objects is not None:
            self._objects.add(piece.object.uri, tally, selected)
            if len(self._objects) >= _ROWS_HELD:
                self._write_objects()

    def close(self) -> Report:
        """The task's whole report."""
        if self._named:
            self.report.metrics = sorted({*self.report.metrics, *(metric for metric, _ in self._keys.series_texts())})
        self._write_rejects()
        self._write_objects()
        return self.report

    def _write_objects(self) -> None:
        if self._objects:
            self.report.object_blocks.append(self._blocks.write(self._objects.take()))

    def _parse(self, source: Source, piece: Piece, sink: Sink) -> Iterator[Readings]:
        part = Part(piece.object.uri, piece.start, piece.end, piece.header, piece.row_groups)
        batches = read_part(source.stream, part, source.dialect, source.format, sink)
        if self._ordered and source.format != "parquet":
            return reordered(batches, 2 * source.dialect.max_record)  # a block holds one record at least
        return batches

    def _tick(self, size: int, readings: int) -> int:
        progress.advance(size, readings)
        return size

    def _reject(self, piece: Piece, reject: Reject, in_rows: bool) -> None:
        examples, place = self.report.examples, (piece.object.uri, reject.offset, str(reject.reason))
        shown = len(examples) < EXAMPLES or place < examples[-1].place
        if not (shown or self._run.settings.rejects):
            return
        # the lines before a later piece were counted by another task
        line = None if piece.start else reject.line
        text = reject.text.decode("utf-8", "backslashreplace")
        row = RejectRow(piece.object.uri, reject.offset, line, str(reject.reason), reject.column, text, in_rows)
        if shown:
            self.report.show(row)
        if self._run.settings.rejects:
            self._rejects.append(row)
            if len(self._rejects) >= _ROWS_HELD:
                self._write_rejects()

    def _write_rejects(self) -> None:
        if self._rejects:
            columns = [[getattr(row, name) for row in self._rejects] for name in REJECT_SCHEMA.names]
            table = pa.Table.from_arrays(
                [pa.array(c, f.type) for c, f in zip(columns, REJECT_SCHEMA, strict=True)], schema=REJECT_SCHEMA
            )
            self.report.reject_blocks.append(self._blocks.write(table))
            self._rejects.clear()


def _taken(source: Source, piece: Piece) -> int:
    """The bytes of a piece read so far; what is read ahead of its end is another's."""
    return source.bytes_read if piece.object.uri == "-" else min(source.bytes_read, piece.size)
