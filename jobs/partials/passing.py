"""Readings handed on as they are where accumulating them would hardly make them fewer.

With a million series and few readings of each, partial rows are nearly as many as readings and eight times as wide.
Then readings are shuffled, and accumulated where all of a series come together: the same statistics, for less work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from jobs.partials.codes import dictionary_codes, distinct, pack
from jobs.partials.merge import integers
from jobs.partials.rows import Texts, texts_of
from jobs.partials.schema import GROUP_BYTES, READINGS, Accumulator
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Float64Array, Int32Array, Int64Array, Keys, Readings

TRIAL_GROUPS = 1 << 16
"""Fewer groups than this are always worth accumulating."""
_BATCH = 65_536
ROW_BYTES = 24
"""Of Columns."""
_PASSED_ROWS = 4 * _BATCH  # so many share the text of a device

Columns = tuple[Int32Array, Int32Array, Int64Array, Float64Array]
"""Readings to pass on: device, series, timestamp and value."""


class Passing:
    """An accumulator that accumulates by another, and passes readings on where they make too many groups.

    Groups are too many where they are more than half as many as the readings. As long as they are, the readings are
    held beside the groups, so that nothing but readings is passed on. After each flush accumulating is tried again.
    """

    def __init__(self, opened: Callable[[], Accumulator], keys: Keys) -> None:
        self._opened, self._keys = opened, keys
        self._inner: Accumulator | None = opened()
        self._rows = 0
        self._held: list[Columns] | None = []  # all readings since the last flush, or None where they repeat

    def add(self, readings: Readings) -> None:
        self._rows += len(readings)
        if self._held is not None:
            self._held.append(copied(readings))
        if self._inner is not None:
            self._inner.add(readings)
            if self._inner.groups <= self._rows // 2:
                self._held = None
            elif self._held is not None and self._inner.groups > TRIAL_GROUPS and self.nbytes > GROUP_BYTES:
                self._inner = None

    def flush(self) -> Iterator[tuple[str, pa.Table]]:
        inner, held = self._inner, self._held
        if inner is not None and (held is None or inner.groups <= TRIAL_GROUPS):
            self._rows, self._held = 0, []
            yield from inner.flush()
            return
        assert held is not None
        self._inner = None
        texts = texts_of(self._keys)
        while held:
            some = [held.pop()]
            while held and sum(len(device) for device, *_ in some) < _PASSED_ROWS:
                some.append(held.pop())
            yield READINGS.name, to_rows(some, texts)
        self._rows, self._inner = 0, self._opened()

    @property
    def groups(self) -> int:
        return self._rows if self._inner is None else self._inner.groups

    @property
    def nbytes(self) -> int:
        held = 0 if self._held is None else self._rows * ROW_BYTES
        return held + (0 if self._inner is None else self._inner.nbytes)


def copied(readings: Readings) -> Columns:
    """What of readings is passed on, as the batch does not last."""
    return readings.device.copy(), readings.series.copy(), readings.timestamp.copy(), readings.value.copy()


def to_rows(batches: Sequence[Columns], texts: Texts) -> pa.Table:
    """Readings as rows of READINGS, their texts as dictionaries; that of the devices holds just those that occur."""
    device, series, time, value = (np.concatenate(columns) for columns in zip(*batches, strict=True))
    if not len(device):
        return READINGS.empty()
    occurring, place = distinct(device)
    codes = from_numpy(series)
    columns = [
        pa.DictionaryArray.from_arrays(from_numpy(place.astype(np.int32)), texts.device_id.take(from_numpy(occurring))),
        texts.metric.dictionary_encode().take(codes),
        texts.unit.dictionary_encode().take(codes),
        from_numpy(time),
        from_numpy(value),
    ]
    return pa.Table.from_arrays(columns, schema=READINGS.columns)


def accumulated(rows: pa.Table, opened: Callable[[Keys], Accumulator]) -> Iterator[tuple[str, pa.Table]]:
    """The partial rows of rows of READINGS, by the accumulator that is opened for their keys."""
    device, devices = dictionary_codes(rows.column("device_id"))
    (metric, metrics), (unit, units) = (dictionary_codes(rows.column(name)) for name in ("metric", "unit"))
    pairs, series = distinct(pack([metric, unit]))
    first = np.empty(len(pairs), np.int64)
    first[series] = np.arange(len(series))  # any row of each pair
    names = [metrics.take(from_numpy(metric[first])), units.take(from_numpy(unit[first], mask=unit[first] < 0))]
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
