"""Anomalies on Spark: each series as a pandas frame in the order of time, scored reading by reading; and a join with
the baseline for the detector that compares with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.anomalies import BASELINE, Anomalies, rules_of
from jobs.engine.run import Run
from jobs.engine.spark import Mapping, Projection, Twin
from jobs.engine.spark_command import main
from jobs.partials.anomalies import ANOMALIES, PROFILE, finish, open_judge, show, show_deviations, unknown
from jobs.partials.deviation import USUAL, Deviations
from jobs.partials.images import to_images
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Readings

if TYPE_CHECKING:
    import pandas as pd

SERIES = ["device_id", "metric", "unit"]
TEXTS = [*SERIES, "detector", "reason"]
READ = pa.schema(
    [*([pa.field(f.name, f.type) for f in list(ANOMALIES.columns)[:5]]), pa.field("hour", pa.int64())]
)  # pandas knows no year 2300: µs


def projection(run: Run) -> Projection:
    """Who, when and what, and the local hour since 1970-01-01 00:00."""
    hours = rules_of(run.settings).hours

    def project(readings: Readings) -> pa.RecordBatch:
        columns = readings.to_arrow()
        time, hour = from_numpy(readings.timestamp), from_numpy(hours.of(readings.timestamp))
        arrays = [*(columns.column(name) for name in SERIES), time, columns.column("value"), hour]
        return pa.RecordBatch.from_arrays(arrays, schema=READ)

    return project


def judged(run: Run) -> Callable[[tuple[object, ...], pd.DataFrame], pd.DataFrame]:
    """What makes a series' ANOMALIES rows of its readings."""

    def judge(key: tuple[object, ...], readings: pd.DataFrame) -> pd.DataFrame:
        run.provide_zones()
        rules = rules_of(run.settings)
        time, value, hour = (readings[name].to_numpy() for name in ("timestamp", "value", "hour"))
        order = np.lexsort((to_images(value), time))
        time, value, hour = time[order], value[order], hour[order]
        judgement = open_judge(run.kernel).judge(np.zeros(len(time), np.int64), hour, value)
        tables = []
        for detector in walks(run):
            rows, shown = show(rules, detector, judgement, time, hour, value)
            who = [pa.array([text if isinstance(text, str) else None] * len(rows), pa.string()) for text in key]
            tables.append(pa.Table.from_arrays([*who, *shown], schema=ANOMALIES.columns))
        rows = pa.concat_tables(tables).to_pandas()
        return rows.astype(dict.fromkeys(TEXTS, object))  # pandas 3 makes chunked texts, which Spark refuses

    return judge


def walks(run: Run) -> list[str]:
    """The detectors that walk through a series."""
    return [detector for detector in rules_of(run.settings).detectors if detector != PROFILE]


def aggregate(readings: DataFrame, run: Run) -> DataFrame:
    """ANOMALIES rows of each series, and those of readings beside their baseline."""
    rows = from_arrow_schema(ANOMALIES.columns)
    found = []
    if walks(run):
        found.append(readings.groupBy(*SERIES).applyInPandas(judged(run), rows))
    if BASELINE in run.tables:
        beside, weekly = with_usual(readings, run.table(BASELINE))
        found.append(beside.mapInArrow(compared(run, weekly=weekly), rows))
    return reduce(DataFrame.unionByName, found)


def with_usual(readings: DataFrame, baseline: pa.Table) -> tuple[DataFrame, bool]:
    """Readings with what is usual of their series and hour, null where the baseline has nothing; and whether its hours
    are those of the week. Hours count from a Thursday, 0 o'clock."""
    weekly, by_device = (name in baseline.column_names for name in ("day_of_week", "device_id"))
    known = baseline.rename_columns([f"usual_{name}" for name in baseline.column_names])
    usual = readings.sparkSession.createDataFrame(known.to_pandas(), from_arrow_schema(known.schema))
    there = (F.col("metric") == F.col("usual_metric")) & F.col("unit").eqNullSafe(F.col("usual_unit"))
    there &= F.pmod(F.col("hour"), F.lit(24)) == F.col("usual_hour")
    if weekly:
        there &= F.pmod(F.floor(F.col("hour") / 24) + 3, F.lit(7)) + 1 == F.col("usual_day_of_week")
    if by_device:
        there &= F.col("device_id") == F.col("usual_device_id")
    return readings.join(usual, there, "left").select(*READ.names, *(f"usual_{name}" for name in USUAL.names)), weekly


def compared(run: Run, *, weekly: bool) -> Mapping:
    """Readings with what is usual in, ANOMALIES rows out."""

    def compare(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        run.provide_zones()
        rules, count = rules_of(run.settings), 0
        for batch in batches:
            time, value, hour, level, spread = (
                batch[name].to_numpy(zero_copy_only=False)
                for name in ("timestamp", "value", "hour", "usual_level", "usual_spread")
            )
            is_median = batch["usual_is_median"].fill_null(False).to_numpy(zero_copy_only=False)
            found = Deviations(value, level, spread, is_median, weekly)
            rows, shown = show_deviations(rules, found, time, hour)
            who = [batch[name].take(from_numpy(rows)) for name in SERIES]
            count += int(np.count_nonzero(~found.is_known))
            yield pa.RecordBatch.from_arrays([*who, *shown], schema=ANOMALIES.columns)
        if count:
            yield from unknown(count).to_batches()

    return compare


def finish_rows(run: Run, rows: pa.Table) -> pa.Table:
    """One partition's rows, in order."""
    return finish(rows.cast(ANOMALIES.columns))


TWIN = Twin(Anomalies, READ, projection, aggregate, finish_rows)

if __name__ == "__main__":
    main(TWIN)
