from __future__ import annotations

import polars as pl

from scripts.benchmarks.peers.polars.statistics import VALUE


def query(readings: pl.LazyFrame) -> pl.LazyFrame:
    devices = readings.group_by("metric", "device_id").agg(VALUE.mean().alias("mean"), VALUE.len().alias("count"))
    ordered = devices.sort("metric", "mean", "device_id", descending=[False, True, False])
    best = ordered.group_by("metric", maintain_order=True).head(10)
    return best.with_columns(pl.int_range(1, pl.len() + 1).over("metric").alias("rank"))
