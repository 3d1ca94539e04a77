"""Windows of an hour; `window_end` is left out."""

from __future__ import annotations

import polars as pl

from scripts.benchmarks.peers.polars.statistics import STATISTICS, TIME


def query(readings: pl.LazyFrame) -> pl.LazyFrame:
    hour = TIME.str.slice(0, 13).alias("window_start")
    found = readings.group_by("device_id", "metric", hour).agg(STATISTICS).sort("device_id", "metric", "window_start")
    return found.with_columns(pl.col("window_start") + ":00:00Z")
