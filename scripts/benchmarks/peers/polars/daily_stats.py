"""The rows are sorted by key, as ours are, unless the environment holds UNSORTED."""

from __future__ import annotations

import os

import polars as pl

from scripts.benchmarks.peers.polars.statistics import DAY, STATISTICS, TIME


def query(readings: pl.LazyFrame) -> pl.LazyFrame:
    is_text = readings.collect_schema()["timestamp"] == pl.String
    day = DAY if is_text else TIME.dt.date().alias("date")
    found = readings.group_by("device_id", "metric", day).agg(STATISTICS)
    return found if "UNSORTED" in os.environ else found.sort("device_id", "metric", "date")
