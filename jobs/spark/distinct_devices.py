"""Distinct devices on Spark: distinct rows, windows over each device's days, or Spark's own DataSketches aggregate."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.distinct_devices import DistinctDevices, is_estimated, named
from jobs.engine.devices import SITES
from jobs.engine.run import Run
from jobs.engine.spark import Projection, Twin
from jobs.engine.spark_command import main
from jobs.lake.runs import in_order
from jobs.partials import buckets, presence
from jobs.partials.rows import texts_of
from jobs.readings import zones
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Readings
from jobs.spark.places import with_sites

SEEN = pa.schema([("device", pa.string()), ("metric", pa.string()), ("bucket", pa.int64()), ("time", pa.int64())])


def projection(run: Run) -> Projection:
    """Who reported what and when."""
    days = buckets.days(zones.load(run.settings.time_zone))

    def rows(readings: Readings) -> pa.RecordBatch:
        texts, time = texts_of(readings.keys), readings.timestamp
        device, metric = (
            texts.device_id.take(from_numpy(readings.device)),
            texts.metric.take(from_numpy(readings.series)),
        )
        return pa.RecordBatch.from_arrays([device, metric, from_numpy(days.of(time)), from_numpy(time)], schema=SEEN)

    return rows


def aggregate(readings: DataFrame, run: Run) -> DataFrame:
    """The distinct devices of each group and day, counted by windows over their days, or sketched."""
    per = run.settings.option("per")
    if per == "site":
        readings = with_sites(readings, run.table(SITES), device="device", time="time")
    group = F.lit("") if per == "day" else F.col(per)
    present = readings.select("device", group.alias("group"), "bucket").distinct().persist()
    method = run.settings.option("method")
    total = present.select("device").distinct().count() if method == "auto" else 0
    if is_estimated(run.settings, total):
        sketch = F.hll_sketch_agg("device", presence.LG_K).alias("sketch")
        return present.groupBy("group", "bucket").agg(sketch).repartition("group")
    skipped = buckets.skipped_days(zones.load(run.settings.time_zone)).tolist()
    numbered = present.withColumn("bucket", _moved("bucket", skipped, -1))
    counts = _counted(numbered).withColumn("bucket", _moved("bucket", [day - n for n, day in enumerate(skipped)], 1))
    return counts.repartition("group")


def _moved(bucket: str, days: Sequence[int], by: int) -> Column:
    """Numbers of days, moved by one for each of `days` that is no later: days that were none are left out, or put in
    again."""
    moved = F.col(bucket)
    for day in days:
        moved += F.when(F.col(bucket) >= day, F.lit(by)).otherwise(F.lit(0))
    return moved


def _counted(present: DataFrame) -> DataFrame:
    days = Window.partitionBy("device", "group").orderBy("bucket")
    dated = present.withColumn("before", F.lag("bucket").over(days)).withColumn("after", F.lead("bucket").over(days))
    one = dated.select(
        "group",
        "bucket",
        F.lit(1).cast("long").alias("devices"),
        F.col("before").isNull().cast("long").alias("new"),
        F.coalesce(F.col("before") < F.col("bucket") - 1, F.lit(False)).cast("long").alias("returning"),
        F.lit(0).cast("long").alias("lost"),
    )
    gone = dated.where(F.col("after").isNull() | (F.col("after") > F.col("bucket") + 1)).select(
        "group",
        (F.col("bucket") + 1).alias("bucket"),
        *(F.lit(0).cast("long").alias(name) for name in ("devices", "new", "returning")),
        F.lit(1).cast("long").alias("lost"),
    )
    sums = [F.sum(name).alias(name) for name in ("devices", "new", "returning", "lost")]
    summed = one.unionByName(gone).groupBy("group", "bucket").agg(*sums)
    last = F.max(F.when(F.col("devices") > 0, F.col("bucket"))).over(Window.partitionBy("group"))
    return summed.withColumn("last", last).where(F.col("bucket") <= F.col("last")).drop("last")


def finish(run: Run, rows: pa.Table) -> pa.Table:
    """One partition's rows in the order of the result; a sketch as its estimate."""
    date = rows["bucket"].cast(pa.int32()).cast(pa.date32())
    if "sketch" in rows.column_names:
        devices = pa.array([presence.estimate([data]) for data in rows["sketch"].to_pylist()], pa.int64())
        counts = [devices, *(pa.nulls(len(rows), pa.int64()) for _ in range(3))]
    else:
        counts = [rows[name] for name in ("devices", "new", "returning", "lost")]
    named_rows = named(run, pa.table([rows["group"], date, *counts], presence.COUNTS.names[:-1]))
    schema = DistinctDevices.schema(run.settings)
    return in_order(named_rows.select(schema.names), DistinctDevices.keys(run.settings))


TWIN = Twin(DistinctDevices, SEEN, projection, aggregate, finish)

if __name__ == "__main__":
    main(TWIN)
