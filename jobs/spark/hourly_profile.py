"""Hourly profiles on Spark: the same columns, words, hours and finish; grouping is Spark's.

The exact words of a value and of its square are columns of integers, so that plain sums are exact in any order.
"""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import DataFrame

from jobs.engine.run import Run
from jobs.engine.spark import Projection, Twin
from jobs.engine.spark_command import main
from jobs.engine.statistics import sketch_of
from jobs.hourly_profile import HourlyProfile
from jobs.partials import moments, profile
from jobs.readings import zones
from jobs.spark.moments import ROWS, add_up, split
from jobs.spark.places import by_group


def projection(run: Run) -> Projection:
    """A reading as a partial row of one: its hour, its exact words, and the sketch's bucket of its value."""
    hours = profile.buckets_of(run.settings.option("period"), zones.load(run.settings.time_zone))
    return moments.single_rows(hours, sketch_of(run.settings))


def aggregate(readings: DataFrame, run: Run) -> DataFrame:
    """Partial rows of each series and hour."""
    return add_up(by_group(readings, run), sketched=bool(run.settings.option("quantiles")))


def finish(run: Run, rows: pa.Table) -> pa.Table:
    """One partition's keys, whole."""
    return HourlyProfile.finish(run, split(rows))


TWIN = Twin(HourlyProfile, ROWS, projection, aggregate, finish)

if __name__ == "__main__":
    main(TWIN)
