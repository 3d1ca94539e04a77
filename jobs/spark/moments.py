"""Partial rows of moments and sketches as Spark adds them up: plain sums, minima and maxima of integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.partials.schema import SKETCH, STATS
from jobs.readings.arrays import from_numpy

SERIES = ["device_id", "metric", "unit", "bucket"]
ROWS = STATS.columns.append(pa.field("index", pa.int32()))  # the sketch's bucket of the value; null without one


def add_up(readings: DataFrame, *, sketched: bool, together: Sequence[str] = SERIES, joined: bool = False) -> DataFrame:
    """Partial rows of each series, bucket and window of magnitudes; with a sketch, its rows beside them.

    Rows that agree in the columns `together` come into one partition. joined: the rows are not those of readings, but
    of `join`.
    """
    merges = [getattr(F, how)(column).alias(column) for column, how in STATS.merges.items()]
    if not sketched:
        rows = readings.groupBy(*SERIES, "window").agg(*merges).withColumn("index", F.lit(None).cast("int"))
    else:
        if joined:
            fine, counted = readings.where(F.col("index").isNull()), readings.where(F.col("index").isNotNull())
        else:
            fine = counted = readings.groupBy(*SERIES, "window", "index").agg(*merges).persist()
        stats = fine.groupBy(*SERIES, "window").agg(*merges)
        sketch = counted.groupBy(*SERIES, "index").agg(F.sum("count").alias("count"))
        rows = stats.unionByName(sketch, allowMissingColumns=True)
    return rows.repartition(*together)


def join(partials: Mapping[str, pa.Table]) -> pa.Table:
    """The rows of both kinds as such of ROWS; what those of the sketch have no columns for is zero."""
    stats, sketch = (partials.get(kind.name, kind.empty()) for kind in (STATS, SKETCH))
    zeros = from_numpy(np.zeros(len(sketch), np.int64))
    columns = [sketch[f.name] if f.name in sketch.column_names else zeros.cast(f.type) for f in ROWS]
    return pa.concat_tables(
        [
            stats.append_column(ROWS.field("index"), pa.nulls(len(stats), pa.int32())),
            pa.Table.from_arrays(columns, schema=ROWS),
        ]
    )


def split(rows: pa.Table) -> dict[str, pa.Table]:
    """The rows of both kinds."""
    is_stats = rows["index"].is_null()
    stats = rows.filter(is_stats).select(STATS.columns.names).cast(STATS.columns)
    sketch = rows.filter(rows["index"].is_valid()).select(SKETCH.columns.names).cast(SKETCH.columns)
    return {STATS.name: stats, SKETCH.name: sketch}
