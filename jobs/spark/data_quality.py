"""Data quality on Spark: `lag` finds repeats, conflicts and jumps, running sums find runs of equal values.

Absent values are rows of the same DataFrame, in windows of their own. With --per object there is nothing to
group: tasks report what they read.
"""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.data_quality import DataQuality, rules_of
from jobs.engine.run import Run
from jobs.engine.spark import Projection, Twin
from jobs.engine.spark_columns import COMPARABLE, absences, comparable
from jobs.engine.spark_command import main
from jobs.partials.quality import QUALITY, Rules
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Absence, Readings

SERIES = ["device_id", "metric", "unit"]
INPUT = pa.schema(
    [
        *COMPARABLE,
        pa.field("value", pa.float64()),
        *(pa.field(name, pa.int64()) for name in ("bucket", "source", "part", "record")),
        pa.field("absence", pa.string()),
    ]
)


def projection(run: Run) -> Projection:
    """Readings with their bits and days, and where they stand: object, piece of it, number within the piece."""
    days = rules_of(run).buckets

    def project(readings: Readings) -> pa.RecordBatch:
        place = [pa.repeat(pa.scalar(number, pa.int64()), len(readings)) for number in readings.piece]
        more = [
            from_numpy(readings.value),
            from_numpy(days.of(readings.timestamp)),
            *place,
            from_numpy(readings.offset),
        ]
        columns = [*comparable(readings).columns, *more, absences(readings)]
        return pa.RecordBatch.from_arrays(columns, schema=INPUT)

    return project


def aggregate(readings: DataFrame, run: Run) -> DataFrame:
    """Rows of QUALITY, of each series and day."""
    rules = rules_of(run)
    in_time = Window.partitionBy(*SERIES, "absence").orderBy("timestamp", "bits")
    of_records = Window.partitionBy(*SERIES, "absence", "source").orderBy("part", "record")
    so_far = of_records.rowsBetween(Window.unboundedPreceding, -1)
    follows = readings.withColumns(
        {
            "is_same": F.col("bits").eqNullSafe(F.lag("bits").over(in_time)),
            "is_again": F.col("timestamp").eqNullSafe(F.lag("timestamp").over(in_time)),
            "change": F.abs(F.col("value") - F.lag("value").over(in_time)),
            "latest": F.max("timestamp").over(so_far) if rules.placed else F.lit(None).cast("long"),
        }
    )
    is_distinct = ~(F.col("is_same") & F.col("is_again"))
    runs = follows.withColumns({"is_distinct": is_distinct, "run": F.sum(_one(~F.col("is_same"))).over(in_time)})
    in_run = Window.partitionBy(*SERIES, "absence", "run")
    to_here = in_run.orderBy("timestamp", "bits").rowsBetween(Window.unboundedPreceding, 0)
    number = _one(F.col("is_distinct"))
    rows = runs.withColumns({"position": F.sum(number).over(to_here), "length": F.sum(number).over(in_run)})
    return rows.groupBy(*SERIES, "bucket").agg(*_counts(rules)).repartition("device_id")


def _counts(rules: Rules) -> list[Column]:
    low, high, step = (_limit(rules, name) for name in ("min", "max", "step"))
    before = F.lit(False) if rules.not_before is None else F.col("bucket") < rules.not_before
    faults = {
        "duplicates": ~F.col("is_distinct"),
        "conflicts": F.col("is_again") & ~F.col("is_same"),
        "out_of_order": F.col("timestamp") < F.col("latest"),
        "future": F.col("timestamp") > F.lit(rules.started).cast("long"),
        "past": before,
        "stuck": F.col("is_distinct") & (F.col("length") >= rules.stuck),
        "out_of_range": F.coalesce(F.col("value") < low, F.lit(False))
        | F.coalesce(F.col("value") > high, F.lit(False)),
        "jumps": F.col("change") > step,
    }
    there = F.col("absence").isNull()
    sums = [F.sum(_one(there & fault)).alias(name) for name, fault in faults.items()]
    absent = [F.sum(_one(F.col("absence") == F.lit(str(kind)))).alias(str(kind)) for kind in Absence]
    longest = F.max(F.when(there, F.col("position")).otherwise(F.lit(0).cast("long"))).alias("longest_run")
    return [F.sum(_one(there)).alias("readings"), *absent, *sums, longest]


def _one(condition: Column) -> Column:
    """1 where it holds, 0 where it does not or is null."""
    return F.when(condition, F.lit(1)).otherwise(F.lit(0)).cast("long")


def _limit(rules: Rules, name: str) -> Column:
    """The limit of each row's metric; null for none."""
    found = F.lit(None).cast("double")
    for metric, limits in rules.limits.items():
        if name in limits:
            found = F.when(F.col("metric") == F.lit(metric), F.lit(limits[name])).otherwise(found)
    return found


def finish(run: Run, rows: pa.Table) -> pa.Table:
    """One partition's devices, whole."""
    return DataQuality.finish(run, {QUALITY.name: rows.select(QUALITY.columns.names).cast(QUALITY.columns)})


TWIN = Twin(DataQuality, INPUT, projection, aggregate, finish)

if __name__ == "__main__":
    main(TWIN)
