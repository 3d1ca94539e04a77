"""Reading a part of a log object: its bytes to batches of readings, in bounded memory.

A record belongs to the part in which its first byte lies. A line longer than the dialect's `max_record` is a
`too_long` reject. Where quoted fields may hold newlines, a quoted field that is not closed within `max_record` bytes or
by the object's end costs its first line, a `quote` reject, and reading goes on at the next line.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jobs.errors import InputError
from jobs.readings.blocks import Blocks
from jobs.readings.compression import ReadableBuffer
from jobs.readings.delimited import DelimitedReference
from jobs.readings.dialect import Delimited, Dialect, Format
from jobs.readings.fixed import FixedReference
from jobs.readings.kernel_lines import open_lines
from jobs.readings.lines import LineParser, Reference, one_record
from jobs.readings.model import TEXT_LIMIT, Readings, Reason
from jobs.readings.part import Part, Sink
from jobs.readings.preamble import Preamble, find_preamble
from jobs.readings.quoting import record_ends
from jobs.readings.record import bind

__all__ = ["Part", "Sink", "read_header", "read_part"]

_NEWLINE = ord("\n")


def read_part(source: ReadableBuffer, part: Part, dialect: Dialect, fmt: Format, sink: Sink) -> Iterator[Readings]:
    """The readings of a part of an object, in batches of at most 65,536 rows that hold until the next is asked for.

    `source` gives the decompressed bytes from `part.read_from` on, and beyond `part.end` to the end of the last record;
    for Parquet it is a seekable file. What was counted and rejected goes to `sink`; line numbers are those within the
    part, so those of the object where the part begins with it.
    Raises InputError for an object that the dialect does not fit, and Damage where the source does, after everything
    complete before it was yielded; an unfinished record before the damage is part of it.
    """
    if fmt == "json":
        from jobs.readings.json_records import read_json

        return read_json(source, part, dialect, sink)
    if fmt == "parquet":
        from jobs.readings.parquet_rows import read_parquet

        return read_parquet(source, part, dialect, sink)
    return _read_lines(source, part, dialect, fmt, sink)


def read_header(source: ReadableBuffer, uri: str, dialect: Dialect, fmt: Format) -> bytes:
    """Every byte of a text object before its first record, as `Part.header` needs it; `source` stands at its begin.

    Raises InputError as `read_part` does, and where the object's columns do not fit the dialect.
    """
    if fmt not in ("delimited", "fixed"):
        return b""
    with Blocks(source, 0, dialect.max_record + 1) as blocks:
        preamble = _preamble(blocks, dialect, fmt, uri)
        if preamble.names is not None:
            bind(dialect, preamble.names, uri, 0)
        return bytes(blocks.buffer[: preamble.size])


def _read_lines(source: ReadableBuffer, part: Part, dialect: Dialect, fmt: Format, sink: Sink) -> Iterator[Readings]:
    with Blocks(source, part.read_from, dialect.max_record + 1) as blocks:
        yield from _read_blocks(blocks, part, dialect, fmt, sink)


def _read_blocks(blocks: Blocks, part: Part, dialect: Dialect, fmt: Format, sink: Sink) -> Iterator[Readings]:
    if part.start == 0:
        preamble = _preamble(blocks, dialect, fmt, part.uri)
        blocks.skip_to(preamble.size)
    else:
        preamble = _known_preamble(part, dialect, fmt)
        blocks.fill()
        if part.start < preamble.size:
            blocks.skip_to(preamble.size)
        else:
            blocks.skip_line(part.end)
    if preamble.names is not None:
        roles = bind(dialect, preamble.names, part.uri, sink.run_start)
        reference = DelimitedReference(roles, sink) if fmt == "delimited" else FixedReference(roles, sink)
        layout = dialect.delimited if fmt == "delimited" else dialect.fixed
        kernel = open_lines(roles, layout, reference, sink)
        text = dialect.delimited if fmt == "delimited" else None
        line = preamble.lines + 1 if part.start == 0 else 1
        yield from LineReader(blocks, reference, kernel, part, text, sink).read(line)
    if blocks.damage is not None:
        raise blocks.damage


class LineReader:
    """The records of a part, block by block, read by the kernel where there is one. text: of delimited objects."""

    def __init__(
        self,
        blocks: Blocks,
        reference: Reference,
        kernel: LineParser | None,
        part: Part,
        text: Delimited | None,
        sink: Sink,
    ) -> None:
        self._blocks = blocks
        self._reference = reference
        self._parser: LineParser = kernel or reference
        self._end = part.end
        self._quoted = text if text is not None and text.newline_in_quotes else None
        self._sink = sink

    def read(self, line: int) -> Iterator[Readings]:
        """The readings; `line` is the number of the first line."""
        blocks = self._blocks
        while self._end is None or blocks.base + blocks.begin < self._end:
            begin, stop = blocks.begin, self._cut()
            if stop > begin:
                line = yield from self._parser.parse(blocks.buffer, begin, stop, blocks.base, line)
                blocks.begin = stop
            elif blocks.ended and begin == blocks.end:
                return
            elif not (blocks.full or blocks.ended):
                blocks.fill()
            elif blocks.full or blocks.complete:
                yield from self._first_line(line)
                line += 1
            else:
                return

    def _cut(self) -> int:
        """Behind the last complete record of the part that the buffer holds; `begin` if it holds none."""
        blocks = self._blocks
        if self._quoted is not None:
            ends = record_ends(blocks.buffer, blocks.begin, blocks.end, self._quoted, blocks.complete)
            if self._end is not None:
                ends = ends[: int(np.searchsorted(ends, self._end - blocks.base)) + 1]
            return int(ends[-1]) if len(ends) else blocks.begin
        if self._end is not None:
            found = blocks.buffer.find(b"\n", max(self._end - 1 - blocks.base, blocks.begin), blocks.end)
            if found >= 0:
                return found + 1
        if blocks.complete:
            return blocks.end
        return max(blocks.buffer.rfind(b"\n", blocks.begin, blocks.end) + 1, blocks.begin)

    def _first_line(self, line: int) -> Iterator[Readings]:
        """Reads a line that begins no complete record: it is too long, or opens a quoted field that nothing closes."""
        blocks = self._blocks
        begin = blocks.begin
        found = blocks.buffer.find(b"\n", begin, blocks.end)
        if found >= 0 or (blocks.complete and not blocks.full):
            stop = found if found >= 0 else blocks.end
            blocks.begin = found + 1 or blocks.end
            yield from self._reference.parse_records(blocks.buffer, one_record(begin, stop, line), blocks.base)
            return
        raw = bytes(blocks.buffer[begin : min(begin + TEXT_LIMIT, blocks.end)])
        if not self._reference.is_comment(raw):
            self._sink.tally.lines += 1
            self._sink.reject(Reason.TOO_LONG, None, blocks.base + begin, line, raw)
        blocks.skip_line(self._end)


def _known_preamble(part: Part, dialect: Dialect, fmt: Format) -> Preamble:
    found = find_preamble(part.header, True, dialect, fmt, part.uri)
    assert found is not None
    return found


def _preamble(blocks: Blocks, dialect: Dialect, fmt: Format, uri: str) -> Preamble:
    blocks.fill()
    found = find_preamble(bytes(blocks.buffer[: blocks.end]), blocks.complete, dialect, fmt, uri)
    if found is None:
        if blocks.damage is not None:
            raise blocks.damage
        raise InputError(f"its header is longer than {dialect.max_record} bytes", where=uri)
    return found
