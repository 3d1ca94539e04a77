"""Anomalies on Spark: each series as a pandas frame in the order of time, scored reading by reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.anomalies import Anomalies, rules_of
from jobs.engine.run import Run
from jobs.engine.spark import Projection, Twin
from jobs.engine.spark_command import main
from jobs.partials.anomalies import ANOMALIES, finish, open_judge, show
from jobs.partials.images import to_images
from jobs.readings.model import Readings

if TYPE_CHECKING:
    import pandas as pd

SERIES = ["device_id", "metric", "unit"]
TEXTS = [*SERIES, "detector", "reason"]
READ = pa.schema([pa.field(f.name, f.type) for f in list(ANOMALIES.columns)[:5]])  # pandas knows no year 2300: µs


def projection(run: Run) -> Projection:
    """Who, when and what."""

    def project(readings: Readings) -> pa.RecordBatch:
        columns = readings.to_arrow()
        time = pa.array(readings.timestamp)
        arrays = [*(columns.column(name) for name in SERIES), time, columns.column("value")]
        return pa.RecordBatch.from_arrays(arrays, schema=READ)

    return project


def judged(run: Run) -> Callable[[tuple[object, ...], pd.DataFrame], pd.DataFrame]:
    """What makes a series' ANOMALIES rows of its readings."""

    def judge(key: tuple[object, ...], readings: pd.DataFrame) -> pd.DataFrame:
        run.provide_zones()
        rules = rules_of(run.settings)
        time, value = (readings[name].to_numpy() for name in ("timestamp", "value"))
        order = np.lexsort((to_images(value), time))
        time, value = time[order], value[order]
        hour = rules.hours.of(time)
        judgement = open_judge(run.kernel).judge(np.zeros(len(time), np.int64), hour, value)
        tables = []
        for detector in rules.detectors:
            rows, shown = show(rules, detector, judgement, time, hour, value)
            who = [pa.array([text if isinstance(text, str) else None] * len(rows), pa.string()) for text in key]
            tables.append(pa.Table.from_arrays([*who, *shown], schema=ANOMALIES.columns))
        rows = pa.concat_tables(tables).to_pandas()
        return rows.astype(dict.fromkeys(TEXTS, object))  # pandas 3 makes chunked texts, which Spark refuses

    return judge


def aggregate(readings: DataFrame, run: Run) -> DataFrame:
    """ANOMALIES rows of each series."""
    return readings.groupBy(*SERIES).applyInPandas(judged(run), from_arrow_schema(ANOMALIES.columns))


def finish_rows(run: Run, rows: pa.Table) -> pa.Table:
    """One partition's rows, in order."""
    return finish(rows.cast(ANOMALIES.columns))


TWIN = Twin(Anomalies, READ, projection, aggregate, finish_rows)

if __name__ == "__main__":
    main(TWIN)
