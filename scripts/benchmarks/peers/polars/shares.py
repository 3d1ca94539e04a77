"""The columns that all histograms share."""

from __future__ import annotations

import polars as pl

SERIES = ("device_id", "metric")


def with_shares(bins: pl.LazyFrame) -> pl.LazyFrame:
    count = pl.col("count")
    total = count.sum().over(SERIES)
    return bins.sort(*SERIES, "bin").with_columns(
        (count / total).alias("share"), (count.cum_sum().over(SERIES) / total).alias("cumulative_share")
    )
