"""Columns of timestamps, dates and integer epochs, as Parquet has them, to instants."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
from pyarrow import types

from jobs.readings.model import Int64Array
from jobs.readings.number_block import BoolArray
from jobs.readings.timestamps import DAY, SECOND, TimeReader

_UNITS = {"s": SECOND, "ms": 1000, "us": 1, "ns": -1000, "day": DAY}  # in µs; negative: how many make one
_EPOCH_UNITS = {6: "s", 3: "ms", 0: "us", -3: "ns"}
_LARGEST = 2**62
_FIRST, _LAST = datetime(1, 1, 1), datetime.max
_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class TypedTimes:
    """How a type's integers are instants. unit: µs of one, or if negative how many make a µs.

    local: they are times of the dialect's zone. epoch: they are what the dialect's format calls an epoch.
    """

    reader: TimeReader
    unit: int
    local: bool
    epoch: bool

    def read(self, column: pa.Array) -> tuple[Int64Array, BoolArray]:
        """The instants in µs UTC of a column, and which are certain: there, in range, no matter of a zone's rules."""
        sure = validity(column)
        numbers = _integers(column)
        if self.unit == 1:
            instants = numbers
        elif self.unit < 0:
            instants = numbers // -self.unit
        else:
            sure &= np.abs(numbers) <= _LARGEST // self.unit
            instants = np.where(sure, numbers, 0) * self.unit
        if self.local and self.reader.zone.name != "UTC":
            instants, certain = self.reader.zone.to_utc_array(instants)
            sure &= certain
        sure &= instants >= self.reader.min
        sure &= instants <= self.reader.max
        return instants, sure

    def text(self, scalar: pa.Scalar) -> str | None:
        """A value as the text that `definition` reads; what no calendar has as its first or last time."""
        if not scalar.is_valid:
            return None
        number = int(scalar.value if hasattr(scalar, "value") else scalar.as_py())
        if self.epoch:
            return str(number)
        micros = number * self.unit if self.unit > 0 else number // -self.unit
        first, last = (_micros(limit) for limit in (_FIRST, _LAST))
        time = _EPOCH + timedelta(microseconds=min(max(micros, first), last))
        return time.isoformat(timespec="microseconds") + ("" if self.local else "Z")


def typed_times(column: pa.DataType, reader: TimeReader) -> TypedTimes | None:
    """How a column's type tells instants; None where its texts must be read."""
    if types.is_timestamp(column):
        return TypedTimes(reader, _UNITS[column.unit], column.tz is None, epoch=False)
    if types.is_date(column):
        return TypedTimes(reader, _UNITS["day" if types.is_date32(column) else "ms"], local=True, epoch=False)
    if types.is_integer(column) and reader.exponent is not None:
        return TypedTimes(reader, _UNITS[_EPOCH_UNITS[reader.exponent]], local=False, epoch=True)
    return None


def definition(times: TypedTimes, run_start: int) -> TimeReader:
    """The reader of what `text` gives."""
    if times.epoch:
        return times.reader
    return TimeReader(replace(times.reader.rules, formats=("iso8601",)), run_start)


def validity(column: pa.Array) -> BoolArray:
    """Which rows are not null; an array of its own."""
    if not column.null_count:
        return np.ones(len(column), np.bool_)
    valid: BoolArray = column.is_valid().to_numpy(zero_copy_only=False).copy()
    return valid


def _integers(column: pa.Array) -> Int64Array:
    """The column's numbers, 0 for null; those beyond 64 bits with sign as the largest."""
    if not types.is_integer(column.type):
        column = column.view(pa.int32() if types.is_date32(column.type) else pa.int64())
    numbers = (column.fill_null(0) if column.null_count else column).to_numpy()
    if numbers.dtype == np.uint64:
        numbers = np.minimum(numbers, np.uint64(np.iinfo(np.int64).max))
    signed: Int64Array = numbers.astype(np.int64, copy=False)
    return signed


def _micros(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)
