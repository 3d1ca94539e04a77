"""Typed columns to readings: what `columns.ColumnReader` does for texts, for the columns of Parquet.

Numbers, timestamps and dates are taken as they are; strings, and whatever else there is, by the rules for texts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from jobs.readings.columns import ColumnReader
from jobs.readings.dialect import Numbers
from jobs.readings.model import Float64Array, Int64Array, Keys, Reason
from jobs.readings.number_block import BoolArray, NumberReader
from jobs.readings.numbers import parse_number
from jobs.readings.record import Record, Roles
from jobs.readings.refusal import RejectError
from jobs.readings.typed_times import TypedTimes, definition, validity


class TypedColumns(ColumnReader):
    """The roles of a Parquet object, compiled. `read` and `record` take columns as `prepare` makes them.

    times: how the one timestamp column is typed; None where texts are read. run_start: µs UTC.
    """

    def __init__(self, roles: Roles, keys: Keys, times: TypedTimes | None, run_start: int) -> None:
        super().__init__(roles, "utf-8", keys)
        numbers = roles.dialect.numbers
        self._numbers = _TypedNumbers(numbers)
        self._times = times
        self._definition = replace(roles, time=definition(times, run_start)) if times is not None else roles
        single = (roles.metric, roles.unit, *(value.quality for value in roles.values))
        self.key_columns: Final = {*roles.device_columns, *(index for index in single if index is not None)}
        self._value_columns = {value.column for value in roles.values}
        accepts = any(value.accept for value in roles.values)  # what is excluded is not missing
        self._drops_non_finite = numbers.non_finite == "missing" and not accepts
        markers = {*roles.dialect.missing, *(marker for value in roles.values for marker in value.missing)}
        markers.update(marker for found in roles.missing_by_metric.values() for marker in found)
        self._nan = next((marker for marker in sorted(markers) if marker.lower() == "nan"), "nan")
        self._marked = {number: marker for marker in markers if (number := _number(marker, numbers)) is not None}

    def prepare(self, columns: Mapping[int, pa.Array]) -> dict[int, pa.Array]:
        """Arrays of any type as `read` takes them: doubles, times, or binary texts, keys of them as dictionaries.

        A null stays null where it is a number or a value; elsewhere it is the empty text, which means the same.
        """
        return {index: self._prepare(index, column) for index, column in columns.items()}

    def record(self, columns: Mapping[int, pa.Array], row: int) -> tuple[Record, bytes]:
        """What one row means by the definition, and the row as JSON, to be shown in rejects."""
        fields: list[str | None] = [None] * len(self._roles.names)
        broken: RejectError | None = None
        for index, column in columns.items():
            try:
                fields[index] = self._text(index, column[row])
            except UnicodeDecodeError as error:
                fields[index] = error.object.decode("utf-8", "backslashreplace")
                broken = broken or RejectError(Reason.ENCODING, self._roles.names[index])
        record = self._definition.read(fields) if broken is None else Record(rejects=[broken])
        shown = {self._roles.names[index]: fields[index] for index in columns}
        return record, json.dumps(shown, ensure_ascii=False).encode()

    def _prepare(self, index: int, column: pa.Array) -> pa.Array:
        if types.is_dictionary(column.type) and not is_text(column.type.value_type):
            column = column.dictionary_decode()
        if index in self.key_columns:
            return _keys_of(column)
        if index in self._value_columns:
            return _doubles_of(column) if _is_number(column.type) else _texts_of(column)
        return column if self._times is not None else _texts_of(column).fill_null(b"")

    def _text(self, index: int, scalar: pa.Scalar) -> str | None:
        if self._times is not None and index in self._roles.time_columns:
            return self._times.text(scalar)
        value = scalar.as_py()
        if not isinstance(value, float):
            return None if value is None else value.decode()
        if np.isnan(value):
            return self._nan
        return self._marked.get(value) or repr(value).replace(".", self._roles.dialect.numbers.decimal)

    def _timestamps(self, columns: Mapping[int, pa.Array], size: int) -> tuple[Int64Array, BoolArray]:
        if self._times is None:
            return super()._timestamps(columns, size)
        return self._times.read(columns[self._roles.time_columns[0]])

    def _missing(self, column: pa.Array, markers: frozenset[str]) -> BoolArray:
        """Where a value is null or one of the markers; numbers are compared as numbers."""
        null = ~validity(column)
        if not types.is_floating(column.type):
            marks: BoolArray = null | super()._missing(column, markers)
            return marks
        values = column.to_numpy(zero_copy_only=False)
        numbers = self._roles.dialect.numbers
        marked = [number for marker in markers if (number := _number(marker, numbers)) is not None]
        if marked:
            null |= np.isin(values, marked)
        if self._drops_non_finite:
            null |= ~np.isfinite(values)
        elif self._nan in markers:
            null |= np.isnan(values)
        return null

    @staticmethod
    def _not_ascii(column: pa.Array) -> BoolArray:
        if types.is_floating(column.type):
            return np.zeros(len(column), np.bool_)
        return ColumnReader._not_ascii(column)


class _TypedNumbers(NumberReader):
    """Numbers as they are, and the texts of numbers as ever."""

    def read(self, texts: pa.Array) -> tuple[Float64Array, BoolArray]:
        if not types.is_floating(texts.type):
            return super().read(texts)
        values: Float64Array = texts.to_numpy(zero_copy_only=False).copy()
        return values, np.isfinite(values)


def _number(text: str, numbers: Numbers) -> float | None:
    try:
        return parse_number(text, numbers)
    except RejectError:
        return None


def _is_number(kind: pa.DataType) -> bool:
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def is_text(kind: pa.DataType) -> bool:
    """Whether a type's values are strings or bytes."""
    return bool(
        types.is_string(kind)
        or types.is_binary(kind)
        or types.is_large_string(kind)
        or types.is_large_binary(kind)
        or types.is_string_view(kind)
        or types.is_binary_view(kind)
    )


def _doubles_of(column: pa.Array) -> pa.Array:
    """Numbers as the doubles nearest to them."""
    if types.is_decimal(column.type):
        column = pc.cast(column, pa.string())  # its own cast to double does not always round correctly
    return pc.cast(column, pa.float64(), safe=False)


def _texts_of(column: pa.Array) -> pa.Array:
    """Any values as binary texts; those that are no scalars as JSON, which no role accepts."""
    kind = column.type
    if types.is_dictionary(kind):
        return _texts_of(column.dictionary_decode())
    if is_text(kind):
        return column if types.is_binary(kind) else pc.cast(column, pa.binary())
    if types.is_integer(kind) or types.is_decimal(kind) or types.is_null(kind):
        return pc.cast(pc.cast(column, pa.string()), pa.binary())
    if types.is_timestamp(kind) or types.is_time(kind):
        kind = pa.timestamp("us", kind.tz) if types.is_timestamp(kind) else pa.time64("us")
        column = pc.cast(column, kind, safe=False)
    return pa.array([None if value is None else _spelled(value).encode() for value in column.to_pylist()], pa.binary())


def _spelled(value: Any) -> str:
    if isinstance(value, float):
        return np.format_float_positional(value, trim="-") if np.isfinite(value) else repr(value)
    if isinstance(value, bool | dict | list):
        return json.dumps(value, default=str)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _keys_of(column: pa.Array) -> pa.DictionaryArray:
    """Texts as a dictionary without nulls."""
    if not types.is_dictionary(column.type) or column.null_count or column.dictionary.null_count:
        return _texts_of(column).fill_null(b"").dictionary_encode()
    return pa.DictionaryArray.from_arrays(column.indices.cast(pa.int32()), _texts_of(column.dictionary))
