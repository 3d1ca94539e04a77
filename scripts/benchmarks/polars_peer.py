"""Polars' daily statistics of a file or folder, as CSV on standard output.

python -m scripts.benchmarks.polars_peer PATH csv|jsonl|parquet

The rows are sorted by key, as ours are, unless the environment holds UNSORTED. Timestamps of text stay text: cutting
the day from it, and comparing texts, is faster than parsing them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import polars as pl

SCHEMA = {"timestamp": pl.String, "device_id": pl.String, "metric": pl.String, "value": pl.Float64}


def frame(path: str, fmt: str) -> pl.LazyFrame:
    if Path(path).is_dir():
        path += f"/*.{fmt}"
    if fmt == "csv":
        return pl.scan_csv(path, schema=SCHEMA)
    if fmt == "jsonl":
        return pl.scan_ndjson(path, schema=SCHEMA)
    return pl.scan_parquet(path)


def main(path: str, fmt: str) -> None:
    time, value = pl.col("timestamp"), pl.col("value")
    day = time.dt.date() if fmt == "parquet" else time.str.slice(0, 10)
    statistics = (
        frame(path, fmt)
        .group_by("device_id", "metric", day.alias("date"))
        .agg(
            value.len().alias("count"),
            value.mean().alias("mean"),
            value.std().alias("stddev"),
            value.min().alias("min"),
            value.max().alias("max"),
            value.sum().alias("sum"),
            time.min().alias("first_timestamp"),
            time.max().alias("last_timestamp"),
        )
    )
    if "UNSORTED" not in os.environ:
        statistics = statistics.sort("device_id", "metric", "date")
    statistics.sink_csv(sys.stdout.buffer, engine="streaming")


if __name__ == "__main__":
    main(*sys.argv[1:])
