from __future__ import annotations

import polars as pl

from scripts.benchmarks.peers.polars.statistics import DAY


def query(readings: pl.LazyFrame) -> pl.LazyFrame:
    present = readings.select("metric", "device_id", DAY).unique().with_columns(pl.col("date").str.to_date())
    date, device = pl.col("date"), ("metric", "device_id")
    around = present.sort("date").with_columns(
        date.shift(1).over(device).alias("before"),
        date.shift(-1).over(device).alias("after"),
        date.max().over("metric").alias("last"),
    )
    came = around.group_by("metric", "date").agg(
        pl.len().alias("devices"),
        pl.col("before").is_null().sum().alias("new"),
        (pl.col("before") < date - pl.duration(days=1)).sum().alias("returning"),
        pl.lit(0, pl.UInt32).alias("lost"),
    )
    day_after = date + pl.duration(days=1)
    went = (
        around.filter((date < pl.col("last")) & (pl.col("after").is_null() | (pl.col("after") > day_after)))
        .group_by("metric", day_after)
        .agg(*(pl.lit(0, pl.UInt32).alias(name) for name in ("devices", "new", "returning")), pl.len().alias("lost"))
    )
    counts = pl.col("devices", "new", "returning", "lost").sum()
    return pl.concat([came, went]).group_by("metric", "date").agg(counts).sort("metric", "date")
