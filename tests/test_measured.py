"""Forks are measured: what each runs stands in a file of its own, and nothing of what was run before it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from coverage import CoverageData

from tests.command_line import ROOT

PROGRAM = """
import os
from jobs.errors import in_one_line, no_room
from tests.measured import measure_forks

def forked(task):
    if (pid := os.fork()) == 0:
        task()
        os._exit(0)
    os.waitpid(pid, 0)

measure_forks()
no_room(ValueError())
forked(lambda: forked(lambda: in_one_line("x")))
forked(lambda: os.chdir("/"))
"""


def test_forks_write_what_they_ran(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "COVERAGE_FILE": str(tmp_path / "found")}
    subprocess.run([sys.executable, "-m", "coverage", "run", program], cwd=ROOT, env=environ, check=True)
    errors = ROOT / "jobs" / "errors.py"
    lines = ["", *errors.read_text("utf-8").splitlines()]
    ran = []
    for path in tmp_path.glob("found.*"):
        data = CoverageData(str(path))
        data.read()
        arcs = data.arcs(str(errors)) or []
        ran.append({lines[line].strip().partition("(")[0] for arc in arcs for line in arc if line > 0})
    grandchild, process = sorted(ran, key=len)
    assert grandchild == {'return "".join'}
    assert "return None" in process
    assert not grandchild & process
