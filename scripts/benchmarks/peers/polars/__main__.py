"""Polars' answer about a file or folder, as CSV on standard output.

python -m scripts.benchmarks.peers.polars QUESTION PATH csv|jsonl|parquet [NAME=VALUE …]
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import polars as pl

SCHEMA = {"timestamp": pl.String, "device_id": pl.String, "metric": pl.String, "value": pl.Float64}


def readings(path: str, fmt: str) -> pl.LazyFrame:
    if Path(path).is_dir():
        path += f"/*.{fmt}"
    if fmt == "csv":
        return pl.scan_csv(path, schema=SCHEMA)
    if fmt == "jsonl":
        return pl.scan_ndjson(path, schema=SCHEMA)
    return pl.scan_parquet(path)


def main(question: str, path: str, fmt: str, *given: str) -> None:
    module = import_module(f"scripts.benchmarks.peers.polars.{question}")
    values = dict(pair.split("=", 1) for pair in given)
    module.query(readings(path, fmt), **values).sink_csv(sys.stdout.buffer, engine="streaming")


if __name__ == "__main__":
    main(*sys.argv[1:])
