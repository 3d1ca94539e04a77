"""Threshold events on Spark: window functions tell which event a reading is of, groupBy sums events up."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.engine.run import Run
from jobs.engine.spark import Mapping, Projection, Twin
from jobs.engine.spark_columns import COMPARABLE, comparable, from_comparable
from jobs.engine.spark_command import main
from jobs.partials.events import EVENTS, PEAKS, Limits, Marked
from jobs.partials.images import from_images
from jobs.partials.rows import partial_rows, texts_of
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Int64Array, Readings
from jobs.threshold_events import ThresholdEvents, limits

SERIES = ["device_id", "metric", "unit"]
SCHEMA = COMPARABLE.append(pa.field("value", pa.float64()))
ROWS = pa.schema([*EVENTS.columns, *(PEAKS.columns.field(name) for name in ("height", "value", "time"))])
ROWS = pa.schema([field.with_nullable(True) for field in ROWS])


def projection(run: Run) -> Projection:
    """Readings as they are, values also as integers of their order."""
    return lambda readings: comparable(readings).append_column(SCHEMA.field("value"), from_numpy(readings.value))


def aggregate(readings: DataFrame, run: Run) -> DataFrame:
    """What each event adds up to, and the peaks of its parts."""
    chosen = limits(run.settings)
    series = Window.partitionBy(*SERIES).orderBy("timestamp", "bits")
    so_far = series.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    before_time = F.lag("timestamp").over(series)
    near = F.coalesce(F.col("timestamp") - before_time <= chosen.max_gap, F.lit(False))
    decisive = F.coalesce(_decision(chosen), F.when(~F.col("near"), F.lit(False)))
    begins = F.col("active") & ~(F.coalesce(F.lag("active").over(series), F.lit(False)) & F.col("near"))
    since = F.last(F.when(F.col("begins"), F.struct("timestamp", "bits")), ignorenulls=True).over(so_far)
    marked = (
        readings.withColumn("near", near)
        .withColumn("active", F.coalesce(F.last(decisive, ignorenulls=True).over(so_far), F.lit(False)))
        .withColumn("begins", begins)
        .withColumn("event", since)
        .withColumns({f"before_{n}": F.lag(n).over(series) for n in ("timestamp", "bits", "active", "event")})
        .withColumns({"start": F.col("event.timestamp"), "first": F.col("event.bits")})
        .withColumns({"before_start": F.col("before_event.timestamp"), "before_first": F.col("before_event.bits")})
        .drop("event", "before_event")
    )
    rows = marked.mapInArrow(_rows(run), from_arrow_schema(ROWS)).persist()
    merges = [getattr(F, how)(column).alias(column) for column, how in EVENTS.merges.items()]
    events = rows.where("window is not null").groupBy(*EVENTS.keys).agg(*merges)
    peaks = rows.where("window is null").groupBy(*PEAKS.keys).agg(F.min("time").alias("time"))
    return events.unionByName(peaks, allowMissingColumns=True).repartition("device_id")


def _decision(chosen: Limits) -> Column:
    """Whether a reading is beyond the limits, or back inside; null for what decides nothing."""
    low, high = chosen.inner
    value = F.col("value")
    below = F.lit(False) if chosen.low is None else value < F.lit(chosen.low)
    above = F.lit(False) if chosen.high is None else value > F.lit(chosen.high)
    inside = F.lit(True) if low is None else value >= F.lit(low)
    inside = inside if high is None else inside & (value <= F.lit(high))
    return F.when(below | above, F.lit(True)).when(inside, F.lit(False))


def _rows(run: Run) -> Mapping:
    """Readings with their events in, the words that they add to events and the peaks out."""

    def convert(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            now, chosen = from_comparable(batch), limits(run.settings)
            marked = _marked(batch, now)
            for kind, columns in ((EVENTS, marked.rows(chosen)), (PEAKS, marked.peaks(chosen))):
                if columns:
                    codes = [columns[0] >> 32, columns[0] & (2**32 - 1)]
                    table = partial_rows(kind, texts_of(now.keys), [*codes, *columns[1:]])
                    missing = [field for field in ROWS if field.name not in table.column_names]
                    for field in missing:
                        table = table.append_column(field, pa.nulls(len(table), field.type))
                    yield from table.select(ROWS.names).cast(ROWS).to_batches()

    return convert


def _marked(batch: pa.RecordBatch, now: Readings) -> Marked:
    def integers(name: str) -> Int64Array:
        array: Int64Array = batch.column(name).fill_null(0).to_numpy()
        return array

    def marks(name: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        array: np.ndarray[tuple[int], np.dtype[np.bool_]] = (
            batch.column(name).fill_null(False).to_numpy(zero_copy_only=False)
        )
        return array

    return Marked(
        now.device.astype(np.int64) << 32 | now.series,
        now.timestamp,
        now.value,
        marks("near"),
        marks("active"),
        integers("start"),
        integers("first"),
        integers("before_timestamp"),
        from_images(integers("before_bits")),
        marks("before_active"),
        integers("before_start"),
        integers("before_first"),
    )


def finish(run: Run, rows: pa.Table) -> pa.Table:
    """One partition's devices, whole."""
    is_event = rows["window"].is_valid()
    events = rows.filter(is_event).select(EVENTS.columns.names).cast(EVENTS.columns)
    peaks = rows.filter(rows["window"].is_null()).select(PEAKS.columns.names).cast(PEAKS.columns)
    return ThresholdEvents.finish(run, {"events": events, "peaks": peaks})


TWIN = Twin(ThresholdEvents, SCHEMA, projection, aggregate, finish)

if __name__ == "__main__":
    main(TWIN)
