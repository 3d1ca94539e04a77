"""The slow, plain reading of a whole text object, record by record: what every faster way is compared with."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from jobs.readings.dialect import Delimited, Dialect, Format
from jobs.readings.fixed import parse_fixed
from jobs.readings.kernel_keys import new_keys
from jobs.readings.line import parse_line
from jobs.readings.model import TEXT_LIMIT, Readings, Reason, Reject, Tally
from jobs.readings.part import Part, Sink
from jobs.readings.preamble import find_preamble
from jobs.readings.reader import read_part
from jobs.readings.record import Record, bind

RUN_START = 1_900_000_000_000_000
Reading = tuple[int, int, str, str, str | None, bytes, str | None]
"""offset, timestamp, device, metric, unit, the double's bytes, quality."""
Missed = tuple[int, int, str, str, str | None, str]
"""offset, timestamp, device, metric, unit and absence of a value that is not there."""


@dataclass
class Outcome:
    """Everything that reading an object tells."""

    readings: list[Reading] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    lines: int = 0
    absent: list[Missed] = field(default_factory=list)
    missing: int = 0
    excluded: int = 0

    def take(self, offset: int, record: Record) -> None:
        """A record that lies at `offset`; its rejects are for the caller, who knows its line."""
        self.missing += record.missing
        self.excluded += record.excluded
        self.readings += [
            (offset, r.timestamp, r.device, r.metric, r.unit, struct.pack("<d", r.value), r.quality)
            for r in record.rows
        ]
        self.absent += [(offset, *value) for value in record.absent]


def define(data: bytes, dialect: Dialect, fmt: Format, uri: str = "object.csv") -> Outcome:
    """What an object holds, by the definitions alone."""
    outcome = Outcome()
    preamble = find_preamble(data, True, dialect, fmt, uri)
    assert preamble is not None
    if preamble.names is None:
        return outcome
    roles = bind(dialect, preamble.names, uri, RUN_START)
    comment = (dialect.delimited if fmt == "delimited" else dialect.fixed).comment.encode()
    cut = min(TEXT_LIMIT, dialect.max_record + 1)
    for offset, stop, too_long in _records(data, preamble.size, dialect, fmt):
        raw = data[offset:stop].removesuffix(b"\n").removesuffix(b"\r")
        if not raw or (comment and raw.startswith(comment)):
            continue
        line = data.count(b"\n", 0, offset) + 1
        if too_long:
            outcome.lines += 1
            outcome.rejects.append(Reject(offset, line, Reason.TOO_LONG, None, data[offset:stop][:cut]))
            continue
        record = parse_line(raw, roles) if fmt == "delimited" else parse_fixed(raw, roles)
        if record is None:
            continue
        outcome.lines += 1
        outcome.take(offset, record)
        outcome.rejects += [Reject(offset, line, r.reason, r.column, raw[:TEXT_LIMIT]) for r in record.rejects]
    outcome.absent.sort(key=str)
    return outcome


def _records(data: bytes, start: int, dialect: Dialect, fmt: Format) -> Iterator[tuple[int, int, bool]]:
    """(begin, end with line end, whether too long) of each record."""
    quoted = fmt == "delimited" and dialect.delimited.newline_in_quotes
    while start < len(data):
        newline = data.find(b"\n", start)
        line_end = newline + 1 if newline >= 0 else len(data)
        stop = _quoted_end(data, start, dialect.delimited) if quoted else line_end
        if stop is not None and stop - start - (data[stop - 1 : stop] == b"\n") <= dialect.max_record:
            yield start, stop, False
            start = stop
        else:  # unclosed or too long: it costs its first line
            size = line_end - start - (newline >= 0)
            yield start, line_end, size > dialect.max_record
            start = line_end


def _quoted_end(data: bytes, start: int, text: Delimited) -> int | None:
    """Where the record ends, looking at one byte after the other; None if a quoted field stays open."""
    delimiter, quote, newline = text.delimiter.encode(), text.quote.encode(), b"\n"
    state = "field start"
    for place in range(start, len(data)):
        byte = data[place : place + 1]
        if state == "quoted":
            state = "quote in quoted" if byte == quote else "quoted"
        elif state == "quote in quoted" and byte == quote:
            state = "quoted"
        elif byte == newline:
            return place + 1
        elif byte == delimiter:
            state = "field start"
        elif state == "field start" and byte == quote:
            state = "quoted"
        else:
            state = "unquoted"
    return None if state == "quoted" else len(data)


class Trickle(io.RawIOBase):
    """A source that gives a few bytes at a time, of sizes that repeat."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._data, self._sizes, self._place, self._turn = data, sizes, 0, 0

    def readinto(self, view: memoryview) -> int:  # type: ignore[override]  # readers give memoryviews
        size = min(self._sizes[self._turn % len(self._sizes)], len(view), len(self._data) - self._place)
        view[:size] = self._data[self._place : self._place + size]
        self._place += size
        self._turn += 1
        return size


def read(
    data: bytes,
    dialect: Dialect,
    fmt: Format,
    *,
    kernel: bool = False,
    sizes: list[int] | None = None,
    cuts: Iterable[int] = (),
    header: bytes = b"",
    uri: str = "object.csv",
) -> Outcome:
    """What `read_part` makes of an object, in the order of records; `cuts` part it, `sizes` are those of its reads."""
    outcome = Outcome()
    tally = Tally()
    bounds = [0, *sorted(cuts), None]
    for start, end in pairwise(bounds):
        part = Part(uri, start or 0, end, header if start else b"")
        sink = Sink(new_keys(kernel), tally, outcome.rejects.append, RUN_START, kernel, absent=True)
        source = Trickle(data[part.read_from :], sizes or [len(data) + 1])
        for batch in read_part(source, part, dialect, fmt, sink):
            if batch.absence is None:
                outcome.readings += rows_of(batch)
            else:
                assert np.isnan(batch.value).all()
                outcome.absent += [(*row[:5], batch.absence) for row in rows_of(batch)]
    assert tally.readings == len(outcome.readings)
    assert sum(tally.rejects.values()) == len(outcome.rejects)
    outcome.lines, outcome.missing, outcome.excluded = tally.lines, tally.missing, tally.excluded
    outcome.readings.sort(key=lambda reading: reading[0])
    outcome.absent.sort(key=str)
    outcome.rejects.sort(key=lambda reject: reject.offset)
    return outcome


def rows_of(batch: Readings) -> list[Reading]:
    devices = batch.keys.device_texts().to_pylist()
    series, qualities = batch.keys.series_texts(), batch.keys.quality_texts()
    marks = [-1] * len(batch) if batch.quality is None else batch.quality.tolist()
    return [
        (offset, time, devices[d], *series[s], struct.pack("<d", value), qualities[q] if q >= 0 else None)
        for offset, time, d, s, value, q in zip(
            batch.offset.tolist(),
            batch.timestamp.tolist(),
            batch.device.tolist(),
            batch.series.tolist(),
            batch.value.tolist(),
            marks,
            strict=True,
        )
    ]
