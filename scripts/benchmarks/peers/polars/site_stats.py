from __future__ import annotations

import polars as pl

from scripts.benchmarks.peers.polars.statistics import DAY, STATISTICS


def query(readings: pl.LazyFrame, devices: str) -> pl.LazyFrame:
    placed = readings.join(pl.scan_csv(devices), on="device_id", how="left").with_columns(
        pl.col("site").fill_null("(unmatched)")
    )
    counted = pl.col("device_id").n_unique().alias("devices")
    return placed.group_by("site", "metric", DAY).agg(counted, *STATISTICS).sort("site", "metric", "date")
