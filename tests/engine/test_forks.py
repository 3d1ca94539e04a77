"""Forked tasks: errors come back, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from jobs.engine.forks import TaskError, available, run_forked
from jobs.errors import InputError

pytestmark = pytest.mark.skipif(not available, reason="forking tasks is for Linux")


def _nothing() -> None:
    pass


def test_tasks_run_in_other_processes_at_most_so_many_at_once(tmp_path: Path) -> None:
    def task(number: int) -> None:
        (tmp_path / f"{number}-{os.getpid()}").touch()

    run_forked([partial(task, n) for n in range(5)], 2, _nothing)
    names = sorted(p.name for p in tmp_path.iterdir())
    assert [n.split("-")[0] for n in names] == list("01234")
    assert str(os.getpid()) not in {n.split("-")[1] for n in names}


def test_what_a_task_raises_is_raised_here() -> None:
    def task() -> None:
        raise InputError("gone", where="a.csv", fix="look for it")

    with pytest.raises(InputError, match=r"^a.csv: gone; look for it$"):
        run_forked([task], 1, _nothing)


def test_a_failing_task_ends_the_others() -> None:
    def fail() -> None:
        raise InputError("gone")

    begun = time.monotonic()
    with pytest.raises(InputError):
        run_forked([lambda: time.sleep(60), fail], 2, _nothing)
    assert time.monotonic() - begun < 30


def test_a_task_that_is_killed_is_told() -> None:
    with pytest.raises(TaskError, match="killed by signal 9"):
        run_forked([lambda: os.kill(os.getpid(), signal.SIGKILL)], 1, _nothing)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("moment", ["before", "after_in_parent"])
def test_a_signal_during_a_fork_is_not_lost(number: signal.Signals, moment: str) -> None:
    script = f"""
import os, signal, sys, time
from jobs.engine.forks import run_forked
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
signal.signal(signal.SIGINT, signal.default_int_handler)
os.register_at_fork({moment}=lambda: os.kill(os.getpid(), {number:d}))
run_forked([lambda: time.sleep(60)], 1, lambda: None)
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, check=False, timeout=30)
    assert b"ignored" not in done.stderr
    assert done.returncode == (143 if number == signal.SIGTERM else -signal.SIGINT)


def test_tasks_die_with_a_driver_that_is_killed(tmp_path: Path) -> None:
    script = f"""
import os, time
from jobs.engine.forks import run_forked
def task():
    open({str(tmp_path / "pid")!r} + ".new", "w").write(str(os.getpid()))
    os.rename({str(tmp_path / "pid")!r} + ".new", {str(tmp_path / "pid")!r})
    time.sleep(60)
run_forked([task], 1, lambda: None)
"""
    driver = subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parents[2])
    deadline = time.monotonic() + 30
    while not (tmp_path / "pid").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    task = int((tmp_path / "pid").read_text())
    driver.kill()
    driver.wait()
    while _alive(task):
        assert time.monotonic() < deadline, "the task outlived its driver"
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
