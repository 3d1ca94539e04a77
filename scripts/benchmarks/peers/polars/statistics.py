"""The columns that several questions share."""

from __future__ import annotations

import polars as pl

TIME, VALUE = pl.col("timestamp"), pl.col("value")
MOMENTS = (
    VALUE.len().alias("count"),
    VALUE.mean().alias("mean"),
    VALUE.std().alias("stddev"),
    VALUE.min().alias("min"),
    VALUE.max().alias("max"),
)
STATISTICS = (
    *MOMENTS,
    VALUE.sum().alias("sum"),
    TIME.min().alias("first_timestamp"),
    TIME.max().alias("last_timestamp"),
)
DAY = TIME.str.slice(0, 10).alias("date")
"""Cut from the text, and texts are compared: both are faster than parsing it."""
