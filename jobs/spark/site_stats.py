"""Site statistics on Spark: a left join with the metadata, then groupings by site; Spark joins as --join says."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 - as everyone writes it
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.daily_stats import sketch_of
from jobs.engine.run import Run
from jobs.engine.spark import Projection, Twin
from jobs.engine.spark_command import main
from jobs.partials import buckets, moments
from jobs.partials.merge import integers
from jobs.partials.places import DEVICES, UNMATCHED, series_keys
from jobs.partials.schema import SKETCH, STATS
from jobs.readings import zones
from jobs.site_stats import SITES, SiteStats, finished

SERIES = ["device_id", "metric", "unit", "bucket"]
INDEX = pa.field("index", pa.int32())  # the sketch's bucket of the value; null without quantiles


def projection(run: Run) -> Projection:
    """A reading as a partial row of one: its exact words, and the sketch's bucket of its value."""
    days = buckets.days(zones.load(run.settings.time_zone))
    return moments.single_rows(days, sketch_of(run.settings))


def aggregate(readings: DataFrame, run: Run) -> DataFrame:
    """Partial rows of each site; rows of its devices' number, and of its sketch with quantiles, beside them."""
    broadcast = SITES in run.tables
    metadata = run.table(SITES if broadcast else DEVICES.name).rename_columns(["known", "site", "begin", "end"])
    sites = readings.sparkSession.createDataFrame(metadata.to_pandas(), from_arrow_schema(metadata.schema))
    there = (
        (F.col("device_id") == F.col("known")) & (F.col("begin") <= F.col("first")) & (F.col("first") < F.col("end"))
    )
    joined = readings.join(F.broadcast(sites) if broadcast else sites.hint("shuffle_hash"), there, "left")
    placed = joined.withColumnRenamed("device_id", "device").withColumn(
        "device_id", F.coalesce("site", F.lit(UNMATCHED))
    )
    merges = [getattr(F, how)(column).alias(column) for column, how in STATS.merges.items()]
    stats = placed.groupBy(*SERIES, "window").agg(*merges)
    seen = placed.groupBy(*SERIES).agg(F.countDistinct("device").alias("devices"))
    rows = stats.unionByName(seen, allowMissingColumns=True)
    if run.settings.option("quantiles"):
        sketch = placed.groupBy(*SERIES, "index").agg(F.sum("count").alias("count"))
        rows = rows.unionByName(sketch, allowMissingColumns=True)
    else:
        rows = rows.withColumn("index", F.lit(None).cast("int"))
    return rows.repartition("device_id")


def finish(run: Run, rows: pa.Table) -> pa.Table:
    """One partition's sites, whole."""
    stats = rows.filter(rows["window"].is_valid()).select(STATS.columns.names).cast(STATS.columns)
    sketch = rows.filter(rows["index"].is_valid()).select(SKETCH.columns.names).cast(SKETCH.columns)
    seen = rows.filter(rows["devices"].is_valid())
    devices = integers(seen["devices"])[np.argsort(series_keys(seen))]
    return finished(run, stats, sketch, devices)


TWIN = Twin(SiteStats, STATS.columns.append(INDEX), projection, aggregate, finish)

if __name__ == "__main__":
    main(TWIN)
