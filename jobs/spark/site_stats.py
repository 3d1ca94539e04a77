"""Site statistics on Spark: a left join with the metadata, then groupings by site; Spark joins as --join says."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.engine.run import Run
from jobs.engine.spark import Projection, Twin
from jobs.engine.spark_command import main
from jobs.engine.statistics import sketch_of
from jobs.partials import buckets, moments
from jobs.partials.merge import integers
from jobs.partials.places import DEVICES, UNMATCHED, series_keys
from jobs.partials.schema import SKETCH, STATS
from jobs.readings import zones
from jobs.site_stats import SITES, SiteStats, finished
from jobs.spark.moments import ROWS, SERIES, add_up, split


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
    seen = placed.groupBy(*SERIES).agg(F.countDistinct("device").alias("devices"))
    rows = add_up(placed, sketched=bool(run.settings.option("quantiles"))).unionByName(seen, allowMissingColumns=True)
    return rows.repartition("device_id")


def finish(run: Run, rows: pa.Table) -> pa.Table:
    """One partition's sites, whole."""
    seen = rows.filter(rows["devices"].is_valid())
    devices = integers(seen["devices"])[np.argsort(series_keys(seen))]
    partials = split(rows.filter(rows["devices"].is_null()))
    return finished(run, partials[STATS.name], partials[SKETCH.name], devices)


TWIN = Twin(SiteStats, ROWS, projection, aggregate, finish)

if __name__ == "__main__":
    main(TWIN)
