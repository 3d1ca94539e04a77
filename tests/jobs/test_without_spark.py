"""What a twin says where pyspark is not installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs import registry
from tests.command_line import ROOT
from tests.outcomes.commands import HEADER, Outcome, told

HIDES = """
import sys

class Hider:
    def find_spec(self, name, path=None, target=None):
        if name == "pyspark":
            raise ModuleNotFoundError("No module named 'pyspark'", name="pyspark")

sys.meta_path.insert(0, Hider())
"""
SAID = "pyspark is not installed; pip install 'sensor-jobs[spark]', or in a clone pip install '.[spark]'"


@pytest.fixture
def without_spark(tmp_path: Path) -> dict[str, str]:
    """The environment of a Python that has no pyspark."""
    (tmp_path / "sitecustomize.py").write_text(HIDES)
    (tmp_path / "a.csv").write_bytes(HEADER + b"2026-03-01T00:00:00Z,d,m,1\n")
    return {"PYTHONPATH": f"{tmp_path}:{ROOT}"}


@pytest.mark.parametrize("module", [f"jobs.spark.{name}" for name in registry.all_jobs()] + ["jobs.spark"])
def test_a_twin(module: str, without_spark: dict[str, str], tmp_path: Path) -> None:
    arguments = ("daily_stats", "a.csv") if module == "jobs.spark" else ("a.csv",)
    assert told(tmp_path, *arguments, module=module, env=without_spark) == Outcome(2, "", f"error: {SAID}\n")


def test_other_engines_do_without(without_spark: dict[str, str], tmp_path: Path) -> None:
    assert told(tmp_path, "a.csv", env=without_spark).status == 0


def test_a_library_call(without_spark: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "call.py").write_text(
        "from jobs import api\nfrom jobs.errors import UsageError\n"
        "try:\n    api.run('daily_stats', ['a.csv'], engine='spark')\n"
        "except UsageError as error:\n    print(error)\n"
    )
    assert told(tmp_path, module="call", env=without_spark) == Outcome(0, f"{SAID}\n", "")
