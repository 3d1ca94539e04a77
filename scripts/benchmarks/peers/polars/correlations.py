from __future__ import annotations

import polars as pl

from scripts.benchmarks.peers.polars.statistics import TIME, VALUE


def query(readings: pl.LazyFrame) -> pl.LazyFrame:
    hour = TIME.str.slice(0, 13).alias("window")
    means = readings.group_by("device_id", "metric", hour).agg(VALUE.mean().alias("mean"))
    pairs = means.join(means, on=["device_id", "window"], suffix="_2").filter(pl.col("metric") < pl.col("metric_2"))
    keys = ("device_id", "metric_1", "metric_2")
    found = (
        pairs.rename({"metric": "metric_1"})
        .group_by(keys)
        .agg(
            pl.lit(0).alias("lag"),
            pl.len().alias("n"),
            pl.corr("mean", "mean_2").alias("r"),
            pl.cov("mean", "mean_2").alias("covariance"),
        )
    )
    return found.sort(keys)
