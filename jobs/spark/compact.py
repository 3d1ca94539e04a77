"""Compact on Spark: repartition by day, sort within partitions, and rows handed over to the suite's own writer.

Values are ordered by integers in the order of the doubles, so that -0.0 stands below 0.0; Spark holds both for equal.
"""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.compact import Compact
from jobs.engine.run import Run
from jobs.engine.spark import Projection, Twin
from jobs.engine.spark_command import main
from jobs.partials.day_counts import READING_BYTES
from jobs.partials.images import to_images
from jobs.readings.arrays import from_numpy
from jobs.readings.model import SCHEMA, Readings
from jobs.readings.zones import DAY

PROJECTED = pa.schema([pa.field("date", pa.date32()), *SCHEMA, pa.field("image", pa.int64())])
TIES = ["device_id", "metric", "unit", "timestamp", "image"]


def projection(run: Run) -> Projection:
    """A reading with its UTC day, and its value as an integer of the same order."""

    def rows(readings: Readings) -> pa.RecordBatch:
        date = from_numpy(readings.timestamp // DAY).cast(pa.int32()).cast(pa.date32())
        image = from_numpy(to_images(readings.value))
        return pa.RecordBatch.from_arrays([date, *readings.to_arrow().columns, image], schema=PROJECTED)

    return rows


def aggregate(readings: DataFrame, run: Run) -> DataFrame:
    """The readings by day, sorted within each; without --output-dir, what each day would hold."""
    if run.settings.output_dir:
        order = [*map(F.col, ["date", *TIES]), F.asc_nulls_last("quality")]
        return readings.repartition("date").sortWithinPartitions(*order).drop("image")
    counts = readings.groupBy("date").agg(
        F.count("*").alias("readings"),
        F.countDistinct("device_id").alias("devices"),
        F.countDistinct("metric").alias("metrics"),
        F.min("timestamp").alias("first_timestamp"),
        F.max("timestamp").alias("last_timestamp"),
    )
    target = run.settings.option("target_size")
    size = F.col("readings") * READING_BYTES
    files = F.ceil(size / F.lit(target)).cast("bigint")
    return counts.withColumn("files", files).withColumn("bytes", size).repartition("date").sortWithinPartitions("date")


TWIN = Twin(Compact, PROJECTED, projection, aggregate)

if __name__ == "__main__":
    main(TWIN)
