"""What a JSON document means: `parse_json_line` is the definition; every faster way must agree with it.

A document is one record. It is an object, an array of objects, or with `Json.records` has an array of objects at that
path. Columns are dotted paths into such an object; with `Json.records`, a column whose first key the object lacks is
looked for in the document around it. Documents are RFC 8259 JSON in UTF-8, nested at most DEPTH_LIMIT deep; NaN,
Infinity and -Infinity are read too, as many writers write them. Of keys that occur twice the last one counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final, Literal, cast

import numpy as np

from jobs.errors import UsageError
from jobs.readings.dialect import Dialect
from jobs.readings.model import Reason
from jobs.readings.record import Record, bind, referenced
from jobs.readings.refusal import RejectError

DEPTH_LIMIT = 200
"""How deep arrays and objects may be nested: less than what any Python's parser takes."""

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_STEP = re.compile(r'(?:^|(?<=.)\.)([^.\[\]"]+)|\[("(?:[^"\\]|\\.)*")\]')


class _Number(str):
    """The text of a JSON number: its decimal mark is a point, whatever the dialect's is."""

    __slots__ = ()


_NOTHING: Final = object()


class JsonRecords:
    """A dialect applied to the JSON documents of one object. Raises what `record.bind` raises."""

    def __init__(self, dialect: Dialect, uri: str, run_start: int) -> None:
        self.roles: Final = bind(dialect, referenced(dialect), uri, run_start)
        self.paths: Final = tuple(map(json_path, self.roles.names))
        self.records: Final = json_path(dialect.json.records) if dialect.json.records else ()
        self._steps = [(path[0], path[1:]) for path in self.paths]
        self._decimal = dialect.numbers.decimal
        self._values = frozenset(value.column for value in self.roles.values)
        self._fillers = ["" if self._may_be_empty(column) else None for column in range(len(self.paths))]
        self._named = {*self.roles.time_columns, *self.roles.device_columns, self.roles.metric}
        number = str if self._decimal == "." else _Number
        decoder = json.JSONDecoder(parse_float=number, parse_int=number, parse_constant=str)
        self._decode = decoder.decode
        self.raw_decode: Final = decoder.raw_decode

    def read(self, document: Any) -> Record:
        """What a decoded document holds, all of its elements taken together."""
        read = [self._element(inner, outer) for inner, outer in self._elements(document)]
        return read[0] if len(read) == 1 else _together(read)

    def _elements(self, document: Any) -> Iterator[tuple[Any, Any]]:
        """The elements that are readings, each with the document around it or None."""
        for outer in document if isinstance(document, list) else [document]:
            found = _find(outer, self.records)
            if not self.records:
                yield outer, None
            elif isinstance(found, list):
                yield from ((inner, outer) for inner in found)
            else:
                yield _NOTHING, outer

    def decode(self, document: bytes) -> Any:
        """A document decoded; numbers are their texts. Raises RejectError (JSON)."""
        if is_too_deep(document):
            raise RejectError(Reason.JSON)
        try:  # bytes that are no UTF-8 harm only the field that they are in
            return self._decode(document.decode("utf-8", "surrogateescape"))
        except (ValueError, RecursionError):
            raise RejectError(Reason.JSON) from None

    def plain_fields(self, document: Any) -> list[str] | None:
        """The texts of a decoded document by column, if it is one element; a text that is not there is empty.

        None where `read` must tell: for other documents, and where an empty text would mean something else.
        """
        if self.records or isinstance(document, list):
            return None
        try:
            fields = self._fields(document, None)
        except RejectError:
            return None
        filled = [filler if text is None else text for text, filler in zip(fields, self._fillers, strict=True)]
        return None if None in filled else cast("list[str]", filled)

    def _may_be_empty(self, column: int) -> bool:
        """Whether an empty text in a column means the same as none."""
        return all("" in value.missing for value in self.roles.values if value.column == column)

    def _element(self, element: Any, outer: Any) -> Record:
        try:
            if element is _NOTHING:
                raise RejectError(Reason.JSON, self.roles.dialect.json.records)
            return self.roles.read(self._fields(element, outer))
        except RejectError as reject:
            return Record(rejects=[reject])

    def _fields(self, element: Any, outer: Any) -> list[str | None]:
        inner: dict[str, Any] = element if isinstance(element, dict) else {}
        around: dict[str, Any] = outer if isinstance(outer, dict) else {}
        fields: list[str | None] = []
        for column, (first, rest) in enumerate(self._steps):
            value = inner[first] if first in inner else around.get(first)
            if rest:
                value = _find(value, rest)
            if type(value) is not str or not value.isascii():
                value = self._text(column, value)
            fields.append(value)
        return fields

    def _text(self, column: int, value: Any) -> str | None:
        """A value as the text of a field. Arrays and objects are none: they get what the column's role refuses."""
        if isinstance(value, str):
            if not value.isascii() and _is_broken(value):
                raise RejectError(Reason.ENCODING, self.roles.names[column])
            if isinstance(value, _Number) and column in self._values:
                return value.replace(".", self._decimal)
            return value
        if value is None:
            return None
        if isinstance(value, bool):
            return "true" if value else "false"
        if column in self._values:
            return "{}" if isinstance(value, dict) else "[]"
        if column in self._named:
            return ""
        raise RejectError(Reason.JSON, self.roles.names[column])


def parse_json_line(line: bytes, records: JsonRecords) -> Record:
    """What a line that is one JSON document means, given without its line end. This is the definition."""
    try:
        return records.read(records.decode(line))
    except RejectError as reject:
        return Record(rejects=[reject])


def json_path(name: str) -> tuple[str, ...]:
    """The keys of a dotted path: `payload.temp`, or `["a.b"].c` with keys in brackets, spelled as JSON strings.

    Raises UsageError for anything else.
    """
    keys: list[str] = []
    at = 0
    try:
        while at < len(name) or not keys:
            step = _STEP.match(name, at)
            if step is None:
                raise ValueError
            keys.append(step[1] or json.loads(step[2]))
            at = step.end()
    except ValueError:
        raise UsageError(f"{name} is no path into JSON", fix='write keys as a.b or ["a.b"].c') from None
    return tuple(keys)


def json_layout(head: bytes) -> Literal["lines", "documents"]:
    """How the documents of an object stand, told by its first bytes: one a line, or any other way.

    `lines`: it begins with `{`, and of its first 20 whole lines at least half are each one whole object. Anything else
    (concatenated, spread over lines, in a top-level array, or a first line longer than `head`) is `documents`, which
    cannot be split, as only its beginning tells where a document begins.
    """
    body = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    if body[:1] != b"{":
        return "documents"
    *lines, last = body.split(b"\n")
    if _is_object(last):  # else it may be whole or not
        lines.append(last)
    lines = [line for line in lines if line.strip(b" \t\r")][:20]
    return "lines" if lines and 2 * sum(map(_is_object, lines)) >= len(lines) else "documents"


def column_names(head: bytes) -> tuple[str, ...] | None:
    """The paths into the first record of an object that begins with `head`; None where that cannot be told.

    Of an array, paths lead into its first element.
    """
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n[").decode("utf-8", "replace")
    try:
        value, _ = json.JSONDecoder(parse_int=str).raw_decode(begin)
    except (ValueError, RecursionError):
        return None
    return tuple(_paths(value)) if isinstance(value, dict) else None


def _paths(value: dict[str, Any], around: str = "") -> Iterator[str]:
    for key, inner in value.items():
        plain = re.fullmatch(r'[^.\[\]"]+', key)
        step = ("." if around and plain else "") + (key if plain else f"[{json.dumps(key, ensure_ascii=False)}]")
        if isinstance(inner, dict) and inner and around.count(".") < DEPTH_LIMIT:
            yield from _paths(inner, around + step)
        else:
            yield around + step


def is_too_deep(document: bytes) -> bool:
    """Whether arrays and objects are nested more than DEPTH_LIMIT deep."""
    if document.count(b"{") + document.count(b"[") <= DEPTH_LIMIT:
        return False
    marks = np.frombuffer(_STRING.sub(b"", document), np.uint8) | 0x20  # [ and {, ] and } differ in that bit
    return bool(np.cumsum((marks == ord("{")).astype(np.int64) - (marks == ord("}"))).max(initial=0) > DEPTH_LIMIT)


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line.decode("utf-8", "replace"), parse_int=str), dict) and not is_too_deep(line)
    except (ValueError, RecursionError):
        return False


def _find(value: Any, path: tuple[str, ...]) -> Any:
    """What stands at a path; None where nothing does."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _together(parts: list[Record]) -> Record:
    return Record(
        [row for part in parts for row in part.rows],
        [value for part in parts for value in part.absent],
        sum(part.excluded for part in parts),
        [reject for part in parts for reject in part.rejects],
    )


def _is_broken(text: str) -> bool:
    """Whether a text holds half a surrogate pair, by an escape or for a byte that is no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
