"""The shipped rates are what docs/benchmark.json measured."""

from __future__ import annotations

import json

import pytest

from jobs.emr import rates
from jobs.registry import all_jobs
from scripts.emr_rates import RESULTS, measured

SHIPPED = rates.load().tables["jobs"]


def test_rates_are_of_jobs_that_there_are() -> None:
    assert set(SHIPPED) <= set(all_jobs())
    assert set(all_jobs()) - set(SHIPPED) == {"extract"}


def test_rates_agree_with_the_benchmarks() -> None:
    """Those measured anew since must not be far off: python -m scripts.emr_rates takes them over."""
    now = measured(json.loads(RESULTS.read_text("utf-8"))["runs"], list(all_jobs()))
    assert set(SHIPPED) == set(now)
    for name, (rate, case) in now.items():
        assert SHIPPED[name]["mb_s"] == pytest.approx(rate, rel=0.5), (name, case)
