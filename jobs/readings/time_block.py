"""Columns of timestamp texts to instants; certain only where `timestamps.TimeReader` gives the same.

A text that the definition accepts serves as an example: other texts of the same length, with digits where it has
digits of a number and the same bytes elsewhere, are read with NumPy. Few examples cover a file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jobs.readings.arrays import from_numpy
from jobs.readings.model import Int64Array
from jobs.readings.number_block import BoolArray, bounds, data_of
from jobs.readings.refusal import RejectError
from jobs.readings.timestamps import DAY, SECOND, TimeReader, offset_of

Bytes = npt.NDArray[np.uint8]

_EXAMPLES = 8
_ZERO = ord("0")
_UTC = "UTC"
_MONTH_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, *[0] * 87], np.int64)
_MONTH_BEGINS = np.array([(153 * ((month + 9) % 12) + 2) // 5 for month in range(100)], np.int64)  # from March on


@dataclass(frozen=True, slots=True)
class _Layout:
    """An example: (begin, end) of its numbers by group name; the other bytes of a text must be its own.

    An epoch's numbers are `whole` and `fraction` down to the microsecond, and `cut`, the digits left out.
    """

    text: bytes
    numbers: dict[str, tuple[int, int]]
    offset: int | None


class TimeColumns:
    """A dialect's timestamps, compiled for columns."""

    def __init__(self, reader: TimeReader) -> None:
        self._reader = reader

    def read(self, columns: Sequence[pa.Array]) -> tuple[Int64Array, BoolArray]:
        """The instants of binary texts, one array a time column, and which are certain."""
        texts = columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, b"\0")
        instants = np.zeros(len(texts), np.int64)
        sure = np.zeros(len(texts), np.bool_)
        rows: Int64Array | None = None  # those not read yet and no example yet; None: all
        examples: list[int] = []
        while len(examples) < _EXAMPLES and (rows is None or len(rows)):
            examples.append(0 if rows is None else int(rows[0]))
            layout = self._layout(texts[examples[-1]].as_py())
            if layout is not None:
                chosen, matrix = _same_length(texts, rows, len(layout.text))
                found, certain = self._apply(layout, matrix)
                if len(chosen) == len(texts) and certain.all():
                    return found, certain
                instants[chosen[certain]] = found[certain]
                sure[chosen[certain]] = True
            unread = ~sure
            unread[examples] = False
            rows = np.flatnonzero(unread)
        self._read_distinct(texts, instants, sure)
        return instants, sure

    def _read_distinct(self, texts: pa.Array, instants: Int64Array, sure: BoolArray) -> None:
        """Each distinct text that is not read yet by the definition."""
        rows = np.flatnonzero(~sure)
        if not len(rows):
            return
        encoded = texts.take(from_numpy(rows)).dictionary_encode()
        known = [self._read_one(text) for text in encoded.dictionary.to_pylist()]
        codes = encoded.indices.to_numpy()
        sure[rows] = np.array([instant is not None for instant in known])[codes]
        instants[rows] = np.array([instant or 0 for instant in known], np.int64)[codes]

    def _read_one(self, text: bytes) -> int | None:
        try:
            return self._reader.read(text.decode("ascii").split("\0"))
        except (UnicodeDecodeError, RejectError):
            return None

    def _layout(self, text: bytes) -> _Layout | None:
        found = self._reader.pattern.fullmatch(text.decode("ascii", "replace"))
        if found is None:
            return None
        if self._reader.exponent is not None:
            return _epoch_layout(text, found, self._reader.exponent)
        parts = found.groupdict()
        suffix = parts.pop("z", None)
        try:
            offset = None if suffix is None else offset_of(suffix)
        except RejectError:
            return None
        return _Layout(text, {name: found.span(name) for name, part in parts.items() if part is not None}, offset)

    def _apply(self, layout: _Layout, matrix: Bytes) -> tuple[Int64Array, BoolArray]:
        """Instants and certainty of texts of one length; `matrix`: their bytes, a row for each place in the text."""
        places = [place for span in layout.numbers.values() for place in range(*span)]
        others = [place for place in range(len(layout.text)) if place not in places]
        figures = matrix[places] - np.uint8(_ZERO)
        fits = figures.max(axis=0) <= 9
        if others:
            fits &= (matrix[others] == np.frombuffer(layout.text, np.uint8)[others, None]).all(axis=0)
        figures[:, ~fits] = 0
        parts, digits, row = {}, {}, 0
        for name, (begin, end) in layout.numbers.items():
            parts[name], digits[name] = _number(figures[row : row + end - begin]), end - begin
            row += end - begin
        if self._reader.exponent is not None:
            instants = _epochs(parts, digits.get("fraction", 0), self._reader.exponent)
        else:
            local, valid = _local(parts, digits.get("f", 0))
            fits &= valid
            if layout.offset is not None:
                instants = local - layout.offset
            elif self._reader.zone.name == _UTC:
                instants = local
            else:
                instants, certain = self._reader.zone.to_utc_array(local)
                fits &= certain
        return instants, fits & (self._reader.min <= instants) & (instants <= self._reader.max)


def _same_length(texts: pa.Array, rows: Int64Array | None, length: int) -> tuple[Int64Array, Bytes]:
    """Those of the rows whose text has `length` bytes, and the bytes: a row for each place, a column for each text."""
    ends, data = bounds(texts), data_of(texts)
    lengths = np.diff(ends)
    if rows is None and (lengths == length).all():
        square = data[ends[0] : ends[-1]].reshape(len(texts), length)
        return np.arange(len(texts)), np.ascontiguousarray(square.T)
    chosen = np.flatnonzero(lengths == length) if rows is None else rows[lengths[rows] == length]
    return chosen, data[ends[chosen][None, :] + np.arange(length)[:, None]]


def _number(figures: Bytes) -> Int64Array:
    value: Int64Array = figures[0].astype(np.int64)
    for row in figures[1:]:
        value *= 10
        value += row
    return value


def _epoch_layout(text: bytes, found: re.Match[str], exponent: int) -> _Layout | None:
    """None for a negative epoch, which is cut downwards, for one that may lie beyond 64 bits, and for oddities."""
    begin, end = found.span("whole")
    point = end + min(exponent, 0)
    if found["sign"] or point <= begin or point - begin + max(exponent, 0) > 18 or (found["fraction"] and exponent < 0):
        return None
    numbers = {"whole": (begin, point), "cut": (point, end)}
    if found["fraction"]:
        begin, end = found.span("fraction")
        kept = min(begin + exponent, end)
        numbers |= {"fraction": (begin, kept), "cut": (kept, end)}
    return _Layout(text, {name: span for name, span in numbers.items() if span[0] < span[1]}, None)


def _epochs(parts: dict[str, Int64Array], digits: int, exponent: int) -> Int64Array:
    """Instants in µs of whole numbers with a fraction of `digits` digits."""
    value = parts["whole"]
    if digits:
        value = value * 10**digits + parts["fraction"]
    value *= 10 ** max(exponent - digits, 0)
    return value


def _local(parts: dict[str, Int64Array], digits: int) -> tuple[Int64Array, BoolArray]:
    """Local times in µs, and which are valid; `digits`: of the fraction."""
    year, month, day = parts["Y"], parts["m"], parts["d"]
    valid = (year >= 1) & (day >= 1) & (day <= _days_of_month(year, month))
    time = _days(year, month, day) * DAY
    if "H" in parts:
        valid &= parts["H"] <= 23
        time += parts["H"] * (3600 * SECOND)
    if "M" in parts:
        valid &= parts["M"] <= 59
        time += parts["M"] * (60 * SECOND)
    if "S" in parts:
        second = parts["S"]
        valid &= second <= 59  # a leap second is left to the definition
        time += second * SECOND
    if "f" in parts:
        time += parts["f"] * 10 ** (6 - digits) if digits <= 6 else parts["f"] // 10 ** (digits - 6)
    return time, valid


def _days_of_month(year: Int64Array, month: Int64Array) -> Int64Array:
    """0 for a month that is none."""
    days = _MONTH_DAYS[month]
    february = month == 2
    if february.any():
        centuries = year // 100
        days += february & (year & 3 == 0) & ((centuries * 100 != year) | (centuries & 3 == 0))
    return days


def _days(year: Int64Array, month: Int64Array, day: Int64Array) -> Int64Array:
    """Days since 1970-01-01 in the proleptic Gregorian calendar; years from March, so that leap days come last."""
    shifted = year - (month <= 2)
    centuries = shifted // 100
    days: Int64Array = shifted * 365 + (shifted >> 2) - centuries + (centuries >> 2) + _MONTH_BEGINS[month]
    return days + (day - 719_469)
