"""What a dialect must hold beyond types: no contradictions, nothing unknown, nothing that cannot work."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from jobs.errors import UsageError
from jobs.readings import zones
from jobs.readings.dialect import Dialect
from jobs.readings.record import referenced
from jobs.readings.timestamps import TimeReader

_SMALLEST_RECORD, _LARGEST_RECORD = 1 << 12, 1 << 26
_ASCII = bytes(range(32, 127)) + b"\x1b$B!!"  # with what shifts a stateful encoding such as iso2022_jp


def check(dialect: Dialect, table: Mapping[str, Any], where: str) -> None:
    """Raises UsageError naming file (`where`), key and reason for the first thing in `dialect` that cannot be.

    `table` is what the file held: it tells what was written from what is a default.
    """
    for key, reason in _faults(dialect, table):
        raise UsageError(reason, where=f"{where}: {key}")


Fault = tuple[str, str]


def _faults(dialect: Dialect, table: Mapping[str, Any]) -> Iterator[Fault]:
    """(key, reason) of each fault."""
    if not dialect.name:
        yield "name", "is empty"
    if not dialect.formats:
        yield "formats", "name at least one format"
    if not _SMALLEST_RECORD <= dialect.max_record <= _LARGEST_RECORD:
        yield "max_record", f"must lie between {_SMALLEST_RECORD} and {_LARGEST_RECORD} bytes"
    yield from _metric_faults(dialect, table)
    yield from _device_faults(dialect)
    yield from _time_faults(dialect)
    yield from _quality_faults(dialect)
    yield from _number_faults(dialect)
    if "delimited" in dialect.formats:
        yield from _delimited_faults(dialect)
    if "fixed" in dialect.formats:
        yield from _fixed_faults(dialect)


def _metric_faults(dialect: Dialect, table: Mapping[str, Any]) -> Iterator[Fault]:
    long = dialect.long
    if long is None:
        if not dialect.wide:
            yield "wide", "name at least one column"
        if dialect.missing_by_metric:
            yield "missing_by_metric", "is for long records; a wide column has its own `missing`"
        for i, wide in enumerate(dialect.wide):
            if not wide.column or not wide.metric:
                yield f"wide[{i}]", "column and metric must not be empty"
            if not 1 <= wide.scale <= 1 << 53:
                yield f"wide[{i}].scale", "must be a whole number from 1 to 2^53"
        for column in _twice(wide.column for wide in dialect.wide):
            yield "wide", f'column "{column}" is listed twice'
        return
    if not long.value:
        yield "long.value", "is empty"
    if long.constant_metric and "metric" in table.get("long", {}):
        yield "long.constant_metric", "the metric is constant or from a column, not both"
    if not (long.metric or long.constant_metric):
        yield "long.metric", "is empty"


def _device_faults(dialect: Dialect) -> Iterator[Fault]:
    device = dialect.device
    if sum(map(bool, (device.columns, device.constant, device.path))) != 1:
        yield "device", "give exactly one of columns, constant, path"
    if device.path:
        try:
            pattern = re.compile(device.path)
        except re.error as error:
            yield "device.path", f"is no regular expression: {error}"
        else:
            if not pattern.groups:
                yield "device.path", "needs a group: the device"


def _time_faults(dialect: Dialect) -> Iterator[Fault]:
    time = dialect.timestamp
    if not time.columns:
        if time.formats:
            yield "timestamp.columns", 'is empty; for readings without a time write timestamp = "none"'
        return
    try:
        zones.load(time.time_zone)
    except UsageError as error:
        yield "timestamp.time_zone", f"{error.what}; {error.fix}"
        return
    try:
        reader = TimeReader(time, zones.LAST)
    except ValueError as error:
        yield "timestamp", str(error)
        return
    outside = reader.min < zones.FIRST or reader.max > zones.LAST + zones.DAY
    if time.time_zone != "UTC" and outside:
        yield "timestamp", "min and max must lie between 1900 and 2200 in a time zone other than UTC"


def _quality_faults(dialect: Dialect) -> Iterator[Fault]:
    if dialect.quality.accept and not dialect.quality.column and not any(wide.quality for wide in dialect.wide):
        yield "quality.accept", "needs quality.column"
    for i, wide in enumerate(dialect.wide):
        if wide.accept and not (wide.quality or dialect.quality.column):
            yield f"wide[{i}].accept", "needs a quality column"
    may_lack = {dialect.quality.column, *(w.quality for w in dialect.wide), *(w.column for w in dialect.wide)}
    if dialect.long is not None:
        may_lack.add(dialect.long.unit)
    for name in dialect.optional:
        if not name or name not in may_lack:
            yield "optional", f'"{name}" is no unit, quality or wide column'


def _number_faults(dialect: Dialect) -> Iterator[Fault]:
    numbers = dialect.numbers
    for key, mark in (("decimal", numbers.decimal), ("thousands", numbers.thousands)):
        if mark and (len(mark) != 1 or not _is_ascii(mark) or mark.isalnum() or mark in "+-"):
            yield f"numbers.{key}", "must be one ASCII character, no digit, letter or sign"
    if not numbers.decimal:
        yield "numbers.decimal", "is empty"
    if numbers.decimal == numbers.thousands:
        yield "numbers.thousands", "is the decimal mark"


def _delimited_faults(dialect: Dialect) -> Iterator[Fault]:
    text = dialect.delimited
    if len(text.delimiter) != 1 or not (_is_ascii(text.delimiter) or text.delimiter == "\t"):
        yield "delimited.delimiter", "must be one ASCII character"
    if text.quote and (len(text.quote) != 1 or not _is_ascii(text.quote) or text.quote == text.delimiter):
        yield "delimited.quote", "must be one ASCII character other than the delimiter, or empty"
    if text.newline_in_quotes and not text.quote:
        yield "delimited.newline_in_quotes", "needs a quote character"
    for key in ("skip_rows", "field_count", "trailing_blanks"):
        if getattr(text, key) < 0:
            yield f"delimited.{key}", "must not be negative"
    if not text.header and not text.columns:
        yield "delimited.columns", "are needed where there is no header"
    if text.field_count and text.field_count < len(text.columns):
        yield "delimited.field_count", f"is less than the {len(text.columns)} columns"
    yield from _line_faults(dialect, "delimited", text.encoding, text.comment, text.columns)


def _fixed_faults(dialect: Dialect) -> Iterator[Fault]:
    fixed = dialect.fixed
    if not fixed.columns:
        yield "fixed.columns", "name at least one column"
    for i, column in enumerate(fixed.columns):
        if not column.name or column.start < 0 or column.width < 1:
            yield f"fixed.columns[{i}]", "needs a name, a start of at least 0 and a width of at least 1"
    if fixed.skip_rows < 0:
        yield "fixed.skip_rows", "must not be negative"
    yield from _line_faults(dialect, "fixed", fixed.encoding, fixed.comment, [c.name for c in fixed.columns])


def _line_faults(dialect: Dialect, key: str, encoding: str, comment: str, columns: Sequence[str]) -> Iterator[Fault]:
    if not _extends_ascii(encoding):
        yield f"{key}.encoding", f'"{encoding}" is neither utf-8 nor a known single-byte encoding such as latin-1'
    elif not _can_write(comment, encoding):
        yield f"{key}.comment", f"cannot be written in {encoding}"
    if "\n" in comment or "\r" in comment:
        yield f"{key}.comment", "must not hold a line end"
    for column in _twice(columns):
        yield f"{key}.columns", f'"{column}" is listed twice'
    if columns:
        for name in referenced(dialect):
            if name not in columns and name not in dialect.optional:
                yield f"{key}.columns", f'lacks "{name}", which the dialect uses'


def _extends_ascii(encoding: str) -> bool:
    """Whether text is UTF-8 or has one byte a character, and ASCII bytes always stand for themselves."""
    try:
        name = codecs.lookup(encoding).name
        if name == "utf-8":
            return True
        if _ASCII.decode(name) != _ASCII.decode("ascii"):
            return False
    except (LookupError, UnicodeError):
        return False
    return all(_single(byte, name) for byte in range(128, 256))


def _can_write(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _single(byte: int, encoding: str) -> bool:
    """Whether a byte takes nothing with it: what follows is a character of its own."""
    text = bytes([byte, ord("A")]).decode(encoding, "replace")
    return len(text) == 2 and text[1] == "A"


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _is_ascii(character: str) -> bool:
    return "!" <= character <= "~" or character == " "
