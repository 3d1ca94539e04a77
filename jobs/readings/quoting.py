"""Quotes in delimited text: where records end when quoted fields may hold newlines, and which lines are plain."""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from jobs.readings.dialect import Delimited
from jobs.readings.model import Int64Array

_NEWLINE, _RETURN = ord("\n"), ord("\r")


def record_end(data: bytes | bytearray, start: int, stop: int, text: Delimited, final: bool) -> int:
    """Where the record that begins at `start` ends, its line end included; -1 where data[:stop] does not tell.

    final: nothing follows data[:stop], so that its end is a record's end. A record of which a quoted field is never
    closed has no end. A quote that does not begin a field opens nothing.
    """
    if not text.newline_in_quotes:
        end = data.find(b"\n", start, stop) + 1
        return end or (stop if final else -1)
    found = _record(text.delimiter, text.quote).match(data, start, stop)
    if found is None or (found.end() == stop and not final and data[stop - 1] != _NEWLINE):
        return -1
    return found.end()


def record_ends(data: bytearray, begin: int, end: int, text: Delimited, final: bool) -> Int64Array:
    """Where the consecutive complete records from `begin` on end, their line ends included.

    data[begin:end) begins with a record; `final` as for `record_end`. For dialects with `newline_in_quotes`.
    """
    view = np.frombuffer(data, np.uint8)
    line_ends = np.flatnonzero(view[begin:end] == _NEWLINE).astype(np.int64) + begin + 1
    if final and begin < end and (not len(line_ends) or line_ends[-1] != end):
        line_ends = np.append(line_ends, end)
    starts = np.concatenate([np.array([begin], np.int64), line_ends[:-1]])[: len(line_ends)]
    stops = line_ends - (view[line_ends - 1] == _NEWLINE)
    stops -= (stops > starts) & (view[stops - 1] == _RETURN)
    odd = np.flatnonzero(~plainly_quoted(view, starts, stops, text))
    pieces = []
    row = 0
    while row < len(starts):
        at = np.searchsorted(odd, row)
        stop = int(odd[at]) if at < len(odd) else len(starts)
        pieces.append(line_ends[row:stop])
        if stop == len(starts):
            break
        record = record_end(data, int(starts[stop]), end, text, final)
        if record < 0:
            break
        pieces.append(np.array([record], np.int64))
        row = int(np.searchsorted(starts, record))
    return np.concatenate(pieces) if pieces else np.zeros(0, np.int64)


def plainly_quoted(
    data: npt.NDArray[np.uint8], starts: Int64Array, stops: Int64Array, text: Delimited
) -> npt.NDArray[np.bool_]:
    """Which lines, starts <= byte < stops, hold no quotes but those around whole fields.

    Such a line is a record, and its fields are what stands between the quotes.
    """
    plain = np.ones(len(starts), np.bool_)
    if not text.quote or not len(starts):
        return plain
    delimiter, quote = ord(text.delimiter), ord(text.quote)
    first, last = int(starts[0]), int(stops[-1])
    places = np.flatnonzero(data[first:last] == quote) + first
    if not len(places):
        return plain
    before = np.searchsorted(places, starts)
    counts = np.searchsorted(places, stops) - before
    plain &= counts % 2 == 0
    lines = np.repeat(np.arange(len(starts)), counts)
    within = np.arange(len(lines)) - np.repeat(np.cumsum(counts) - counts, counts)
    places = places[np.repeat(before, counts) + within]
    opens = (places == starts[lines]) | (data[places - 1] == delimiter)
    closes = (places + 1 == stops[lines]) | (data[np.minimum(places + 1, last)] == delimiter)
    plain[lines[~np.where(within % 2 == 0, opens, closes)]] = False
    return plain


@lru_cache
def _record(delimiter: str, quote: str) -> re.Pattern[bytes]:
    d, q = re.escape(delimiter), re.escape(quote)
    field = rf"(?>{q}[^{q}]*+(?:{q}{q}[^{q}]*+)*+{q}[^{d}\n]*+|(?!{q})[^{d}\n]*+)"
    return re.compile(rf"{field}(?:{d}{field})*+(?:\n|\Z)".encode(), re.DOTALL)
