from __future__ import annotations

import polars as pl

from scripts.benchmarks.peers.polars.statistics import DAY, MOMENTS, TIME, VALUE


def query(readings: pl.LazyFrame) -> pl.LazyFrame:
    weekday, hour = (
        DAY.str.to_date().dt.weekday().alias("day_of_week"),
        TIME.str.slice(11, 2).cast(pl.Int8).alias("hour"),
    )
    quantiles = (VALUE.quantile(q, "lower").alias(f"q{q}") for q in (0.25, 0.5, 0.75))
    keys = ("device_id", "metric", "day_of_week", "hour")
    return readings.with_columns(weekday, hour).group_by(keys).agg(*MOMENTS, *quantiles).sort(keys)
