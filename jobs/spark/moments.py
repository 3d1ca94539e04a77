"""Partial rows of moments and sketches as Spark adds them up: plain sums, minima and maxima of integers."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 - as everyone writes it

from jobs.partials.schema import SKETCH, STATS

SERIES = ["device_id", "metric", "unit", "bucket"]
ROWS = STATS.columns.append(pa.field("index", pa.int32()))  # the sketch's bucket of the value; null without one


def add_up(readings: DataFrame, *, sketched: bool, together: Sequence[str] = SERIES) -> DataFrame:
    """Partial rows of each series, bucket and window of magnitudes; with a sketch, its rows beside them.

    Rows that agree in the columns `together` come into one partition.
    """
    merges = [getattr(F, how)(column).alias(column) for column, how in STATS.merges.items()]
    if not sketched:
        rows = readings.groupBy(*SERIES, "window").agg(*merges).withColumn("index", F.lit(None).cast("int"))
    else:
        fine = readings.groupBy(*SERIES, "window", "index").agg(*merges).persist()
        stats = fine.groupBy(*SERIES, "window").agg(*merges)
        sketch = fine.groupBy(*SERIES, "index").agg(F.sum("count").alias("count"))
        rows = stats.unionByName(sketch, allowMissingColumns=True)
    return rows.repartition(*together)


def split(rows: pa.Table) -> dict[str, pa.Table]:
    """The rows of both kinds."""
    is_stats = rows["index"].is_null()
    stats = rows.filter(is_stats).select(STATS.columns.names).cast(STATS.columns)
    sketch = rows.filter(rows["index"].is_valid()).select(SKETCH.columns.names).cast(SKETCH.columns)
    return {STATS.name: stats, SKETCH.name: sketch}
