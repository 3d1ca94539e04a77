"""The readings themselves on Spark: one partition a split, in the order of the input."""

from __future__ import annotations

from pyspark.sql import DataFrame

from jobs.engine.run import Run
from jobs.engine.spark import Projection, Twin
from jobs.engine.spark_command import main
from jobs.extract import Extract
from jobs.readings.model import SCHEMA, Readings


def projection(run: Run) -> Projection:
    """Readings as they are."""
    return Readings.to_arrow


def aggregate(readings: DataFrame, run: Run) -> DataFrame:
    """Nothing to group: the rows keep their order within each split's partition."""
    return readings


TWIN = Twin(Extract, SCHEMA, projection, aggregate)

if __name__ == "__main__":
    main(TWIN)
