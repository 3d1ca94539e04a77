from __future__ import annotations

import polars as pl

from scripts.benchmarks.peers.polars.shares import SERIES, with_shares
from scripts.benchmarks.peers.polars.statistics import VALUE


def query(readings: pl.LazyFrame) -> pl.LazyFrame:
    octave = VALUE.abs().log(2).floor()
    s = VALUE.abs() / pl.lit(2.0).pow(octave) - 1
    place = ((((6 / 35 * s - 3 / 5) * s + 10 / 7) * s) * 7).floor().clip(upper_bound=6)
    number = pl.when(VALUE != 0).then(VALUE.sign() * (1 + 7 * (octave + 1074) + place)).otherwise(0.0)
    return with_shares(readings.group_by(*SERIES, number.cast(pl.Int64).alias("bin")).agg(pl.len().alias("count")))
