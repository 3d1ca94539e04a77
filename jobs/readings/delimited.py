"""The reference path for delimited text: Arrow's tokeniser where it agrees with `line.parse_line`, else that."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from jobs.readings.arrays import from_numpy
from jobs.readings.line import BLANKS, parse_line
from jobs.readings.lines import Bytes, Records, Reference, split_lines
from jobs.readings.model import Int64Array
from jobs.readings.number_block import BoolArray, is_empty
from jobs.readings.part import Sink
from jobs.readings.quoting import plainly_quoted, record_ends
from jobs.readings.record import Record, Roles

_MARK = b"\xef\xbb\xbf"  # Arrow would drop it from the front of any block


class DelimitedReference(Reference):
    """Parses blocks of delimited records of one object."""

    def __init__(self, roles: Roles, sink: Sink) -> None:
        text = roles.dialect.delimited
        super().__init__(roles, text, sink)
        self._text = text
        self._width = roles.field_count + text.trailing_blanks
        self._blank = list(range(roles.field_count, self._width))

    @cached_property
    def _options(self) -> tuple[csv.ReadOptions, csv.ParseOptions, csv.ConvertOptions]:
        names = [str(index) for index in range(self._width)]
        wanted = [names[index] for index in (*self._roles.needed, *self._blank)]
        block = 2 * self._roles.dialect.max_record  # more than there ever is: one block, one chunk
        return (
            csv.ReadOptions(column_names=names, use_threads=False, block_size=block),
            csv.ParseOptions(delimiter=self._text.delimiter, quote_char=self._text.quote or False),
            csv.ConvertOptions(
                check_utf8=False, include_columns=wanted, column_types=dict.fromkeys(wanted, pa.binary())
            ),
        )

    def read_record(self, raw: bytes) -> Record | None:
        return parse_line(raw, self._roles)

    def split(self, buffer: bytearray, begin: int, end: int, line: int) -> Records:
        data = np.frombuffer(buffer, np.uint8)
        lines = split_lines(data, begin, end, line)
        if not self._text.newline_in_quotes or not len(lines):
            return lines
        stops = record_ends(buffer, begin, end, self._text, True)
        starts = np.concatenate([np.array([begin], np.int64), stops[:-1]])
        numbers = lines.numbers[np.searchsorted(lines.starts, starts)]
        return Records(starts, stops - (data[stops - 1] == ord("\n")), numbers)

    def tokenise(self, buffer: bytearray, records: Records) -> tuple[dict[int, pa.Array], BoolArray] | None:
        data = np.frombuffer(buffer, np.uint8)
        taken = plainly_quoted(data, records.starts, records.stops, self._text)
        for odd in (b"\r", b"\n", b"\0") if self._text.newline_in_quotes else (b"\r", b"\0"):
            if buffer.find(odd, int(records.starts[0]), int(records.stops[-1])) >= 0:
                taken &= ~_holding(data, records, odd)
        table = self._read_table(buffer, records, taken)
        if table is None:
            taken &= self._counted(data, records)
            table = self._read_table(buffer, records, taken)
        if not taken.any():
            return {}, taken
        if table is None:
            return None
        columns = {index: self._column(table, index) for index in (*self._roles.needed, *self._blank)}
        kept = np.ones(table.num_rows, np.bool_)
        for index in self._blank:
            kept &= is_empty(columns[index])
        if self._text.blank_rows == "skip":
            kept &= ~np.logical_and.reduce([is_empty(columns[index]) for index in self._roles.needed])
        if not kept.all():
            taken[taken] = kept
            columns = {index: column.filter(from_numpy(kept)) for index, column in columns.items()}
        return columns, taken

    def _read_table(self, buffer: bytearray, records: Records, taken: BoolArray) -> pa.Table | None:
        """All columns that are looked at, a row for each record taken; None where Arrow cannot or counts otherwise."""
        if not taken.any():
            return None
        source = _joined(buffer, records if taken.all() else records.take(taken))
        if bytes(source[:3]) == _MARK:
            return None
        try:
            table = csv.read_csv(pa.BufferReader(pa.py_buffer(source)), *self._options)
        except pa.ArrowInvalid:
            return None
        return table if table.num_rows == taken.sum() else None

    def _column(self, table: pa.Table, index: int) -> pa.Array:
        column = table.column(str(index)).combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = column.chunk(0)
        if self._text.strip_blanks:
            column = pc.ascii_trim(column.view(pa.string()), BLANKS.decode()).view(pa.binary())
        return column

    def _counted(self, data: Bytes, records: Records) -> BoolArray:
        """Which plainly quoted records have as many delimiters, outside quotes, as they must."""
        first, last = int(records.starts[0]), int(records.stops[-1])
        places = _places(data, first, last, self._text.delimiter.encode())
        if self._text.quote:
            quotes = _places(data, first, last, self._text.quote.encode())
            rows = np.maximum(np.searchsorted(records.starts, places, side="right") - 1, 0)
            inside = np.searchsorted(quotes, places) - np.searchsorted(quotes, records.starts)[rows]
            places = places[inside % 2 == 0]
        counts = np.searchsorted(places, records.stops) - np.searchsorted(places, records.starts)
        fitting: BoolArray = counts == self._width - 1
        return fitting


def _joined(buffer: bytearray, records: Records) -> memoryview | bytes:
    """The records one after the other, each but the last with its line end."""
    starts, stops = records.starts, records.stops
    view = memoryview(buffer)
    # between neighbours lies a line end of one or two bytes, or a blank line, which Arrow skips
    last = np.flatnonzero(np.append(starts[1:] - stops[:-1] > 2, True))
    runs = zip([0, *(last[:-1] + 1).tolist()], last.tolist(), strict=True)
    pieces = [view[int(starts[a]) : int(stops[b])] for a, b in runs]
    return pieces[0] if len(pieces) == 1 else b"\n".join(pieces)


def _holding(data: Bytes, records: Records, byte: bytes) -> npt.NDArray[np.bool_]:
    """Which records hold a byte."""
    places = _places(data, int(records.starts[0]), int(records.stops[-1]), byte)
    found: BoolArray = np.searchsorted(places, records.stops) > np.searchsorted(places, records.starts)
    return found


def _places(data: Bytes, begin: int, end: int, byte: bytes) -> Int64Array:
    return np.flatnonzero(data[begin:end] == byte[0]).astype(np.int64) + begin
