"""A dialect applied to an object's columns, as structures that the kernel reads (jobs/kernel/parsing.h, parse.c)."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterable, Sequence
from ctypes import POINTER, Structure, c_double, c_int32, c_int64, c_uint8, c_uint64, c_void_p
from typing import Any, Final

import numpy as np

from jobs.readings.dialect import Delimited, Fixed
from jobs.readings.kernel_keys import KernelKeys
from jobs.readings.record import Roles, ValueRole
from jobs.readings.timestamps import TimeReader

JsonPaths = tuple[tuple[str, ...], ...]
"""Where the columns of JSON records stand, by column."""

MOST_COLUMNS = 4096
"""The most columns of values or of a line that the kernel takes."""

_DELIMITED, _FIXED, _JSON = range(3)
_NO_TIME, _ISO, _PATTERN, _EPOCH = range(4)
_PADDING = bytes(16)


class Span(Structure):
    _fields_ = (("at", c_void_p), ("size", c_int64))


class JsonSegment(Structure):
    _fields_ = (
        ("literal", c_void_p),
        ("size", c_int32),
        ("field", c_int32),
        ("words", c_uint64 * 2),
        ("masks", c_uint64 * 2),
    )


class JsonTemplate(Structure):
    _fields_ = (("segments", POINTER(JsonSegment)), ("count", c_int64), ("tail", Span))


class LayoutSpec(Structure):
    _fields_ = (
        ("layout", c_int32),
        ("fields", c_int32),
        ("columns", POINTER(c_int32)),
        ("widths", POINTER(c_int32)),
        ("line_size", c_int32),
        ("separators", c_int32),
        ("trailing_blanks", c_int32),
        ("delimiter", c_uint8),
        ("quote", c_uint8),
        ("newline_in_quotes", c_uint8),
        ("strip_blanks", c_uint8),
        ("skip_blank_rows", c_uint8),
        ("has_comment", c_uint8),
        ("comment", c_uint8),
        ("templates", POINTER(JsonTemplate)),
        ("template_count", c_int32),
    )


class TimeSpec(Structure):
    _fields_ = (
        ("kind", c_int32),
        ("exponent", c_int32),
        ("columns", c_int32),
        ("spans", c_int32),
        ("begins", c_void_p),
        ("ends", c_void_p),
        ("offsets", c_void_p),
        ("min", c_int64),
        ("max", c_int64),
        ("program", c_void_p),
    )


class ValueSpec(Structure):
    _fields_ = (
        ("field", c_int32),
        ("quality", c_int32),
        ("series", c_int32),
        ("first_missing", c_int32),
        ("missing_count", c_int32),
        ("first_accept", c_int32),
        ("accept_count", c_int32),
        ("unused", c_int32),
        ("missing_sizes", c_uint64),
        ("scale", c_double),
    )


class MetricText(Structure):
    _fields_ = (("metric", Span), ("text", Span))


class ParseSpec(Structure):
    _fields_ = (
        ("layout", LayoutSpec),
        ("time", TimeSpec),
        ("time_fields", POINTER(c_int32)),
        ("device_fields", POINTER(c_int32)),
        ("device_count", c_int32),
        ("device", c_int32),
        ("join", Span),
        ("metric", c_int32),
        ("unit", c_int32),
        ("constant_metric", Span),
        ("units", POINTER(MetricText)),
        ("unit_count", c_int64),
        ("missing", POINTER(MetricText)),
        ("missing_count", c_int64),
        ("values", POINTER(ValueSpec)),
        ("value_count", c_int64),
        ("texts", POINTER(Span)),
        ("utf8", c_void_p),
        ("decimal", c_uint8),
        ("non_finite_missing", c_uint8),
    )


class Compiled:
    """`spec`, and everything that it points to. Its `device` and its JSON templates are set by who uses it."""

    def __init__(self, roles: Roles, layout: Delimited | Fixed | JsonPaths, keys: KernelKeys) -> None:
        """Raises ValueError for what the kernel cannot read."""
        self.spec: Final = ParseSpec()
        self.needed: Final = roles.needed
        self._kept: list[Any] = [roles]
        self._field: Final = {column: i for i, column in enumerate(self.needed)}
        self._encoding: Final = "utf-8" if isinstance(layout, tuple) else layout.encoding
        _refuse(len(roles.values) > MOST_COLUMNS, "too many columns of values")
        self._set_layout(roles, layout)
        self._set_encoding()
        if roles.time is not None:
            self._set_time(roles.time, roles.time_columns)
        self._set_keys(roles)
        self._set_values(roles, keys)
        self.spec.decimal = ord(roles.dialect.numbers.decimal)
        self.spec.non_finite_missing = roles.dialect.numbers.non_finite == "missing"

    def _set_layout(self, roles: Roles, layout: Delimited | Fixed | JsonPaths) -> None:
        out = self.spec.layout
        out.fields = len(self.needed)
        if isinstance(layout, Delimited):
            out.layout = _DELIMITED
            out.columns = self._integers(self.needed)
            out.separators = roles.field_count + layout.trailing_blanks - 1
            out.trailing_blanks = layout.trailing_blanks
            out.delimiter = ord(layout.delimiter)
            out.quote = ord(layout.quote or "\0")
            out.newline_in_quotes = layout.newline_in_quotes
            out.strip_blanks = layout.strip_blanks
            out.skip_blank_rows = layout.blank_rows == "skip"
            _refuse(out.separators >= MOST_COLUMNS, "too many columns")
            _refuse(max(self.needed, default=0) > out.separators - layout.trailing_blanks, "columns beyond the last")
        elif isinstance(layout, Fixed):
            out.layout = _FIXED
            out.columns = self._integers([layout.columns[column].start for column in self.needed])
            out.widths = self._integers([layout.columns[column].width for column in self.needed])
            out.line_size = max(column.start + column.width for column in layout.columns)
            out.strip_blanks = layout.strip_blanks
        else:
            out.layout = _JSON
            _refuse(roles.dialect.numbers.decimal != ".", "decimal marks that differ between numbers and strings")
            _refuse(len(self.needed) != len(layout), "columns that are looked at but not used")
        if not isinstance(layout, tuple) and layout.comment:
            out.has_comment, out.comment = True, layout.comment.encode(self._encoding)[0]

    def _set_encoding(self) -> None:
        if self._encoding.lower().replace("_", "-") not in ("utf-8", "utf8"):
            table = np.zeros((256, 4), np.uint8)
            texts = [bytes([byte]).decode(self._encoding, "ignore").encode() for byte in range(256)]
            known = [text for text in texts if text]
            _refuse(len(set(known)) < len(known), "encodings that spell a character in two ways")
            for byte, text in enumerate(texts):
                _refuse(len(text) > 3 or (byte < 128 and text != bytes([byte])), "such an encoding")
                table[byte, 0] = len(text)
                table[byte, 1 : 1 + len(text)] = list(text)
            self.spec.utf8 = self._pointer(table)

    def _set_time(self, time: TimeReader, columns: Sequence[int]) -> None:
        out = self.spec.time
        begins, ends, offsets = time.zone.local_spans
        out.columns, out.spans = len(columns), len(begins)
        out.begins, out.ends, out.offsets = self._pointer(begins), self._pointer(ends), self._pointer(offsets)
        out.min, out.max = time.min, time.max
        formats = time.rules.formats
        if formats == ("iso8601",):
            out.kind = _ISO
        elif time.exponent is not None:
            out.kind, out.exponent = _EPOCH, time.exponent
        else:
            out.kind = _PATTERN
            program = b"".join(time_program(pattern, self._encoding) + b"\0" for pattern in formats)
            out.program = self._pointer(np.frombuffer(program, np.uint8))
        self.spec.time_fields = self._integers([self._field[column] for column in columns])

    def _set_keys(self, roles: Roles) -> None:
        spec, device = self.spec, roles.dialect.device
        spec.device_count = len(roles.device_columns)
        spec.device_fields = self._integers([self._field[column] for column in roles.device_columns])
        spec.join = self.span(self._encoded(device.join))
        spec.metric = -1 if roles.metric is None else self._field[roles.metric]
        spec.unit = -1 if roles.unit is None else self._field[roles.unit]
        spec.constant_metric = self.span(self._encoded(roles.constant_metric))
        units = [(metric.encode(), unit.encode()) for metric, unit in roles.units.items() if unit]
        spec.units, spec.unit_count = self._metric_texts(units), len(units)
        missing = [
            (self._encoded(metric), marker)
            for metric, markers in roles.missing_by_metric.items()
            for marker in self._all_encoded(markers)
        ]
        spec.missing, spec.missing_count = self._metric_texts(missing), len(missing)

    def _set_values(self, roles: Roles, keys: KernelKeys) -> None:
        texts: list[bytes] = []
        values = (ValueSpec * len(roles.values))()
        for value, role in zip(values, roles.values, strict=True):
            self._set_value(value, role, texts)
            value.series = keys.series(role.metric, role.unit) if roles.wide else -1
        spans = (Span * len(texts))(*map(self.span, texts))
        self._kept += [values, spans]
        self.spec.values, self.spec.value_count, self.spec.texts = values, len(values), spans

    def _set_value(self, value: ValueSpec, role: ValueRole, texts: list[bytes]) -> None:
        missing, accept = self._all_encoded(role.missing), self._all_encoded(role.accept)
        value.field = self._field[role.column]
        value.quality = -1 if role.quality is None else self._field[role.quality]
        value.first_missing, value.missing_count = len(texts), len(missing)
        value.first_accept, value.accept_count = len(texts) + len(missing), len(accept)
        value.missing_sizes = sum({1 << min(len(text), 63) for text in missing})
        value.scale = float(role.scale)
        _refuse(bool(role.accept) and not accept, "marks that the encoding lacks")
        texts += missing + accept

    def span(self, text: bytes) -> Span:
        """A text that the kernel may read 16 bytes at a time."""
        held = ctypes.create_string_buffer(text + _PADDING)
        self._kept.append(held)
        return Span(ctypes.addressof(held), len(text))

    def segment(self, literal: bytes, field: int) -> JsonSegment:
        """What stands before a value of a JSON line."""
        span = self.span(literal)
        words = np.frombuffer(literal[:16].ljust(16, b"\0"), "<u8").tolist()
        masks = np.frombuffer((b"\xff" * len(literal))[:16].ljust(16, b"\0"), "<u8").tolist()
        return JsonSegment(span.at, span.size, field, (c_uint64 * 2)(*words), (c_uint64 * 2)(*masks))

    def keep(self, thing: object) -> None:
        """Holds what the kernel points to."""
        self._kept.append(thing)

    def _integers(self, numbers: Iterable[int]) -> Any:
        held = list(numbers)
        array = (c_int32 * len(held))(*held)
        self._kept.append(array)
        return array

    def _pointer(self, array: np.ndarray[Any, Any]) -> int:
        array = np.ascontiguousarray(array)
        self._kept.append(array)
        return array.ctypes.data

    def _metric_texts(self, pairs: list[tuple[bytes, bytes]]) -> Any:
        array = (MetricText * len(pairs))(*(MetricText(self.span(metric), self.span(text)) for metric, text in pairs))
        self._kept.append(array)
        return array

    def _encoded(self, text: str) -> bytes:
        try:
            return text.encode(self._encoding)
        except UnicodeEncodeError:
            raise ValueError(f'"{text}" cannot be encoded') from None

    def _all_encoded(self, texts: Iterable[str]) -> list[bytes]:
        """Those that a field can hold."""
        encoded = []
        for text in sorted(texts):
            try:
                encoded.append(text.encode(self._encoding))
            except UnicodeEncodeError:
                continue
        return encoded


def time_program(pattern: str, encoding: str) -> bytes:
    """A pattern of a dialect's timestamp as the kernel's steps (time.c). Raises ValueError for text without bytes."""
    pieces = re.findall(r"%.?|[^%]+", pattern, re.DOTALL)
    program = b""
    for piece, following in zip(pieces, [*pieces[1:], ""], strict=True):
        if piece[0] != "%" or piece == "%%":
            text = piece.replace("%%", "%").encode(encoding)
            for begin in range(0, len(text), 255):
                part = text[begin : begin + 255]
                program += b"L" + bytes([len(part)]) + part
        elif piece[1] in "Yfz":
            program += piece[1].encode()
        else:
            exact = following[:1] == "%" and following != "%%"
            program += piece[1].encode() + bytes([2 if exact else 1])
    return program


def _refuse(condition: bool, what: str) -> None:
    if condition:
        raise ValueError(f"the kernel does not read {what}")
