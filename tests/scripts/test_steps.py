"""Running the steps of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.other_environments import find
from scripts.steps import Outcome, Runner

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path(sys.executable)

ORPHAN = """
import subprocess, sys
subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)  # orphan'], start_new_session=True)
print('done')
"""


def _run(program: str, scratch: Path, limit: float = 20.0) -> str:
    """Run one step in a process of its own, as the runner takes over all of a process's children."""
    script = (
        "import sys\nfrom pathlib import Path\nfrom scripts.steps import Runner\n"
        "words = {5: 'nothing was selected'}\n"
        f"with Runner(Path({str(scratch)!r}), limit={limit}) as runner:\n"
        f"    outcome = runner.run('step', Path(sys.executable), '-c', {program!r}, words=words)\n"
        "print(outcome.passed, outcome.closing)\n"
    )
    done = subprocess.run([HERE, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=40)
    return done.stdout.splitlines()[-1]


def test_the_last_line_closes_a_step(tmp_path: Path) -> None:
    assert _run("print('first'); print('=== 3 passed in 0.1s ===')", tmp_path) == "True 3 passed in 0.1s"


def test_a_status_fails_and_is_explained(tmp_path: Path) -> None:
    assert _run("print('x'); raise SystemExit(1)", tmp_path) == "False x"
    assert _run("raise SystemExit(5)", tmp_path) == "False nothing was selected"


def test_a_step_that_hangs_is_ended(tmp_path: Path) -> None:
    assert _run("import time; time.sleep(60)", tmp_path, limit=0.5) == "False ended after 0.5 s"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="orphans are found by /proc")
def test_a_process_left_behind_fails_the_step_and_is_ended(tmp_path: Path) -> None:
    closing = _run(ORPHAN, tmp_path)
    assert closing.startswith("False left 1 processes behind: ")
    assert "orphan" in closing


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="orphans are found by /proc")
def test_what_runs_beside_the_steps_is_spared_by_them_and_ended_with_them(tmp_path: Path) -> None:
    started = tmp_path / "pid"
    beside = f"import os, time; open({str(started)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom scripts.steps import Runner\n"
        f"with Runner(Path({str(tmp_path)!r})) as runner:\n"
        f"    runner.beside(Path(sys.executable), '-c', {beside!r})\n"
        "    outcome = runner.run('step', Path(sys.executable), '-c', 'import time; time.sleep(1); print(1)')\n"
        f"    os.kill(int(open({str(started)!r}).read()), 0)\n"
        "print(outcome.passed, outcome.closing)\n"
    )
    done = subprocess.run([HERE, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=40)
    assert done.stdout.splitlines()[-1] == "True 1"
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text("utf-8")), 0)


def test_temporary_files_go_to_the_scratch_folder(tmp_path: Path) -> None:
    assert _run("import tempfile; print(tempfile.gettempdir())", tmp_path) == f"True {tmp_path}"


def test_the_report_fails_when_a_step_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = Outcome("lint", True, 1.0, "fine"), Outcome("types", False, 2.0, "3 errors")
    assert Runner(tmp_path, [good]).report() == 0
    assert Runner(tmp_path, [good, bad]).report() == 1
    assert "FAILED" in capsys.readouterr().out


def test_interpreters_are_found_that_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shim on PATH with nothing behind it is passed over; of several, the newest patch is taken."""

    def program(path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
        path.chmod(0o755)

    program(tmp_path / "bin" / "python3.12", "exit 127")
    for patch in ("3.12.9", "3.12.10"):
        program(tmp_path / "pyenv" / "versions" / patch / "bin" / "python3", f"echo Python {patch}")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    newest = str(tmp_path / "pyenv" / "versions" / "3.12.10" / "bin" / "python3")
    assert find(skip=(3, 11)) == {"3.12": newest, "3.13": None}
