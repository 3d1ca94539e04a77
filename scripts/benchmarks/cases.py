"""The cases and goals of daily_stats; those of the other jobs are in catalogue.py."""

from __future__ import annotations

import os
from pathlib import Path

from scripts.benchmarks import catalogue
from scripts.benchmarks.model import Case, Data, Goal, Question, Run, Suite
from scripts.environment import ROOT

DAILY = Question("daily_stats", "daily_stats")
SHARED = Path(os.environ.get("JOBS_SHARED_DATA", ROOT.parent / "shared" / "data"))
PEERS = (Run("ours", "ours"), Run("duckdb", "duckdb"), Run("polars", "polars"))
REFERENCE = Run("reference", "ours", environ={"JOBS_KERNEL": "off"})
UNSORTED = Run("unsorted", "polars", environ={"UNSORTED": "1"})
"""With millions of keys, sorting them costs Polars a third of its time; ours are always sorted."""
CSV5M, CSV50M = catalogue.CSV5M, catalogue.CSV50M
JSONL5M, JSONL50M = Data("jsonl5m", 5_000_000, "jsonl"), Data("jsonl50m", 50_000_000, "jsonl")
SPELLINGS = (
    Data("csv5m-columns", 5_000_000, options=("--columns=value,device_id,timestamp,metric",)),
    Data("csv5m-crlf", 5_000_000, options=("--crlf",)),
    Data("csv5m-digits", 5_000_000, options=("--extra-digits=3",)),
    Data("csv5m-odd", 5_000_000, options=("--odd-spellings",)),
)
SPELLING_LABELS = tuple(data.name.partition("-")[2] for data in SPELLINGS)

DAILY_CASES = (
    Case("sample", "sample_data/", DAILY, (Run("ours", "ours"),), folder=ROOT / "sample_data", fmt="csv"),
    Case("csv5m", "CSV, 5M rows", DAILY, (*PEERS, Run("spark", "spark"), Run("line", "line")), (CSV5M,)),
    Case("csv50m", "CSV, 50M rows", DAILY, (*PEERS, REFERENCE), (CSV50M,)),
    Case("jsonl5m", "JSON lines, 5M rows", DAILY, PEERS, (JSONL5M,)),
    Case("jsonl50m", "JSON lines, 50M rows", DAILY, PEERS, (JSONL50M,)),
    Case("small", "4,000 CSV files of 665 rows", DAILY, PEERS, (Data("small", 2_660_000, files=4000),)),
    Case("gz", "CSV.gz, 5M rows", DAILY, PEERS, (Data("gz5m", 5_000_000, options=("--compression=gz",)),)),
    Case("parquet50m", "Parquet, 50M rows", DAILY, PEERS, (Data("parquet50m", 50_000_000, "parquet"),)),
    Case(
        "devices1m",
        "CSV, 1M devices, 20M rows",
        DAILY,
        (*PEERS, UNSORTED),
        (Data("devices1m", 20_000_000, devices=1_000_000, days=1),),
    ),
    Case(
        "sensor_community",
        "4,010 sensor_community files",
        DAILY,
        (Run("ours", "ours"), Run("duckdb", "duckdb")),
        folder=SHARED / "sensor_community" / "luftdaten",
        fmt="sensor_community",
    ),
    Case(
        "spellings",
        "CSV, 5M rows, spelled otherwise",
        DAILY,
        (Run("clean", "ours", "csv5m"), *(Run(label, "ours", f"csv5m-{label}") for label in SPELLING_LABELS)),
        (CSV5M, *SPELLINGS),
    ),
)


def _faster_of_peers(case: str, text: str, limit: float) -> Goal:
    return Goal(text, f"{case}/ours", (f"{case}/duckdb", f"{case}/polars"), "at most", limit)


DAILY_GOALS = (
    _faster_of_peers("csv50m", "CSV 50M rows (2.5 GB) ÷ the faster of DuckDB and Polars", 0.35),
    _faster_of_peers("jsonl50m", "JSON lines 50M (5 GB) ÷ the faster", 0.25),
    Goal(
        "4,010 sensor_community files (wide) ÷ DuckDB",
        "sensor_community/ours",
        ("sensor_community/duckdb",),
        "at most",
        0.5,
    ),
    Goal("1M devices, 20M rows ÷ Polars", "devices1m/ours", ("devices1m/polars",), "at most", 1.0),
    _faster_of_peers("parquet50m", "Parquet 50M ÷ the faster", 1.0),
    _faster_of_peers("csv5m", "CSV 5M ÷ the faster", 0.7),
    Goal("CSV 5M: times faster than the Spark twin", "csv5m/ours", ("csv5m/spark",), "faster", 20),
    Goal("CSV 5M: times faster than line-by-line mrjob", "csv5m/ours", ("csv5m/line",), "faster", 50),
    Goal(
        "without the kernel, CSV 50M ÷ the faster",
        "csv50m/reference",
        ("csv50m/duckdb", "csv50m/polars"),
        "at most",
        3.0,
    ),
    Goal("sample_data, seconds all in", "sample/ours", (), "at most", 0.8),
    Goal("largest process at CSV 50M, MB", "csv50m/ours", (), "memory", 250),
    Goal("largest process, CSV 50M ÷ 5M", "csv50m/ours", ("csv5m/ours",), "memory", 1.1),
    *(
        Goal(f"CSV 5M {text} ÷ clean", f"spellings/{label}", ("spellings/clean",), "at most", 1.5)
        for label, text in zip(
            SPELLING_LABELS,
            ("in another column order", "with CRLF", "with 9 digits", "with 5 % rare spellings"),
            strict=True,
        )
    ),
)

CASES = (*DAILY_CASES, *catalogue.CASES)
GOALS = (*DAILY_GOALS, *catalogue.GOALS)
SUITE = Suite(CASES, GOALS, "process")
QUESTIONS = {case.question.name: case.question for case in CASES}
