"""JSON documents that follow each other in any way: concatenated, over many lines, in a top-level array."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from jobs.readings.batch import Batch, in_batches
from jobs.readings.blocks import Blocks
from jobs.readings.columns import ColumnReader
from jobs.readings.compression import Damage
from jobs.readings.json_line import JsonRecords, is_too_deep
from jobs.readings.model import TEXT_LIMIT, Readings, Reason
from jobs.readings.part import Sink
from jobs.readings.record import Record
from jobs.readings.refusal import RejectError

_DOCUMENTS = 8192  # held at once, of at most
_BYTES = 1 << 20  # bytes, but for the last one: Python objects are large
_LITERAL = 10  # an error this near to the end may be a literal or an escape that is only cut off
_BLANKS = " \t\r\n"
_BLANK = re.compile(f"[{_BLANKS}]*")


def read_documents(blocks: Blocks, records: JsonRecords, sink: Sink) -> Iterator[Readings]:
    """The readings of the documents from `blocks.begin` on; elements of a top-level array are documents.

    A document that is no JSON is a reject (`json`), one longer than the dialect's `max_record` too (`too_long`); either
    costs all up to the next `{` that follows a line feed, or a `}` with only blanks (in an array, also commas) between.
    An array that is not closed is a reject (`json`) at its `[`. The buffer must hold a byte more than
    `max_record`.
    Raises Damage where the source does, after the readings of every document that is complete before it.
    """
    gathered = _Gathered(records, sink)
    begin, damage = 0, None
    try:
        for found in _Documents(_Window(blocks), records).read():
            gathered.add(found)
            if len(gathered) >= _DOCUMENTS or found.offset - begin >= _BYTES:
                begin = found.offset
                yield from gathered.take()
    except Damage as met:
        damage = met
    yield from gathered.take()
    if damage is not None:
        raise damage


def columns_of(rows: list[list[str]]) -> dict[int, pa.Array]:
    """The columns of rows of texts, as binary arrays."""
    return {index: pa.array(column, pa.binary()) for index, column in enumerate(zip(*rows, strict=True))}


class _Found(NamedTuple):
    """A document: its value or why it has none, and its place."""

    value: Any
    offset: int
    line: int
    raw: bytes


class _Gathered:
    """Documents whose readings are still to be taken: plain ones by column, others one by one."""

    def __init__(self, records: JsonRecords, sink: Sink) -> None:
        self._records = records
        self._sink = sink
        self._columns = ColumnReader(records.roles, "utf-8", sink.keys)
        self._others = Batch(sink, records.roles.has_quality)
        self._plain: list[_Found] = []
        self._rows: list[list[str]] = []

    def __len__(self) -> int:
        return max(len(self._plain), len(self._others))

    def add(self, found: _Found) -> None:
        if isinstance(found.value, RejectError):
            self._others.add(Record(rejects=[found.value]), *found[1:])
            return
        fields = self._records.plain_fields(found.value)
        if fields is None:
            self._others.add(self._records.read(found.value), *found[1:])
            return
        self._plain.append(found)
        self._rows.append(fields)

    def take(self) -> Iterator[Readings]:
        """The readings of all that was added since the last call."""
        if self._plain:
            offsets = np.array([found.offset for found in self._plain], np.int64)
            batches, sure = self._columns.read(columns_of(self._rows), offsets, self._sink)
            for index in np.flatnonzero(~sure).tolist():
                found = self._plain[index]
                self._others.add(self._records.read(found.value), *found[1:])
            self._plain, self._rows = [], []
            for readings in batches:
                yield from in_batches(readings)
        yield from self._others.take()


class _Documents:
    def __init__(self, window: _Window, records: JsonRecords) -> None:
        self._window: Final = window
        self._records: Final = records
        self._max: Final = records.roles.dialect.max_record

    def read(self) -> Iterator[_Found]:
        window = self._window
        gap = _BLANKS + "," if window.next_mark() == "[" else _BLANKS
        state = "between"  # then, in an array: "first", "after" a document, "next"
        array = None  # that we are in, as a reject if it is not closed
        while mark := window.next_mark():
            if state == "between" and mark == "[":
                state, array = "first", _Found(RejectError(Reason.JSON), window.offset, window.line, b"[")
            elif state in {"first", "after"} and mark == "]":
                state, array = "between", None
            elif state == "after" and mark == ",":
                state = "next"
            else:
                try:
                    if state == "after":
                        raise RejectError(Reason.JSON)
                    yield self._document()
                    state = "between" if state == "between" else "after"
                except RejectError as reject:
                    yield self._skip(reject, gap)
                    if window.at == len(window.text):
                        return
                    state = "between" if array is None else "next"
                continue
            window.at += 1
        if array is not None:
            yield array

    def _document(self) -> _Found:
        """The document that begins here, which is then behind us. Raises RejectError."""
        window = self._window
        value, end = self._decode()
        raw = window.data[window.at : end]
        if is_too_deep(raw):
            raise RejectError(Reason.JSON)
        if not raw.isascii():
            value = self._records.decode(raw)
        found = _Found(value, window.offset, window.line, raw[:TEXT_LIMIT])
        window.at = end
        return found

    def _decode(self) -> tuple[Any, int]:
        """The document that begins here, decoded as if its bytes were characters, and where it ends."""
        window = self._window
        while True:
            value, failed = None, True
            try:
                value, end = self._records.raw_decode(window.text, window.at)
                failed = False
                cut = end == len(window.text) and window.text[end - 1] not in ']}"'
            except RecursionError:
                raise RejectError(Reason.JSON) from None
            except ValueError as error:
                end = getattr(error, "pos", window.at)
                cut = str(error).startswith("Unterminated string") or end > len(window.text) - _LITERAL
            if cut:
                end = len(window.text)
            if end - window.at > self._max:
                raise RejectError(Reason.TOO_LONG)
            if not cut or not window.more():
                break
        if failed:
            raise RejectError(Reason.JSON)
        return value, end

    def _skip(self, reject: RejectError, gap: str) -> _Found:
        """Leave a document that cannot be read behind; what is told of it."""
        window = self._window
        offset, line, raw = window.offset, window.line, window.data[window.at : window.at + TEXT_LIMIT]
        window.resume(gap)
        raw = raw[: window.offset - offset].rstrip(gap.encode())
        return _Found(reject, offset, line, raw)


class _Window:
    """What is held of an object: `data`, and the same as `text`, a character a byte; `at` is where we stand in it."""

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._line = 1
        self._counted = 0  # line feeds of the window are counted up to here
        self.at = 0
        self._take()

    @property
    def offset(self) -> int:
        return self._blocks.base + self._blocks.begin + self.at

    @property
    def line(self) -> int:
        """The number of the line we stand in."""
        self._line += self.text.count("\n", self._counted, self.at)
        self._counted = self.at
        return self._line

    def more(self) -> bool:
        """Drop what is behind us and take what comes; False at the object's end. Raises Damage."""
        blocks = self._blocks
        if blocks.damage is not None:
            raise blocks.damage
        if blocks.ended:
            return False
        self._line, self._counted = self.line, 0
        blocks.begin += self.at
        self.at = 0
        blocks.fill()
        self._take()
        return True

    def _take(self) -> None:
        self.data = bytes(self._blocks.buffer[self._blocks.begin : self._blocks.end])
        self.text = self.data.decode("latin-1")

    def next_mark(self) -> str:
        """Pass blanks; the character that stands there, empty at the object's end."""
        while True:
            blanks = _BLANK.match(self.text, self.at)
            assert blanks is not None
            self.at = blanks.end()
            if self.at < len(self.text) or not self.more():
                return self.text[self.at : self.at + 1]

    def resume(self, gap: str) -> None:
        """Go to the next `{` behind here that follows a line feed, or a `}` with only characters of `gap` between, or
        to the end."""
        border = re.compile(rf"(?:\}}[{gap}]*|\n)\{{")
        closed = new_line = False  # only gap since a brace was closed; just behind a line feed
        while True:
            gap_end = len(self.text) - len(self.text[self.at :].lstrip(gap)) if closed else self.at
            if (closed or new_line) and self.text[gap_end : gap_end + 1] == "{":
                self.at = gap_end
                return
            found = border.search(self.text, self.at)
            if found is not None:
                self.at = found.end() - 1
                return
            rest = self.text[self.at :].rstrip(gap)
            closed = rest.endswith("}") or (closed and not rest)
            new_line = self.text.endswith("\n", self.at)
            self.at = len(self.text)
            if not self.more():
                return
