"""Columns of a block's fields to readings: `record.Roles.read` for many records at once, where that is certain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jobs.readings.arrays import from_numpy
from jobs.readings.model import (
    NO_TIME,
    Absence,
    Float64Array,
    Int32Array,
    Int64Array,
    Keys,
    Readings,
    absent_values,
)
from jobs.readings.number_block import BoolArray, NumberReader, bounds, content, is_empty
from jobs.readings.part import Sink
from jobs.readings.record import Roles, ValueRole
from jobs.readings.time_block import TimeColumns

_TABLE_SIZE = 1 << 20
_MISSING, _EXCLUDED, _READING, _DOUBTFUL = range(4)


@dataclass(frozen=True, slots=True)
class _Texts:
    """A column by its distinct texts; None stands for one that cannot be decoded."""

    codes: Int32Array
    texts: list[str | None]

    def select(self, keep: Callable[[str], bool]) -> BoolArray:
        """The rows whose text is there and of which `keep` is true."""
        return np.array([text is not None and keep(text) for text in self.texts], np.bool_)[self.codes]


class ColumnReader:
    """The roles of an object, compiled for columns. Codes are of `keys`."""

    def __init__(self, roles: Roles, encoding: str, keys: Keys) -> None:
        self._roles = roles
        self._encoding = encoding
        self._keys = keys
        self._time = TimeColumns(roles.time) if roles.time is not None else None
        self._numbers = NumberReader(roles.dialect.numbers)
        self._device_codes: dict[bytes, int] = {}
        self._last_devices: tuple[pa.Array, Int32Array] = pa.array([], pa.binary()), np.zeros(0, np.int32)

    def read(
        self, columns: Mapping[int, pa.Array], offsets: Int64Array, sink: Sink
    ) -> tuple[list[Readings], BoolArray]:
        """The readings of records, given the needed columns as binary arrays, and of which records they are; missing
        values beside them where the sink wants them.

        offsets: the records' own. Only those records are counted by the sink; the others are for the definition, since
        something in them is a reject or not certain.
        """
        tally = sink.tally
        timestamps, sure = self._timestamps(columns, len(offsets))
        devices, known = self._devices(columns, len(offsets))
        sure &= known
        if self._roles.wide:
            series, value, outcome, quality = self._wide(columns)
        else:
            series, value, outcome, quality = self._long(columns)
        kept = outcome == _READING
        if kept.all() and sure.all() and kept.shape[1] == 1:  # as in most batches, and so nothing is picked out
            tally.lines += len(sure)
            tally.readings += len(sure)
            marks = None if quality is None else quality[:, 0]
            codes = np.ascontiguousarray(series[:, 0])
            return [Readings(self._keys, timestamps, devices, codes, value[:, 0], offsets, marks)], sure
        sure &= (outcome != _DOUBTFUL).all(axis=1)
        outcome[~sure] = _DOUBTFUL
        kept &= sure[:, None]
        counts = np.bincount(outcome.ravel(), minlength=4)
        tally.lines += int(sure.sum())
        tally.readings += int(counts[_READING])
        tally.missing += int(counts[_MISSING])
        tally.excluded += int(counts[_EXCLUDED])
        rows = np.nonzero(kept)[0]
        readings = Readings(
            self._keys,
            timestamps[rows],
            devices[rows],
            series[kept],
            value[kept],
            offsets[rows],
            quality[kept] if quality is not None else None,
        )
        found = [readings]
        if sink.absent and counts[_MISSING]:
            missing = outcome == _MISSING
            rows = np.nonzero(missing)[0]
            absent = timestamps[rows], devices[rows], series[missing]
            found.append(absent_values(self._keys, *absent, offsets[rows], Absence.MISSING))
        return found, sure

    def _timestamps(self, columns: Mapping[int, pa.Array], size: int) -> tuple[Int64Array, BoolArray]:
        if self._time is None:
            return np.full(size, NO_TIME, np.int64), np.ones(size, np.bool_)
        return self._time.read([columns[index] for index in self._roles.time_columns])

    def _devices(self, columns: Mapping[int, pa.Array], size: int) -> tuple[Int32Array, BoolArray]:
        indices = self._roles.device_columns
        if not indices:
            return np.full(size, self._keys.device(self._roles.device), np.int32), np.ones(size, np.bool_)
        if len(indices) == 1:
            encoded = columns[indices[0]].dictionary_encode()
            texts, table = self._last_devices
            if not encoded.dictionary.equals(texts):
                known = self._device_codes
                codes = [known[t] if t in known else self._new_device(t) for t in encoded.dictionary.to_pylist()]
                table = np.array(codes, np.int32)
                self._last_devices = encoded.dictionary, table
            single: Int32Array = table[encoded.indices.to_numpy()]
            return single, single >= 0
        join = self._roles.dialect.device.join
        parted = [self._texts(columns[index]) for index in indices]
        combined, combinations = _combine([t.codes for t in parted], [len(t.texts) for t in parted])
        known_codes = []
        for combination in combinations:
            parts = [t.texts[code] for t, code in zip(parted, combination, strict=True)]
            known_codes.append(self._keys.device(join.join(p for p in parts if p)) if all(parts) else -1)
        devices = np.array(known_codes, np.int32)[combined]
        return devices, devices >= 0

    def _new_device(self, raw: bytes) -> int:
        text = self._decode(raw)
        code = self._keys.device(text) if text else -1
        self._device_codes[raw] = code
        return code

    def _decode(self, raw: bytes) -> str | None:
        try:
            return raw.decode(self._encoding)
        except UnicodeDecodeError:
            return None

    def _encode(self, text: str) -> bytes | None:
        """The bytes that are decoded to `text`; None if there are none."""
        try:
            return text.encode(self._encoding)
        except UnicodeEncodeError:
            return None

    def _texts(self, column: pa.Array) -> _Texts:
        encoded = column.dictionary_encode()
        return _Texts(encoded.indices.to_numpy(), [self._decode(raw) for raw in encoded.dictionary.to_pylist()])

    def _long(
        self, columns: Mapping[int, pa.Array]
    ) -> tuple[Int32Array, Float64Array, npt.NDArray[np.int8], Int32Array | None]:
        roles, role = self._roles, self._roles.values[0]
        column = columns[role.column]
        constant = _Texts(np.zeros(len(column), np.int32), [roles.constant_metric])
        metrics = self._texts(columns[roles.metric]) if roles.metric is not None else constant
        units = self._texts(columns[roles.unit]) if roles.unit is not None else None
        series = self._series(metrics, units)
        missing = self._missing(column, role.missing)
        for metric, markers in roles.missing_by_metric.items():
            if metric in metrics.texts:
                missing |= metrics.select(metric.__eq__) & self._missing(column, markers)
        value, outcome, quality = self._values(role, columns, missing)
        outcome[series < 0] = _DOUBTFUL
        return series[:, None], value[:, None], outcome[:, None], None if quality is None else quality[:, None]

    def _series(self, metrics: _Texts, units: _Texts | None) -> Int32Array:
        """The codes of (metric, unit); -1 where one cannot be decoded or the metric is empty."""
        codes: npt.NDArray[np.integer]
        pairs: list[tuple[str | None, str | None]]
        if units is None:
            codes, pairs = metrics.codes, [(metric, "") for metric in metrics.texts]
        else:
            codes, combinations = _combine([metrics.codes, units.codes], [len(metrics.texts), len(units.texts)])
            pairs = [(metrics.texts[m], units.texts[u]) for m, u in combinations]
        table = []
        for metric, unit in pairs:
            certain = metric and unit is not None
            table.append(self._keys.series(metric, unit or self._roles.units.get(metric)) if metric and certain else -1)
        return np.array(table, np.int32)[codes]

    def _wide(
        self, columns: Mapping[int, pa.Array]
    ) -> tuple[Int32Array, Float64Array, npt.NDArray[np.int8], Int32Array | None]:
        roles = self._roles
        size, width = len(columns[roles.values[0].column]), len(roles.values)
        value = np.empty((size, width))
        outcome = np.empty((size, width), np.int8)
        quality = np.full((size, width), -1, np.int32) if roles.has_quality else None
        codes = [self._keys.series(role.metric, role.unit) for role in roles.values]
        for i, role in enumerate(roles.values):
            missing = self._missing(columns[role.column], role.missing)
            value[:, i], outcome[:, i], marks = self._values(role, columns, missing)
            if quality is not None and marks is not None:
                quality[:, i] = marks
        return np.broadcast_to(np.array(codes, np.int32), (size, width)), value, outcome, quality

    def _missing(self, column: pa.Array, markers: frozenset[str]) -> BoolArray:
        """Where a value is one of the markers."""
        spelled = [raw for raw in map(self._encode, markers) if raw is not None]
        if self._numbers.is_plain(column):
            spelled = [marker for marker in spelled if self._numbers.may_be_number(marker)]
        if spelled == [b""]:
            return is_empty(column)
        if not spelled:
            return np.zeros(len(column), np.bool_)
        found: BoolArray = pc.is_in(column, pa.array(spelled, pa.binary())).to_numpy(zero_copy_only=False)
        return found

    def _values(
        self, role: ValueRole, columns: Mapping[int, pa.Array], missing: BoolArray
    ) -> tuple[Float64Array, npt.NDArray[np.int8], Int32Array | None]:
        """The values of one column, what became of each, and their quality codes if the column has a quality."""
        column = columns[role.column]
        outcome = np.full(len(column), _READING, np.int8)
        quality = None
        if role.quality is not None:
            marks = self._texts(columns[role.quality])
            table = [-1 if text is None else self._keys.quality(text or None) for text in marks.texts]
            quality = np.array(table, np.int32)[marks.codes]
            if role.accept:
                outcome[~marks.select(role.accept.__contains__)] = _EXCLUDED
                outcome[self._not_ascii(column)] = _DOUBTFUL
        outcome[missing] = _MISSING
        if role.quality is not None:
            outcome[~marks.select(lambda _: True)] = _DOUBTFUL
        wanted = outcome == _READING
        if wanted.all():
            value, sure = self._numbers.read(column)
            outcome[~sure] = _DOUBTFUL
        else:
            value = np.zeros(len(column))
            value[wanted], sure = self._numbers.read(column.filter(from_numpy(wanted)))
            outcome[np.flatnonzero(wanted)[~sure]] = _DOUBTFUL
        if role.scale != 1:
            value = value / role.scale
        return value, outcome, quality

    @staticmethod
    def _not_ascii(column: pa.Array) -> BoolArray:
        """Where a text holds a byte that may not be decodable."""
        places = np.flatnonzero(content(column) >= 128)
        found = np.zeros(len(column), np.bool_)
        if len(places):
            ends = bounds(column)
            found[np.searchsorted(ends, places + ends[0], side="right") - 1] = True
        return found


def _combine(codes: list[Int32Array], sizes: list[int]) -> tuple[npt.NDArray[np.intp], list[tuple[int, ...]]]:
    """Codes of the combinations that occur, and the combinations by code."""
    flat = np.ravel_multi_index(tuple(codes), tuple(sizes))
    total = int(np.prod(sizes))
    if total <= _TABLE_SIZE:
        occurs = np.zeros(total, np.bool_)
        occurs[flat] = True
        present = np.flatnonzero(occurs)
        table = np.zeros(total, np.intp)
        table[present] = np.arange(len(present))
        combined = table[flat]
    else:
        present, combined = np.unique(flat, return_inverse=True)
    parts = np.unravel_index(present, tuple(sizes))
    return combined, list(zip(*(part.tolist() for part in parts), strict=True))
