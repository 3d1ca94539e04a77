"""Rollups on Spark: the same columns, words, windows and finish; grouping is Spark's.

The exact words of a value and of its square are columns of integers, so that plain sums are exact in any order.
"""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import DataFrame

from jobs.engine.run import Run
from jobs.engine.spark import Projection, Twin
from jobs.engine.spark_command import main
from jobs.engine.statistics import sketch_of
from jobs.partials import moments, windows
from jobs.rollup import Rollup, window_of
from jobs.spark.moments import ROWS, SERIES, add_up, join, split
from jobs.spark.places import by_group


def projection(run: Run) -> Projection:
    """A reading as a partial row of one: its window, its exact words, and the sketch's bucket of its value."""
    return moments.single_rows(window_of(run), sketch_of(run.settings))


def aggregate(readings: DataFrame, run: Run) -> DataFrame:
    """Partial rows of each series and window."""
    # readings with and without a time share the window `all`
    together = SERIES[:-1] if run.settings.option("window") == windows.ALL else SERIES
    sketched = bool(run.settings.option("quantiles"))
    return add_up(by_group(readings, run), sketched=sketched, together=together, joined=bool(run.resumed))


def finish(run: Run, rows: pa.Table) -> pa.Table:
    """One partition's keys, whole."""
    return Rollup.finish(run, split(rows))


TWIN = Twin(Rollup, ROWS, projection, aggregate, finish, resume=join)

if __name__ == "__main__":
    main(TWIN)
