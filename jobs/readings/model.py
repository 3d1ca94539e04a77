"""What a reading, a batch of readings and a reject are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jobs.readings.arrays import from_numpy

Int64Array = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]
Float64Array = npt.NDArray[np.float64]

NO_TIME = -(2**63)
"""The timestamp of a reading without one (dialects with `timestamp = "none"`); null in Arrow."""

SCHEMA = pa.schema(
    [
        pa.field("timestamp", pa.timestamp("us", tz="UTC")),
        pa.field("device_id", pa.string(), nullable=False),
        pa.field("metric", pa.string(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
        pa.field("unit", pa.string()),
        pa.field("quality", pa.string()),
    ]
)
"""The published schema of readings. `value` is always finite; `timestamp` is UTC in microseconds."""


class Reason(StrEnum):
    """Why a line, record or field is no reading. A closed list: docs/rejects.md describes each."""

    FIELD_COUNT = "field_count"
    QUOTE = "quote"
    ENCODING = "encoding"
    JSON = "json"
    TOO_LONG = "too_long"
    TIMESTAMP = "timestamp"
    TIMESTAMP_RANGE = "timestamp_range"
    LOCAL_TIME = "local_time"
    DEVICE = "device"
    METRIC = "metric"
    VALUE = "value"
    VALUE_RANGE = "value_range"


@dataclass(frozen=True, slots=True)
class Reject:
    """A line, record or field that is no valid reading.

    `offset` is the byte offset of the record in the decompressed object (for Parquet: the row within the row group);
    `line` the 1-based line number within the object where known, or the row group of a Parquet object;
    `column` names the offending column where one is to blame; `text` holds the record's first TEXT_LIMIT raw bytes.
    """

    offset: int
    line: int | None
    reason: Reason
    column: str | None
    text: bytes


class Absence(StrEnum):
    """Why a record whose device, metric and time could be read has no value: it is missing, or was rejected."""

    MISSING = "missing"
    REJECTED = "rejects"


TEXT_LIMIT = 200
"""How many raw bytes of a rejected record are kept."""


@dataclass(slots=True)
class Tally:
    """What was counted while parsing; tallies of parts add up to that of the whole.

    lines: records looked at (headers, comments and blank lines are not records).
    kernel_lines: those of them taken by the kernel.
    readings: readings produced. missing: values declared missing. excluded: values left out by a quality filter.
    rejects: by reason.
    """

    lines: int = 0
    kernel_lines: int = 0
    readings: int = 0
    missing: int = 0
    excluded: int = 0
    rejects: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        self.lines += other.lines
        self.kernel_lines += other.kernel_lines
        self.readings += other.readings
        self.missing += other.missing
        self.excluded += other.excluded
        self.rejects.update(other.rejects)


class Keys:
    """Text to small integer codes, for one task: devices, series (metric with unit) and quality marks.

    Codes count up from 0 in the order of first use and never change, so that batches of many objects share them.
    """

    def __init__(self) -> None:
        self._devices: dict[str, int] = {}
        self._series: dict[tuple[str, str | None], int] = {}
        self._qualities: dict[str, int] = {}

    def device(self, text: str) -> int:
        return self._devices.setdefault(text, len(self._devices))

    def series(self, metric: str, unit: str | None = None) -> int:
        return self._series.setdefault((metric, unit), len(self._series))

    def quality(self, text: str | None) -> int:
        """The code of a quality mark; -1 for none."""
        return -1 if text is None else self._qualities.setdefault(text, len(self._qualities))

    @property
    def device_count(self) -> int:
        return len(self._devices)

    @property
    def series_count(self) -> int:
        return len(self._series)

    def device_texts(self) -> pa.StringArray:
        """The devices by code."""
        return pa.array(self._devices, pa.string())

    def series_texts(self) -> list[tuple[str, str | None]]:
        """(metric, unit) by code."""
        return list(self._series)

    def quality_texts(self) -> list[str]:
        return list(self._qualities)


@dataclass(slots=True)
class Readings:
    """A batch of readings as columns of one length; `device`, `series` and `quality` are codes of `keys`.

    timestamp: int64, µs since 1970-01-01 UTC, or NO_TIME. device, series: int32. value: float64, finite.
    quality: int32, -1 for none; absent where the dialect names no quality column.
    offset: int64, the byte offset of each reading's record in the object; a wide row's readings share it and stand
    in the dialect's column order. Where places are asked for, it is the reading's number in its piece instead.
    piece: the object's number in the plan, and the number of the piece of it that the batch is from.
    absence: of a batch of absent values, which parsers give where they are asked for them; each `value` is NaN then.
    The arrays may be views of reused buffers: they hold until the parser is asked for the next batch.
    """

    keys: Keys
    timestamp: Int64Array
    device: Int32Array
    series: Int32Array
    value: Float64Array
    offset: Int64Array
    quality: Int32Array | None = None
    piece: tuple[int, int] = (0, 0)
    absence: Absence | None = None

    def __len__(self) -> int:
        return len(self.value)

    @property
    def qualities(self) -> Int32Array:
        """`quality`, of -1 where it is absent."""
        return np.full(len(self), -1, np.int32) if self.quality is None else self.quality

    def take(self, rows: npt.NDArray[np.generic]) -> Readings:
        """The given rows (a boolean mask or indices), copied."""
        return Readings(
            self.keys,
            self.timestamp[rows],
            self.device[rows],
            self.series[rows],
            self.value[rows],
            self.offset[rows],
            None if self.quality is None else self.quality[rows],
            self.piece,
            self.absence,
        )

    def to_arrow(self) -> pa.RecordBatch:
        """A record batch of SCHEMA, copied."""
        series = self.keys.series_texts()
        metrics = pa.array([m for m, _ in series], pa.string())
        units = pa.array([u for _, u in series], pa.string())
        codes = from_numpy(self.series)
        if self.quality is None:
            quality: pa.Array = pa.nulls(len(self), pa.string())
        else:
            indices = from_numpy(self.quality, mask=self.quality < 0)
            quality = pa.array(self.keys.quality_texts(), pa.string()).take(indices)
        return pa.RecordBatch.from_arrays(
            [
                from_numpy(self.timestamp, mask=self.timestamp == NO_TIME).cast(SCHEMA.field(0).type),
                self.keys.device_texts().take(from_numpy(self.device)),
                metrics.take(codes),
                from_numpy(self.value),
                units.take(codes),
                quality,
            ],
            schema=SCHEMA,
        )


def absent_values(
    keys: Keys, timestamp: Int64Array, device: Int32Array, series: Int32Array, offset: Int64Array, absence: Absence
) -> Readings:
    """A batch of absent values."""
    return Readings(keys, timestamp, device, series, np.full(len(device), np.nan), offset, absence=absence)


def in_record_order(batches: Iterable[Readings]) -> Readings | None:
    """Batches of one object's readings joined into one, in the order of their records; None if there are none."""
    parts = list(batches)
    if not parts:
        return None
    first = parts[0]
    joined = Readings(
        first.keys,
        np.concatenate([p.timestamp for p in parts]),
        np.concatenate([p.device for p in parts]),
        np.concatenate([p.series for p in parts]),
        np.concatenate([p.value for p in parts]),
        np.concatenate([p.offset for p in parts]),
        None if first.quality is None else np.concatenate([p.quality for p in parts if p.quality is not None]),
    )
    return joined.take(np.argsort(joined.offset, kind="stable"))
