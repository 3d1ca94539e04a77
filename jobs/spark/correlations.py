"""Correlations on Spark: groupBy adds up each series' windows; pairs are made where the windows of a device, or the
means of a metric, are together."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.correlations import Correlations, between_devices, buckets, window_means
from jobs.engine.run import Run
from jobs.engine.spark import Mapping, Projection, Twin
from jobs.engine.spark_command import main
from jobs.partials import moments
from jobs.partials.correlation import MEANS, by_metric
from jobs.spark.moments import ROWS, add_up, split

SERIES = ["device_id", "metric", "unit"]
WINDOW_MEANS = pa.schema([*((name, pa.string()) for name in SERIES), ("window", pa.int64()), ("mean", pa.float64())])


def projection(run: Run) -> Projection:
    """A reading as a partial row of one: its window and its exact words."""
    return moments.single_rows(buckets(run.settings), None)


def aggregate(readings: DataFrame, run: Run) -> DataFrame:
    """Partial rows of each series and window, those of a device in one partition; or means, those of a metric."""
    sums = add_up(readings, sketched=False).repartition("device_id")
    if not between_devices(run.settings):
        return sums
    means = sums.mapInArrow(to_means(run), from_arrow_schema(WINDOW_MEANS))
    return means.repartition("metric", "unit")


def to_means(run: Run) -> Mapping:
    """Partial rows of whole devices in, means out."""

    def convert(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        run.provide_zones()
        held = list(batches)
        if held:
            means = window_means(run, split(pa.Table.from_batches(held)))
            yield from means.select(WINDOW_MEANS.names).cast(WINDOW_MEANS).to_batches()

    return convert


def finish(run: Run, rows: pa.Table) -> pa.Table:
    """One partition's devices or metrics, whole."""
    if between_devices(run.settings):
        return Correlations.finish(run, {MEANS.name: by_metric(rows)})
    return Correlations.finish(run, split(rows))


TWIN = Twin(Correlations, ROWS, projection, aggregate, finish)

if __name__ == "__main__":
    main(TWIN)
