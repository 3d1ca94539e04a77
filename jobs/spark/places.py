"""Where devices stand, on Spark: a left join with their metadata; and the groups of `--by`."""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.engine.devices import SITES
from jobs.engine.run import Run
from jobs.partials.grouping import ALL
from jobs.partials.places import UNMATCHED


def with_sites(
    readings: DataFrame, metadata: pa.Table, *, device: str = "device_id", time: str = "first", broadcast: bool = True
) -> DataFrame:
    """The readings with `site`: that of their device at their time (µs since 1970 UTC), or UNMATCHED.

    metadata: rows of DEVICES. broadcast: or a shuffle hash join.
    """
    named = metadata.rename_columns(["known", "site", "begin", "end"])
    sites = readings.sparkSession.createDataFrame(named.to_pandas(), from_arrow_schema(named.schema))
    there = (F.col(device) == F.col("known")) & (F.col("begin") <= F.col(time)) & (F.col(time) < F.col("end"))
    joined = readings.join(F.broadcast(sites) if broadcast else sites.hint("shuffle_hash"), there, "left")
    return joined.withColumn("site", F.coalesce("site", F.lit(UNMATCHED))).drop("known", "begin", "end")


def by_group(readings: DataFrame, run: Run) -> DataFrame:
    """Rows whose `device_id` is the group that `--by` makes of them; those of earlier results have it already."""
    by = run.settings.option("by")
    if by == "metric":
        return readings.withColumn("device_id", F.lit(ALL))
    if by == "site" and not run.resumed:
        return with_sites(readings, run.table(SITES)).drop("device_id").withColumnRenamed("site", "device_id")
    return readings
