"""How many cores are used where the system does not say which a process may use, as macOS."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.engine.cores import cores
from tests.command_line import ROOT

UNTOLD = """
import os, runpy, sys
del os.sched_getaffinity
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not say which cores may be used")
def test_those_that_may_be_used_or_all(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cores() == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, "sched_getaffinity")
    assert cores() == os.cpu_count()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not say which cores may be used")
def test_jobs_run_where_that_is_not_told(tmp_path: Path) -> None:
    given = [str(ROOT / "sample_data" / "wide"), "--output-format", "csv"]
    done = [
        subprocess.run([sys.executable, *how, *given], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for how in (("-m", "jobs.daily_stats"), ("-c", UNTOLD, "jobs.daily_stats"))
    ]
    assert done[0] == done[1] != ""
