"""Histograms on Spark: the same bins and finish; counting is Spark's."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.engine.run import Run
from jobs.engine.spark import Projection, Twin
from jobs.engine.spark_command import main
from jobs.histogram import WHOLE, Histogram, edges_of, mode_of, sketch_of
from jobs.partials import moments
from jobs.partials.binning import bins_of
from jobs.partials.grouping import ALL
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Readings
from jobs.spark.moments import ROWS, SERIES, add_up, split
from jobs.spark.places import by_group


def projection(run: Run) -> Projection:
    """A reading as a partial row of one: its exact words, and its bin as the index."""
    single = moments.single_rows(WHOLE, sketch_of(run.settings))
    if mode_of(run.settings) not in ("edges", "bins"):
        return single
    edges = edges_of(run.settings)

    def rows(readings: Readings) -> pa.RecordBatch:
        bins = bins_of(edges.of(readings.keys.series_texts()), readings.series.astype(np.int64), readings.value)
        table = single(readings)
        columns = [*table.columns[:-1], from_numpy(bins.astype(np.int32))]
        return pa.RecordBatch.from_arrays(columns, schema=table.schema)

    return rows


def aggregate(readings: DataFrame, run: Run) -> DataFrame:
    """Partial rows of each series and bin; of the survey, of each metric and unit."""
    mode = mode_of(run.settings)
    rows = readings.withColumn("device_id", F.lit(ALL)) if mode == "survey" else by_group(readings, run)
    if mode in ("edges", "bins"):
        rows = rows.withColumn("bucket", F.lit(0).cast("long"))
    return add_up(rows, sketched=mode != "survey", together=SERIES[:-1])


def finish(run: Run, rows: pa.Table) -> pa.Table:
    """One partition's keys, whole."""
    return Histogram.finish(run, split(rows))


TWIN = Twin(Histogram, ROWS, projection, aggregate, finish)

if __name__ == "__main__":
    main(TWIN)
