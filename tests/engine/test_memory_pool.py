"""Which of Arrow's memory pools a job takes."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from tests.command_line import ROOT
from tests.outcomes.commands import HEADER, told

TELLING = """
import pyarrow as pa
from jobs.daily_stats import DailyStats

class Telling(DailyStats):
    NAME = "telling"

    @classmethod
    def hint(cls, settings):
        return pa.default_memory_pool().backend_name

if __name__ == "__main__":
    Telling.run()
"""


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, "system"),
        ({"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}, "mimalloc"),
    ],
)
def test_the_systems_unless_another_is_chosen(tmp_path: Path, chosen: dict[str, str], expected: str) -> None:
    if expected not in pa.supported_memory_backends():
        pytest.skip(f"this build of Arrow has no {expected}")
    (tmp_path / "telling.py").write_text(TELLING)
    (tmp_path / "a.csv").write_bytes(HEADER + b"2026-03-01T00:00:00Z,d,m,1\n")
    done = told(tmp_path, "a.csv", module="telling", env={"PYTHONPATH": str(ROOT), **chosen})
    assert (done.status, done.errors.splitlines()[-1]) == (0, expected)
