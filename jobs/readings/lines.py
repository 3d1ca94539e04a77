"""The reference path for lines: blocks of records by Arrow, what it is not certain of by the scalar definition."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jobs.readings.batch import BATCH_ROWS, Batch, in_batches
from jobs.readings.columns import ColumnReader
from jobs.readings.dialect import Delimited, Fixed
from jobs.readings.model import Int64Array, Readings
from jobs.readings.part import Sink
from jobs.readings.record import Record, Roles

Bytes = npt.NDArray[np.uint8]

SMALL_BLOCK = 64  # records below which one by one is faster
_CR = ord("\r")


@dataclass(frozen=True, slots=True)
class Records:
    """Where records lie in a buffer: starts <= byte < stops, without the newline; numbers: of their first lines."""

    starts: Int64Array
    stops: Int64Array
    numbers: Int64Array

    def __len__(self) -> int:
        return len(self.starts)

    def take(self, rows: npt.NDArray[np.generic] | slice) -> Records:
        """The given records (a boolean mask, indices or a slice)."""
        return Records(self.starts[rows], self.stops[rows], self.numbers[rows])


class LineParser(Protocol):
    """Something that parses blocks of whole records."""

    def parse(self, buffer: bytearray, begin: int, end: int, base: int, line: int) -> Generator[Readings, None, int]:
        """The readings of the records in buffer[begin:end), which ends with a record's end.

        base: the stream's offset of buffer[0]. line: the number of the line at `begin`; that of the line at `end` is
        returned. Batches have at most 65,536 rows, hold until the next is asked for, and may come in another order than
        their records.
        """


class Reference(ABC):
    """Parses blocks of records of one object by Arrow and by the definition."""

    def __init__(self, roles: Roles, text: Delimited | Fixed, sink: Sink) -> None:
        self._roles = roles
        self._sink = sink
        self._encoding = text.encoding
        self._comment = text.comment.encode(text.encoding)

    @cached_property
    def _columns(self) -> ColumnReader:
        return ColumnReader(self._roles, self._encoding, self._sink.keys)  # not needed where the kernel takes all

    @abstractmethod
    def split(self, buffer: bytearray, begin: int, end: int, line: int) -> Records:
        """The records in buffer[begin:end), the first of which is in line `line`."""

    @abstractmethod
    def tokenise(self, buffer: bytearray, records: Records) -> tuple[dict[int, pa.Array], npt.NDArray[np.bool_]] | None:
        """The needed columns as binary arrays, of those records that a mask tells; None for a failure somewhere."""

    @abstractmethod
    def read_record(self, raw: bytes) -> Record | None:
        """The definition: what one record means; None if it is to be skipped."""

    def is_comment(self, raw: bytes) -> bool:
        """Whether a line that begins with `raw` is a comment."""
        return bool(self._comment) and raw.startswith(self._comment)

    def parse(self, buffer: bytearray, begin: int, end: int, base: int, line: int) -> Generator[Readings, None, int]:
        """As LineParser.parse."""
        yield from self.parse_records(buffer, self.split(buffer, begin, end, line), base)
        return line + int(np.count_nonzero(np.frombuffer(buffer, np.uint8)[begin:end] == ord("\n")))

    def parse_records(self, buffer: bytearray, records: Records, base: int) -> Iterator[Readings]:
        """The readings of records that lie anywhere in the buffer; blank lines and comments among them are skipped."""
        yield from self._parse(buffer, self._without_blanks(np.frombuffer(buffer, np.uint8), records), base)

    def _parse(self, buffer: bytearray, records: Records, base: int) -> Iterator[Readings]:
        if len(records) >= SMALL_BLOCK:
            told = self.tokenise(buffer, records)
            if told is None:
                half = len(records) // 2
                yield from self._parse(buffer, records.take(slice(0, half)), base)
                yield from self._parse(buffer, records.take(slice(half, None)), base)
                return
            columns, taken = told
            if taken.any():
                found, sure = self._columns.read(columns, records.starts[taken] + base, self._sink)
                for readings in found:
                    yield from in_batches(readings)
                taken[taken] = sure
                records = records.take(~taken)
        yield from self._one_by_one(buffer, records, base)

    def _one_by_one(self, buffer: bytearray, records: Records, base: int) -> Iterator[Readings]:
        batch = Batch(self._sink, self._roles.has_quality)
        rows = zip(records.starts.tolist(), records.stops.tolist(), records.numbers.tolist(), strict=True)
        for start, stop, number in rows:
            raw = bytes(buffer[start:stop])
            record = self.read_record(raw)
            if record is not None:
                batch.add(record, base + start, number, raw)
            if len(batch) >= BATCH_ROWS - len(self._roles.values):
                yield from batch.take()
        yield from batch.take()

    def _without_blanks(self, data: Bytes, records: Records) -> Records:
        starts, stops = records.starts, records.stops
        stops = stops - ((stops > starts) & (data[stops - 1] == _CR))
        kept = stops > starts
        if self._comment:
            for row in np.flatnonzero(kept & (data[starts] == self._comment[0])).tolist():
                kept[row] = not self.is_comment(data[starts[row] : stops[row]].tobytes())
        return Records(starts, stops, records.numbers).take(kept)


def one_record(start: int, stop: int, number: int) -> Records:
    """A single record."""
    return Records(np.array([start], np.int64), np.array([stop], np.int64), np.array([number], np.int64))


def split_lines(data: Bytes, begin: int, end: int, line: int) -> Records:
    """Every line of data[begin:end), the first of which has number `line`."""
    stops = np.flatnonzero(data[begin:end] == ord("\n")).astype(np.int64) + begin
    if begin < end and (not len(stops) or stops[-1] != end - 1):
        stops = np.append(stops, end)
    starts = np.empty_like(stops)
    starts[:1], starts[1:] = begin, stops[:-1] + 1
    return Records(starts, stops, np.arange(line, line + len(stops), dtype=np.int64))
