"""Cutting readings into slices of time: sorted blocks on the map side, their merge on the reduce side.

Each flush of a task is sorted by time and cut into blocks that are labelled with their first timestamp. The reader
takes blocks in the order of their labels: when it meets a label, all readings before that time are there. So slices
follow the data, and memory is that of the blocks that overlap in time, however long the input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa

from jobs.partials.arrivals import Places
from jobs.partials.codes import dictionary_codes, distinct
from jobs.partials.merge import integers
from jobs.partials.passing import ROW_BYTES, Columns, copied, to_rows
from jobs.partials.rows import texts_of
from jobs.partials.schema import READINGS, PartialSchema
from jobs.partials.walks import Sequences, Slice, sort
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Int32Array, Int64Array, Keys, Readings

BLOCK_ROWS = 16_384
SLICE_ROWS = 1 << 19
"""A slice is cut when so many readings are there, or twice as many as the last cut left over."""
_COPIES = 4  # what sorting and encoding take, in times of what is held

Block = tuple[int, Callable[[], pa.Table]]
"""The first timestamp of a block of READINGS rows, and what reads it."""


class Collected:
    """An accumulator that keeps readings as they are and hands them out sorted by time, as rows of a schema."""

    def __init__(self, keys: Keys, schema: PartialSchema = READINGS) -> None:
        self._keys, self._schema = keys, schema
        self._batches: list[Columns] = []
        self._marks: list[Int32Array] = []  # quality marks, where the schema has them
        self._marked = schema.has("quality")
        self._places = Places() if schema.has("place") else None
        self._placed: list[Int64Array] = []

    def add(self, readings: Readings) -> None:
        self._batches.append(copied(readings))
        if self._marked:
            self._marks.append(readings.qualities.copy())
        if self._places is not None:
            self._placed.append(self._places.of(readings))

    def flush(self) -> Iterator[tuple[str, pa.Table]]:
        if self._batches:
            batches, self._batches = self._batches, []
            texts = texts_of(self._keys)
            rows = to_rows(batches, texts)
            del batches
            if self._marked:
                marks, self._marks = np.concatenate(self._marks), []
                column = pa.DictionaryArray.from_arrays(from_numpy(marks, mask=marks < 0), texts.quality)
                rows = rows.append_column(self._schema.columns.field("quality"), column)
            if self._places is not None:
                places, self._placed = np.concatenate(self._placed), []
                rows = rows.append_column(self._schema.columns.field("place"), from_numpy(places))
            order = np.argsort(integers(rows.column("timestamp")), kind="stable")
            yield self._schema.name, rows.take(from_numpy(order))

    @property
    def groups(self) -> int:
        return sum(len(device) for device, *_ in self._batches)

    @property
    def nbytes(self) -> int:
        return _COPIES * self.groups * (ROW_BYTES + (8 if self._places else 0))


def blocks(rows: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    """READINGS rows in the order of time as blocks, each with its first timestamp."""
    for at in range(0, len(rows), BLOCK_ROWS):
        block = rows.slice(at, BLOCK_ROWS)
        yield block.column("timestamp")[0].as_py(), own_dictionary(block)


def own_dictionary(rows: pa.Table) -> pa.Table:
    """The rows with a dictionary of just the devices that occur in them."""
    codes, devices = dictionary_codes(rows.column("device_id"))
    if len(devices) < len(codes):
        occurring = np.flatnonzero(np.bincount(codes))
        place = np.empty(len(devices), np.int64)
        place[occurring] = np.arange(len(occurring))
        place = place[codes]
    else:
        occurring, place = np.unique(codes, return_inverse=True)
    own = pa.DictionaryArray.from_arrays(from_numpy(place.astype(np.int32)), devices.take(from_numpy(occurring)))
    return rows.set_column(0, rows.schema.field(0), own)


def slices(sorted_blocks: Iterable[Block], keys: Keys, slice_rows: int = SLICE_ROWS) -> Iterator[Slice]:
    """The slices of blocks that come in the order of their first timestamps, coded in `keys`."""
    sequences = Sequences()
    held: list[Readings] = []
    enough = slice_rows
    for start, read in sorted_blocks:
        if sum(map(len, held)) >= enough:
            whole, rest = _cut(_joined(held), start)
            held = [rest]
            enough = max(slice_rows, 2 * len(rest))
            if len(whole):
                yield sort(whole, sequences)
        held.append(coded(read(), keys))
    if held:
        yield sort(_joined(held), sequences)


def _cut(readings: Readings, end: int) -> tuple[Readings, Readings]:
    before = readings.timestamp < end
    return readings.take(before), readings.take(~before)


def _joined(parts: list[Readings]) -> Readings:
    columns = zip(*((p.timestamp, p.device, p.series, p.value, p.offset) for p in parts), strict=True)
    time, device, series, value, offset = (np.concatenate(column) for column in columns)
    marked = any(p.quality is not None for p in parts)
    quality = np.concatenate([p.qualities for p in parts]) if marked else None
    return Readings(parts[0].keys, time, device, series, value, offset, quality)


def coded(rows: pa.Table, keys: Keys) -> Readings:
    """READINGS, QUALIFIED or PLACED rows as readings whose codes are those of `keys`; `offset` is their place."""
    device, devices = dictionary_codes(rows.column("device_id"))
    of_device = np.fromiter(map(keys.device, devices.to_pylist()), np.int32, len(devices))
    (metric, metrics), (unit, units) = (dictionary_codes(rows.column(name)) for name in ("metric", "unit"))
    width = len(units) + 1
    pairs, place = distinct(metric * width + unit + 1)
    of_series = np.empty(len(pairs), np.int32)
    for i, pair in enumerate(pairs.tolist()):
        text = units[pair % width - 1].as_py() if pair % width else None
        of_series[i] = keys.series(metrics[pair // width].as_py(), text)
    time, value = integers(rows.column("timestamp")), rows.column("value").to_numpy()
    quality = _coded_quality(rows.column("quality"), keys) if "quality" in rows.column_names else None
    offset = integers(rows.column("place")) if "place" in rows.column_names else np.zeros(len(rows), np.int64)
    return Readings(keys, time, of_device[device], of_series[place], value, offset, quality)


def _coded_quality(column: pa.ChunkedArray, keys: Keys) -> Int32Array:
    codes, texts = dictionary_codes(column)
    of_text = np.array([*(keys.quality(text) for text in texts.to_pylist()), -1], np.int32)
    return of_text[codes]


def label(timestamp: int) -> str:
    """A timestamp as text that sorts as it does."""
    return f"{timestamp + 2**63:020d}"


def unlabel(text: str) -> int:
    """The timestamp of a label."""
    return int(text) - 2**63
