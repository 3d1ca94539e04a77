"""Results as an aligned table for people: texts to the left, numbers by their decimal point.

Numbers are rounded to six significant digits (whole digits are all shown) and times cut to seconds, so that rows stay
short; the other formats give every digit.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jobs.lake.spelling import spell
from jobs.readings.arrays import from_numpy

if TYPE_CHECKING:
    from jobs.lake.writers import Sink

MEASURED_ROWS = 10_000
"""Columns are as wide as the first rows need; a later value that is wider pushes its line."""

_NULL = "–"
_GAP = "  "
_CONTROL = r"[\x00-\x1f\x7f-\x9f]"

Counts = npt.NDArray[np.int64]


class TableWriter:
    """Writes lines as soon as the first rows have settled the widths."""

    def __init__(self, sink: Sink, schema: pa.Schema) -> None:
        self._sink = sink
        self._schema = schema
        self._held: list[pa.Table] = []
        self._rows = 0
        self._columns: list[_Column] | None = None

    def write(self, table: pa.Table) -> None:
        if self._columns is not None:
            self._write_rows(table)
            return
        self._held.append(table)
        self._rows += table.num_rows
        if self._rows >= MEASURED_ROWS:
            self._begin()

    def close(self) -> None:
        if self._columns is None:
            self._begin()

    def _begin(self) -> None:
        held = pa.concat_tables([self._schema.empty_table(), *self._held])
        self._held = []
        self._columns = [_Column(f, held.column(n).combine_chunks()) for n, f in enumerate(self._schema)]
        heads = [column.head() for column in self._columns]
        rule = _GAP.join("-" * column.width for column in self._columns)
        self._sink.write(f"{_GAP.join(heads).rstrip()}\n{rule}\n".encode())
        self._write_rows(held)

    def _write_rows(self, table: pa.Table) -> None:
        assert self._columns is not None
        for batch in table.to_batches(max_chunksize=MEASURED_ROWS):
            cells = [column.cells(values) for column, values in zip(self._columns, batch.columns, strict=True)]
            lines = pc.utf8_rtrim(pc.binary_join_element_wise(*cells, _GAP), " ").to_pylist()
            self._sink.write("".join(f"{line}\n" for line in lines).encode())


class _Column:
    """One column: where its cells stand, measured on its first values."""

    def __init__(self, field: pa.Field, values: pa.Array) -> None:
        self._name = field.name
        self._right = bool(pa.types.is_integer(field.type) or pa.types.is_floating(field.type))
        self._pointed = bool(pa.types.is_floating(field.type))
        texts = _shown(values)
        self._fraction = int(_fractions(texts).max(initial=0)) if self._pointed else 0
        widths = _widths(texts) + (self._fraction - _fractions(texts) if self._pointed else 0)
        self.width = int(widths.max(initial=_width(self._name)))

    def head(self) -> str:
        blank = " " * (self.width - _width(self._name))
        return f"{blank}{self._name}" if self._right else f"{self._name}{blank}"

    def cells(self, values: pa.Array) -> pa.StringArray:
        texts = _shown(values)
        after = self._fraction - _fractions(texts) if self._pointed else np.zeros(len(texts), np.int64)
        after = np.maximum(after, 0)
        rest = np.maximum(self.width - _widths(texts) - after, 0)
        left, right = (rest, after) if self._right else (after, rest)
        return pc.binary_join_element_wise(_blanks(left), texts, _blanks(right), "")


def _blanks(counts: Counts) -> pa.StringArray:
    return pc.binary_repeat(" ", from_numpy(counts))


def _shown(values: pa.Array) -> pa.StringArray:
    """Values as text, with control characters written out: a device's name must not steer the terminal."""
    texts = pc.fill_null(_short(values), _NULL)
    odd = pc.match_substring_regex(texts, _CONTROL)
    if not pc.any(odd).as_py():
        return texts
    tamed = [tame(text) for text in texts.filter(odd).to_pylist()]
    return pc.replace_with_mask(texts, odd, pa.array(tamed, pa.string()))


def tame(text: str) -> str:
    """A text with its control characters written out."""
    return "".join(repr(c)[1:-1] if unicodedata.category(c) == "Cc" else c for c in text)


def _short(values: pa.Array) -> pa.StringArray:
    if pa.types.is_floating(values.type):
        return pa.array([None if v is None else _rounded(v) for v in values.to_pylist()], pa.string())
    if pa.types.is_timestamp(values.type):
        return pc.replace_substring_regex(spell(values), r"\.\d+", "")
    return spell(values)


def _rounded(value: float) -> str:
    return f"{value:.0f}" if 1e6 <= abs(value) < 1e10 else f"{value:.6g}"


def _fractions(texts: pa.StringArray) -> Counts:
    """How many characters stand from the decimal point or exponent on."""
    begin = np.asarray(pc.find_substring_regex(texts, r"[.e]"), np.int64)
    length = np.asarray(pc.utf8_length(texts), np.int64)
    return np.where(begin < 0, 0, length - begin)


def _widths(texts: pa.StringArray) -> Counts:
    """How many places of a terminal each text takes."""
    widths = np.array(pc.utf8_length(texts), np.int64)
    wide = np.flatnonzero(np.asarray(pc.binary_length(texts), np.int64) != widths)
    for row in wide.tolist():
        widths[row] = _width(texts[row].as_py())
    return widths


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
