"""The command of each engine. All read the same files and write the same columns as CSV, sorted by key."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

NEEDS = {
    "ours": ("numpy", "pyarrow", "mrjob"),
    "duckdb": ("duckdb",),
    "polars": ("polars",),
    "spark": ("pyspark",),
    "line": ("mrjob",),
}
"""Engines, and the packages that they need. `line` is the usual line-by-line mrjob job."""


def missing(engine: str) -> str | None:
    """The first package that an engine lacks here."""
    return next((package for package in NEEDS[engine] if find_spec(package) is None), None)


def kernel_missing() -> str:
    """Why our jobs would run without the kernel; empty where they have it."""
    from jobs.kernel import library

    return library.why_missing()


def command(engine: str, path: Path, fmt: str) -> list[str]:
    """The command that prints the daily statistics of a file or folder; `fmt` is the name of its dialect or format."""
    python = sys.executable
    if engine in ("ours", "spark"):
        module = "jobs.daily_stats" if engine == "ours" else "jobs.spark.daily_stats"
        dialect = ["--dialect", fmt] if fmt == "sensor_community" else []
        return [python, "-m", module, str(path), *dialect, "--output-format", "csv"]
    if engine == "line":
        job = str(Path(__file__).parents[1] / "baselines" / "line_by_line.py")
        return [python, job, "-r", "local", "--no-conf", str(path)]
    return [python, "-m", f"scripts.benchmarks.{engine}_peer", str(path), fmt]
