"""Site statistics on Spark: a left join with the metadata, then groupings by site; Spark joins as --join says."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.engine.devices import SITES
from jobs.engine.run import Run
from jobs.engine.spark import Projection, Twin
from jobs.engine.spark_command import main
from jobs.engine.statistics import sketch_of
from jobs.partials import buckets, moments
from jobs.partials.merge import integers
from jobs.partials.places import DEVICES, series_keys
from jobs.partials.schema import SKETCH, STATS
from jobs.readings import zones
from jobs.site_stats import SiteStats, finished
from jobs.spark.moments import ROWS, SERIES, add_up, split
from jobs.spark.places import with_sites


def projection(run: Run) -> Projection:
    """A reading as a partial row of one: its exact words, and the sketch's bucket of its value."""
    days = buckets.days(zones.load(run.settings.time_zone))
    return moments.single_rows(days, sketch_of(run.settings))


def aggregate(readings: DataFrame, run: Run) -> DataFrame:
    """Partial rows of each site; rows of its devices' number, and of its sketch with quantiles, beside them."""
    broadcast = SITES in run.tables
    joined = with_sites(readings, run.table(SITES if broadcast else DEVICES.name), broadcast=broadcast)
    placed = joined.withColumnRenamed("device_id", "device").withColumnRenamed("site", "device_id")
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
