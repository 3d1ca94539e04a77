"""The command of each engine. All read the same files and write the same columns as CSV, sorted by key."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from scripts.benchmarks.model import Question

NEEDS = {
    "ours": ("numpy", "pyarrow", "mrjob"),
    "duckdb": ("duckdb",),
    "polars": ("polars",),
    "spark": ("pyspark",),
    "line": ("mrjob",),
}
"""Engines, and the packages that they need. `line` is the usual line-by-line mrjob job."""
PEERS = {"duckdb": "DuckDB", "polars": "Polars"}
OURS = ("ours", "spark")


def missing(engine: str) -> str | None:
    """The first package that an engine lacks here."""
    return next((package for package in NEEDS[engine] if find_spec(package) is None), None)


def kernel_missing() -> str:
    """Why our jobs would run without the kernel; empty where they have it."""
    from jobs.kernel import library

    return library.why_missing()


def answers(peer: str, question: Question) -> bool:
    """Whether there is a query for this question."""
    folder = Path(__file__).with_name("peers") / peer
    return any((folder / f"{question.name}{ending}").exists() for ending in (".sql", ".py"))


def command(engine: str, question: Question, path: Path, fmt: str, values: Mapping[str, str]) -> list[str]:
    """The command that answers about a file or folder; `fmt` is the name of its dialect or format; values: what stands
    for the names in braces of options and queries."""
    python = sys.executable
    if engine in OURS:
        module = f"jobs.{question.job}" if engine == "ours" else f"jobs.spark.{question.job}"
        dialect = ["--dialect", fmt] if fmt == "sensor_community" else []
        options = [option.format_map(values) for option in question.options]
        output = [] if question.published else ["--output-format", "csv"]
        return [python, "-m", module, str(path), *dialect, *options, *output]
    if engine == "line":
        job = str(Path(__file__).parents[1] / "baselines" / "line_by_line.py")
        return [python, job, "-r", "local", "--no-conf", str(path)]
    used = (f"{name}={value}" for name, value in values.items() if question.uses(name))
    return [python, "-m", f"scripts.benchmarks.peers.{engine}", question.name, str(path), fmt, *used]
