"""The shipped rates are what docs/benchmark.json and docs/compare.md measured."""

from __future__ import annotations

import json

import pytest

from jobs.emr import rates
from jobs.registry import all_jobs
from scripts.emr_rates import COMPARED, RESULTS, Measured, measured, of_twins

SHIPPED = rates.load().tables
RUNS, PAGE = json.loads(RESULTS.read_text("utf-8"))["runs"], COMPARED.read_text("utf-8")


@pytest.mark.parametrize("table", ["jobs", "spark"])
def test_rates_are_of_jobs_that_there_are(table: str) -> None:
    assert set(SHIPPED[table]) <= set(all_jobs())
    assert set(all_jobs()) - set(SHIPPED[table]) == {"extract"}


@pytest.mark.parametrize(
    ("table", "now"),
    [("jobs", measured(RUNS, list(all_jobs()))), ("spark", of_twins(RUNS, PAGE, list(all_jobs())))],
    ids=["jobs", "spark"],
)
def test_rates_agree_with_the_benchmarks(table: str, now: Measured) -> None:
    """Those measured anew since must not be far off: python -m scripts.emr_rates takes them over."""
    assert set(SHIPPED[table]) == set(now)
    for name, (rate, source) in now.items():
        assert SHIPPED[table][name]["mb_s"] == pytest.approx(rate, rel=0.5), (name, source)


def test_twins_are_measured_on_the_larger_input() -> None:
    """A comparison is read within its own section: there is none of Spark in the first."""
    page = """### rollup: 1 object (2.56 GB)\n| local | 5 | 9.19 | 2.56 GB |\n2026-03-01, 2 cores
### availability: 1 object (2.56 GB)\n| spark | 549.33 | 1000.00 | 2.50 GB |\n2026-03-02, 2 cores\n"""
    small = {"bytes": 250_000_000, "date": "2026-03-03T00:00:00+00:00", "rounds": [{"cpu": 100.0}]}
    found = of_twins(
        {"rollup5m/spark": small, "availability5m/spark": small}, page, ["rollup", "availability", "energy"]
    )
    assert found == {
        "rollup": (2.5, "benchmark rollup5m/spark, 2026-03-03, Spark's start in it"),
        "availability": (2.5, "docs/compare.md, 2026-03-02"),
    }
