"""Daily statistics on Spark: the same columns, words and finish; grouping is Spark's.

The exact words of a value and of its square are columns of integers, so that plain sums are exact in any order.
"""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import DataFrame

from jobs.daily_stats import DailyStats
from jobs.engine.run import Run
from jobs.engine.spark import Projection, Twin
from jobs.engine.spark_command import main
from jobs.engine.statistics import sketch_of
from jobs.partials import buckets, moments
from jobs.readings import zones
from jobs.spark.moments import ROWS, add_up, split
from jobs.spark.places import by_group


def projection(run: Run) -> Projection:
    """A reading as a partial row of one: its exact words, and the sketch's bucket of its value."""
    days = buckets.days(zones.load(run.settings.time_zone))
    return moments.single_rows(days, sketch_of(run.settings))


def aggregate(readings: DataFrame, run: Run) -> DataFrame:
    """Partial rows of each series and day; with quantiles, the rows of their sketch beside them."""
    return add_up(by_group(readings, run), sketched=bool(run.settings.option("quantiles")))


def finish(run: Run, rows: pa.Table) -> pa.Table:
    """One partition's keys, whole."""
    return DailyStats.finish(run, split(rows))


TWIN = Twin(DailyStats, ROWS, projection, aggregate, finish)

if __name__ == "__main__":
    main(TWIN)
