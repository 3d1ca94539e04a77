"""Daily statistics on Spark: the same columns, words and finish; grouping is Spark's.

The exact words of a value and of its square are columns of integers, so that plain sums are exact in any order.
"""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 - as everyone writes it

from jobs.daily_stats import DailyStats, sketch_of
from jobs.engine.run import Run
from jobs.engine.spark import Projection, Twin
from jobs.engine.spark_command import main
from jobs.partials import buckets, moments
from jobs.partials.schema import SKETCH, STATS
from jobs.readings import zones

SERIES = ["device_id", "metric", "unit", "bucket"]
INDEX = pa.field("index", pa.int32())  # the sketch's bucket of the value; null without quantiles


def projection(run: Run) -> Projection:
    """A reading as a partial row of one: its exact words, and the sketch's bucket of its value."""
    days = buckets.days(zones.load(run.settings.time_zone))
    return moments.single_rows(days, sketch_of(run.settings))


def aggregate(readings: DataFrame, run: Run) -> DataFrame:
    """Partial rows of each series, day and window; with quantiles, the rows of their sketch beside them."""
    merges = [getattr(F, how)(column).alias(column) for column, how in STATS.merges.items()]
    if not run.settings.option("quantiles"):
        rows = readings.groupBy(*SERIES, "window").agg(*merges).withColumn("index", F.lit(None).cast("int"))
    else:
        fine = readings.groupBy(*SERIES, "window", "index").agg(*merges).persist()
        stats = fine.groupBy(*SERIES, "window").agg(*merges)
        sketch = fine.groupBy(*SERIES, "index").agg(F.sum("count").alias("count"))
        rows = stats.unionByName(sketch, allowMissingColumns=True)
    return rows.repartition(*SERIES)


def finish(run: Run, rows: pa.Table) -> pa.Table:
    """One partition's keys, whole."""
    is_stats = rows["index"].is_null()
    stats = rows.filter(is_stats).select(STATS.columns.names).cast(STATS.columns)
    sketch = rows.filter(rows["index"].is_valid()).select(SKETCH.columns.names).cast(SKETCH.columns)
    return DailyStats.finish(run, {"stats": stats, "sketch": sketch})


TWIN = Twin(DailyStats, STATS.columns.append(INDEX), projection, aggregate, finish)

if __name__ == "__main__":
    main(TWIN)
