"""Top devices on Spark: moments grouped by Spark, ranked by row_number over a window of each group.

What ranks is an integer in the order of the statistic, so that doubles compare as everywhere: -0.0 below 0.0.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.engine.devices import SITES
from jobs.engine.run import Run
from jobs.engine.spark import Mapping, Projection, Twin
from jobs.engine.spark_command import main
from jobs.lake.runs import in_order
from jobs.partials import moments
from jobs.partials.places import site_and_device
from jobs.partials.ranking import RANK, order_of
from jobs.partials.schema import STATS
from jobs.readings.arrays import from_numpy
from jobs.spark.moments import SERIES
from jobs.spark.places import with_sites
from jobs.top_devices import TopDevices, buckets_of, finished, groups_of

ORDER = "order"


def projection(run: Run) -> Projection:
    """A reading as a partial row of one."""
    rows = moments.single_rows(buckets_of(run), None)
    return lambda readings: rows(readings).select(STATS.columns.names)


def aggregate(readings: DataFrame, run: Run) -> DataFrame:
    """The devices' statistics, then the first rows of each group by rank."""
    if run.settings.option("per") == "site":
        readings = with_sites(readings, run.table(SITES))
    series = [name for name in ("site", *SERIES) if name in readings.columns]
    merges = [getattr(F, how)(column).alias(column) for column, how in STATS.merges.items()]
    partial = readings.groupBy(*series, "window").agg(*merges).repartition(*series)
    schema = TopDevices.schema(run.settings)
    shown = pa.schema([*(schema.field(name) for name in schema.names if name != RANK), pa.field(ORDER, pa.int64())])
    statistics = partial.mapInArrow(_finisher(run, shown), from_arrow_schema(shown))
    ranking = Window.partitionBy(*groups_of(run)).orderBy(ORDER, "device_id")
    return statistics.withColumn(RANK, F.row_number().over(ranking)).where(F.col(RANK) <= run.settings.option("top"))


def _finisher(run: Run, shown: pa.Schema) -> Mapping:
    """Merged partial rows of a partition in, the statistics of its devices out."""
    statistic, lowest = run.settings.option("statistic"), run.settings.option("lowest")

    def finish(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows = finished(run, pa.concat_tables([STATS.empty(), *map(_stats, batches)]))
        rows = rows.filter(rows[statistic].is_valid())
        rows = rows.append_column(ORDER, from_numpy(order_of(rows[statistic], lowest=lowest)))
        yield from rows.select(shown.names).cast(shown).to_batches()

    return finish


def _stats(batch: pa.RecordBatch) -> pa.Table:
    """Rows of STATS, of devices at sites where there is a `site`."""
    rows = pa.Table.from_batches([batch])
    if "site" in rows.column_names:
        named = site_and_device(batch.column("device_id"), batch.column("site"))
        rows = rows.set_column(rows.column_names.index("device_id"), "device_id", named)
    return rows.select(STATS.columns.names).cast(STATS.columns)


def finish(run: Run, rows: pa.Table) -> pa.Table:
    """One partition's rows in the order of the result."""
    return in_order(rows.select(TopDevices.schema(run.settings).names), TopDevices.keys(run.settings))


TWIN = Twin(TopDevices, STATS.columns, projection, aggregate, finish)

if __name__ == "__main__":
    main(TWIN)
