from __future__ import annotations

import polars as pl

from scripts.benchmarks.peers.polars.shares import SERIES, with_shares
from scripts.benchmarks.peers.polars.statistics import VALUE

BINS = pl.LazyFrame({"bin": range(23)}, {"bin": pl.Int64})


def query(readings: pl.LazyFrame) -> pl.LazyFrame:
    lowest, highest = pl.col("lowest"), pl.col("highest")
    ranges = (
        readings.group_by("metric")
        .agg(VALUE.min().alias("lowest"), VALUE.max().alias("highest"))
        .collect(engine="streaming")
        .lazy()
    )
    number = ((VALUE - lowest) / (highest - lowest) * 23).floor().clip(0, 22).cast(pl.Int64).alias("bin")
    counted = readings.join(ranges, on="metric").group_by(*SERIES, number).agg(pl.len().alias("count"))
    every = counted.select(SERIES).unique().join(BINS, how="cross").join(counted, on=[*SERIES, "bin"], how="left")
    return with_shares(every.with_columns(pl.col("count").fill_null(0)))
