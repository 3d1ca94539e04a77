"""Readings as columns of a DataFrame by which Spark finds exact repeats, and back."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from jobs.partials.images import from_images, to_images
from jobs.partials.schema import QUALIFIED, READINGS
from jobs.partials.slices import coded
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Absence, Keys, Readings

COMPARABLE = pa.schema(
    [
        pa.field("device_id", pa.string()),
        pa.field("metric", pa.string()),
        pa.field("unit", pa.string()),
        pa.field("timestamp", pa.int64()),
        pa.field("bits", pa.int64()),
    ]
)
"""Readings as integers: timestamp is in µs since 1970 UTC, bits the image of the value, in the order of values."""
WITH_QUALITY = COMPARABLE.append(pa.field("quality", pa.string()))
WITH_ABSENCE = COMPARABLE.append(pa.field("absence", pa.string()))


def comparable(readings: Readings) -> pa.RecordBatch:
    """Readings as columns of which two are equal where the readings are: Spark holds -0.0 and 0.0 for the same."""
    columns = readings.to_arrow()
    time, bits = from_numpy(readings.timestamp), from_numpy(to_images(readings.value))
    arrays = [*(columns.column(name) for name in ("device_id", "metric", "unit")), time, bits]
    return pa.RecordBatch.from_arrays(arrays, schema=COMPARABLE)


def with_quality(readings: Readings) -> pa.RecordBatch:
    """Comparable columns, and the quality marks."""
    columns = [*comparable(readings).columns, readings.to_arrow().column("quality")]
    return pa.RecordBatch.from_arrays(columns, schema=WITH_QUALITY)


def absences(readings: Readings) -> pa.StringArray:
    """The absence of each value of a batch, null for readings."""
    return pa.repeat(pa.scalar(readings.absence, pa.string()), len(readings))


def with_absence(readings: Readings) -> pa.RecordBatch:
    """Comparable columns, and the absence of each value."""
    return pa.RecordBatch.from_arrays([*comparable(readings).columns, absences(readings)], schema=WITH_ABSENCE)


def from_comparable(batch: pa.RecordBatch) -> Readings:
    """The readings of comparable columns, with quality marks where these stand beside them; others are passed over."""
    rows = pa.Table.from_batches([batch])
    rows = rows.select([name for name in WITH_QUALITY.names if name in rows.column_names])
    rows = rows.append_column("value", from_numpy(from_images(rows["bits"].to_numpy())))
    schema = (QUALIFIED if "quality" in rows.column_names else READINGS).columns
    return coded(rows.select(schema.names).cast(schema), Keys())


def by_absence(batch: pa.RecordBatch) -> Iterator[tuple[Absence | None, pa.RecordBatch]]:
    """The rows of each absence, and those of readings."""
    if "absence" not in batch.schema.names:
        yield None, batch
        return
    for absence in (None, *Absence):
        told = batch.column("absence")
        some = batch.filter(pc.is_null(told) if absence is None else pc.fill_null(pc.equal(told, absence), False))
        if len(some):
            yield absence, some
