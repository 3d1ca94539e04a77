"""Readings handed on as they are where accumulating them would hardly make them fewer.

With a million series and few readings of each, partial rows are nearly as many as readings and eight times as wide.
Then readings are shuffled, and accumulated where all of a series come together: the same statistics, for less work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa

from jobs.partials.codes import dictionary_codes, pack
from jobs.partials.merge import integers
from jobs.partials.rows import Texts, texts_of
from jobs.partials.schema import READINGS, Accumulator
from jobs.readings.model import Keys, Readings

TRIAL_GROUPS = 1 << 16
"""Fewer groups than this are always worth accumulating."""
_BATCH = 65_536
_PASSED_ROWS = 8 * _BATCH  # so many share the text of a device


class Passing:
    """An accumulator that accumulates by another, and passes on the readings after a flush of too many groups.

    Groups are too many where they are more than half as many as the readings. What is passed on lasts until the next
    flush; then accumulating is tried again.
    """

    def __init__(self, inner: Accumulator, keys: Keys) -> None:
        self._inner, self._keys = inner, keys
        self._rows = 0
        self._passing = False
        self._passed: list[Readings] = []

    def add(self, readings: Readings) -> None:
        self._rows += len(readings)
        if self._passing:
            self._passed.append(readings.take(np.ones(len(readings), np.bool_)))
        else:
            self._inner.add(readings)

    def flush(self) -> Iterator[tuple[str, pa.Table]]:
        groups, rows, self._rows = self._inner.groups, self._rows, 0
        if not self._passing:
            self._passing = groups > max(TRIAL_GROUPS, rows // 2)
            yield from self._inner.flush()
            return
        self._passing = False
        texts = texts_of(self._keys)
        while self._passed:
            some = [self._passed.pop()]
            while self._passed and sum(map(len, some)) < _PASSED_ROWS:
                some.append(self._passed.pop())
            yield READINGS.name, to_rows(some, texts)

    @property
    def groups(self) -> int:
        return self._inner.groups + sum(map(len, self._passed))

    @property
    def nbytes(self) -> int:
        passed = (p.timestamp.nbytes + p.device.nbytes + p.series.nbytes + p.value.nbytes for p in self._passed)
        return self._inner.nbytes + sum(passed)


def to_rows(batches: list[Readings], texts: Texts) -> pa.Table:
    """Readings as rows of READINGS, their texts as dictionaries; that of the devices holds just those that occur."""
    if not sum(map(len, batches)):
        return READINGS.empty()
    device, series, time, value = (
        np.concatenate(columns)
        for columns in zip(*((b.device, b.series, b.timestamp, b.value) for b in batches), strict=True)
    )
    occurring = np.flatnonzero(np.bincount(device))
    place = np.empty(occurring[-1] + 1, np.int32)
    place[occurring] = np.arange(len(occurring), dtype=np.int32)
    codes = pa.array(series)
    columns = [
        pa.DictionaryArray.from_arrays(pa.array(place[device]), texts.device_id.take(pa.array(occurring))),
        texts.metric.dictionary_encode().take(codes),
        texts.unit.dictionary_encode().take(codes),
        pa.array(time),
        pa.array(value),
    ]
    return pa.Table.from_arrays(columns, schema=READINGS.columns)


def accumulated(rows: pa.Table, opened: Callable[[Keys], Accumulator]) -> Iterator[tuple[str, pa.Table]]:
    """The partial rows of rows of READINGS, by the accumulator that is opened for their keys."""
    device, devices = dictionary_codes(rows.column("device_id"))
    (metric, metrics), (unit, units) = (dictionary_codes(rows.column(name)) for name in ("metric", "unit"))
    pairs, series = np.unique(pack([metric, unit]), return_inverse=True)
    first = np.empty(len(pairs), np.int64)
    first[series] = np.arange(len(series))  # any row of each pair
    names = [metrics.take(pa.array(metric[first])), units.take(pa.array(unit[first], mask=unit[first] < 0))]
    keys = _Texts(devices, list(zip(*(n.to_pylist() for n in names), strict=True)))
    accumulator = opened(keys)
    time, value = integers(rows.column("timestamp")), rows.column("value").to_numpy()
    whole = Readings(keys, time, device.astype(np.int32), series.astype(np.int32), value, np.zeros(len(rows), np.int64))
    for at in range(0, len(rows), _BATCH):
        accumulator.add(whole.take(np.arange(at, min(at + _BATCH, len(rows)))))
    return accumulator.flush()


class _Texts(Keys):
    """Keys whose texts are known, and get no more."""

    def __init__(self, devices: pa.StringArray, series: list[tuple[str, str | None]]) -> None:
        super().__init__()
        self._known_devices, self._known_series = devices, series

    @property
    def device_count(self) -> int:
        return len(self._known_devices)

    @property
    def series_count(self) -> int:
        return len(self._known_series)

    def device_texts(self) -> pa.StringArray:
        return self._known_devices

    def series_texts(self) -> list[tuple[str, str | None]]:
        return self._known_series
