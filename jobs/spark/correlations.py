"""Correlations on Spark: groupBy adds up each series' windows; pairs are made where a device's windows are together."""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import DataFrame

from jobs.correlations import Correlations, buckets
from jobs.engine.run import Run
from jobs.engine.spark import Projection, Twin
from jobs.engine.spark_command import main
from jobs.partials import moments
from jobs.spark.moments import ROWS, add_up, split


def projection(run: Run) -> Projection:
    """A reading as a partial row of one: its window and its exact words."""
    return moments.single_rows(buckets(run.settings), None)


def aggregate(readings: DataFrame, run: Run) -> DataFrame:
    """Partial rows of each series and window, those of a device in one partition."""
    return add_up(readings, sketched=False).repartition("device_id")


def finish(run: Run, rows: pa.Table) -> pa.Table:
    """One partition's devices, whole."""
    return Correlations.finish(run, split(rows))


TWIN = Twin(Correlations, ROWS, projection, aggregate, finish)

if __name__ == "__main__":
    main(TWIN)
