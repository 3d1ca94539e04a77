from __future__ import annotations

import polars as pl

from scripts.benchmarks.peers.polars.shares import SERIES, with_shares
from scripts.benchmarks.peers.polars.statistics import VALUE

EDGES = (0, 10, 20, 50, 100, 200)
BINS = pl.LazyFrame({"bin": range(-1, 7)}, {"bin": pl.Int64})


def query(readings: pl.LazyFrame) -> pl.LazyFrame:
    number = pl.sum_horizontal(VALUE.ge(edge).cast(pl.Int64) for edge in EDGES) + (VALUE > 500).cast(pl.Int64) - 1
    counted = readings.group_by(*SERIES, number.alias("bin")).agg(pl.len().alias("count"))
    every = counted.select(SERIES).unique().join(BINS, how="cross").join(counted, on=[*SERIES, "bin"], how="left")
    shown = every.filter(pl.col("count").is_not_null() | pl.col("bin").is_between(0, 5))
    return with_shares(shown.with_columns(pl.col("count").fill_null(0)))
