"""Partial rows of moments from readings, and from the integers that accumulators hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from jobs.partials import exact
from jobs.partials.buckets import Buckets
from jobs.partials.images import to_images
from jobs.partials.schema import STATS, PartialSchema
from jobs.partials.sketch import Sketch
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Int64Array, Keys, Readings


def single_rows(buckets: Buckets, sketch: Sketch | None) -> Callable[[Readings], pa.RecordBatch]:
    """What makes of each reading a STATS row of its own, with its `index` (int32) in the sketch, null without one.

    Its words are not normalised: MAX_COUNT of them add within an int64.
    """

    def rows(readings: Readings) -> pa.RecordBatch:
        table = partial_rows(STATS, texts_of(readings.keys), reading_columns(readings, buckets)).combine_chunks()
        index = pa.nulls(len(readings), pa.int32()) if sketch is None else from_numpy(sketch.index(readings.value))
        table = table.append_column("index", index)
        return pa.RecordBatch.from_arrays([c.combine_chunks() for c in table.columns], schema=table.schema)

    return rows


def reading_columns(readings: Readings, buckets: Buckets) -> list[Int64Array]:
    """The columns of STATS for each reading, device and series as codes."""
    values, time = readings.value, readings.timestamp
    window, image = exact.windows(values), to_images(values)
    return [
        readings.device.astype(np.int64),
        readings.series.astype(np.int64),
        buckets.of(time),
        window.astype(np.int64),
        np.ones(len(values), np.int64),
        *(image, image, time, time),
        *exact.sum_words(values, window).T,
        *exact.square_words(values, window).T,
    ]


@dataclass(frozen=True, slots=True)
class Texts:
    """What the codes of keys stand for: device_id by device; metric and unit by series; quality by quality."""

    device_id: pa.StringArray
    metric: pa.StringArray
    unit: pa.StringArray
    quality: pa.StringArray


def texts_of(keys: Keys) -> Texts:
    """The texts that keys have now."""
    series = keys.series_texts()
    metric, unit = ([text[i] for text in series] for i in range(2))
    quality = pa.array(keys.quality_texts(), pa.string())
    return Texts(keys.device_texts(), pa.array(metric, pa.string()), pa.array(unit, pa.string()), quality)


def partial_rows(schema: PartialSchema, texts: Texts, columns: Sequence[Int64Array]) -> pa.Table:
    """Partial rows from columns of integers, of which the first two are codes of devices and of series."""
    device, series, *others = columns
    codes = from_numpy(series)
    arrays = [
        texts.device_id.take(from_numpy(device)),
        texts.metric.take(codes),
        texts.unit.take(codes),
        *(from_numpy(c).cast(f.type) for c, f in zip(others, list(schema.columns)[3:], strict=True)),
    ]
    return pa.Table.from_arrays(arrays, schema=schema.columns)
