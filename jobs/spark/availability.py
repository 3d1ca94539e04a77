"""Availability on Spark: distinct times, the one before each by `lag`, and the gaps where it lies too far back.

The interval of a series is a median by rank, over a window of its first differences.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.availability import Availability, rules_of
from jobs.engine.run import Run
from jobs.engine.spark import Mapping, Projection, Twin
from jobs.engine.spark_command import main
from jobs.partials import availability
from jobs.partials.availability import DAYS, GAPS, INFERRED_FROM, MOST_LOST, UNSEEN
from jobs.partials.merge import integers
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Readings

SERIES = ["device_id", "metric", "unit"]
ARRIVALS = pa.schema(
    [
        *list(DAYS.columns)[:3],
        ("value", pa.float64()),
        ("timestamp", pa.int64()),
        ("bucket", pa.int64()),
    ]
)
CUT = pa.schema([pa.field(f.name, f.type) for f in DAYS.columns])


def projection(run: Run) -> Projection:
    """Who and when; values matter where they number messages."""
    days = rules_of(run.settings).buckets

    def project(readings: Readings) -> pa.RecordBatch:
        columns = readings.to_arrow()
        arrays = [columns.column(name) for name in (*SERIES, "value")]
        bucket = from_numpy(days.of(readings.timestamp))
        return pa.RecordBatch.from_arrays([*arrays, from_numpy(readings.timestamp), bucket], schema=ARRIVALS)

    return project


def aggregate(readings: DataFrame, run: Run) -> DataFrame:
    """Rows of DAYS of each series and day; or rows of GAPS."""
    rules = rules_of(run.settings)
    whole = Window.partitionBy(*SERIES)
    times = readings.drop("value").distinct().withColumn("before", F.lag("timestamp").over(whole.orderBy("timestamp")))
    times = times.withColumn("difference", F.col("timestamp") - F.col("before"))
    if rules.interval is not None:
        times = times.withColumn("interval", F.lit(rules.interval).cast("long"))
    else:
        times = _with_mean(_with_median(times)).withColumn("interval", _rounded(F.col("mean")))

    pairs = times.where("before is not null").select(*SERIES, "before", "timestamp", "interval")
    ends = times.groupBy(*SERIES).agg(F.min("timestamp"), F.max("timestamp"), F.max("interval").alias("interval"))
    ends = ends.toDF(*SERIES, "first", "last", "interval").where("interval is not null")
    if rules.since is not None:
        since = F.lit(rules.since).cast("long")
        pairs = pairs.unionByName(
            ends.select(
                *SERIES, (since - F.col("interval")).alias("before"), F.col("first").alias("timestamp"), "interval"
            )
        )
    if rules.until is not None:
        until = F.lit(rules.until).cast("long").alias("timestamp")
        pairs = pairs.unionByName(ends.select(*SERIES, F.col("last").alias("before"), until, "interval"))
    length = F.col("timestamp") - F.col("before")
    least = F.least(F.col("interval") * 3, F.lit(2 * (rules.gap_after or 2**60)).cast("long"))
    silent = pairs.where(length * 2 > least)

    if rules.listed:
        return silent.mapInArrow(_gaps(run), from_arrow_schema(GAPS.columns)).repartition(*SERIES)
    arrived = times.groupBy(*SERIES, "bucket", F.col("bucket").alias("until")).agg(
        F.count("*").alias("received"),
        F.min("timestamp").alias("first"),
        F.max("timestamp").alias("last"),
        F.max(F.coalesce("interval", F.lit(0))).alias("interval"),
        *(F.lit(0).cast("long").alias(name) for name in ("down", "gaps", "begun", "longest", "lost")),
    )
    shared = silent.mapInArrow(_shared(run), from_arrow_schema(CUT))
    merges = [getattr(F, how)(column).alias(column) for column, how in DAYS.merges.items()]
    rows = arrived.unionByName(shared).unionByName(_lost(readings, rules)).groupBy(*DAYS.keys).agg(*merges)
    return rows.repartition(*SERIES)


def _lost(readings: DataFrame, rules: availability.Rules) -> DataFrame:
    """Rows of DAYS with what sequences of numbers left out."""
    order = Window.partitionBy(*SERIES).orderBy("timestamp", "value")
    between = F.col("value") - F.lag("value").over(order) - 1
    lost = F.least(F.greatest(between, F.lit(0.0)), F.lit(float(MOST_LOST))).cast("long")
    found = readings.where(F.col("metric") == F.lit(rules.numbered)).withColumn("lost", F.coalesce(lost, F.lit(0)))
    edges = dict(zip(("first", "last"), UNSEEN, strict=True))
    rest = [F.lit(edges.get(name, 0)).cast("long").alias(name) for name in DAYS.merges if name != "lost"]
    return found.select(*SERIES, "bucket", F.col("bucket").alias("until"), *rest, "lost")


def _with_median(times: DataFrame) -> DataFrame:
    """`median`: of each series' first differences in the order of time, the lower one of two in the middle."""
    whole = Window.partitionBy(*SERIES)
    number = F.row_number().over(whole.orderBy("timestamp")) - 1  # of the difference; the first arrival has none
    times = times.withColumn("is_early", number.between(1, INFERRED_FROM))
    rank = F.row_number().over(Window.partitionBy(*SERIES, "is_early").orderBy("difference"))
    size = F.count("*").over(Window.partitionBy(*SERIES, "is_early"))
    times = times.withColumn("is_median", F.col("is_early") & (rank == F.floor((size + 1) / 2)))
    return times.withColumn("median", F.max(F.when(F.col("is_median"), F.col("difference"))).over(whole))


def _with_mean(times: DataFrame) -> DataFrame:
    """`mean`: of those of them that are from half of the median to one and a half of it, to whole µs, the half up."""
    whole = Window.partitionBy(*SERIES)
    twice = F.col("difference") * 2
    is_one = F.col("is_early") & twice.between(F.col("median"), F.col("median") * 3)
    total, count = (F.sum(F.when(is_one, column)).over(whole) for column in (F.col("difference"), F.lit(1)))
    times = times.withColumn("total", total).withColumn("count", count)
    return times.withColumn("mean", F.expr("(2 * total + count) div (2 * count)"))


def _rounded(number: Column) -> Column:
    """To four significant digits, the half up."""
    unit = F.pow(F.lit(10), F.greatest(F.length(number.cast("string")) - 4, F.lit(0))).cast("long")
    return F.floor((number + F.floor(unit / 2)) / unit) * unit


def _silences(run: Run, rows: pa.Table) -> availability.Silences:
    """The silences of pairs of arrivals; a silence's series is the number of its row."""
    before, time, interval = (integers(rows.column(name)) for name in ("before", "timestamp", "interval"))
    return availability.silences(rules_of(run.settings), np.arange(len(rows)), before, time, interval)


def _shared(run: Run) -> Mapping:
    """Pairs of arrivals in, their silences shared out to days: rows of DAYS."""

    def convert(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        run.provide_zones()
        for batch in filter(len, batches):
            rows = pa.Table.from_batches([batch])
            row, columns = availability.by_day(_silences(run, rows), rules_of(run.settings))
            yield _owned(rows, row, columns, CUT)

    return convert


def _gaps(run: Run) -> Mapping:
    """Pairs of arrivals in, rows of GAPS out."""

    def convert(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        run.provide_zones()
        for batch in filter(len, batches):
            rows = pa.Table.from_batches([batch])
            found = _silences(run, rows)
            gaps = found.take(found.is_gap)
            yield _owned(rows, gaps.series, [gaps.start, gaps.end, gaps.missing], GAPS.columns)

    return convert


def _owned(rows: pa.Table, row: np.ndarray, columns: list[np.ndarray], schema: pa.Schema) -> pa.RecordBatch:
    """Columns of integers behind the series of their rows."""
    owner = rows.select(SERIES).take(from_numpy(row)).combine_chunks()
    arrays = [owner.column(name).combine_chunks() for name in SERIES]
    return pa.RecordBatch.from_arrays([*arrays, *map(pa.array, columns)], schema=schema)


def finish(run: Run, rows: pa.Table) -> Iterator[pa.Table]:
    """One partition's series, whole."""
    kind = GAPS if rules_of(run.settings).listed else DAYS
    return Availability.finish_in_pieces(run, {kind.name: rows.select(kind.columns.names).cast(kind.columns)})


TWIN = Twin(Availability, ARRIVALS, projection, aggregate, finish)

if __name__ == "__main__":
    main(TWIN)
