"""Scratch folders: gone after a run, swept after a run that was killed, untouched while a run lives."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.engine.scratch import scratch

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys, time
from jobs.engine.scratch import scratch
with scratch("held", sys.argv[1]) as folder:
    (folder / "block").write_text("x")
    print(folder, flush=True)
    time.sleep(60)
"""
SWEEPER = """
import sys
from pathlib import Path
from jobs.engine.scratch import sweep
while True:
    sweep(Path(sys.argv[1]))
"""


def test_a_scratch_is_gone_after_its_run(tmp_path: Path) -> None:
    with scratch("run", str(tmp_path)) as folder:
        (folder / "file").write_text("x")
        assert folder.is_dir()
    assert not folder.exists()


def test_a_living_runs_scratch_is_left_alone_and_a_dead_ones_swept(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        held = Path(holder.stdout.readline().strip())
        with scratch("second", str(tmp_path)):
            assert (held / "block").exists()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert (held / "block").exists(), "SIGKILL leaves the scratch behind"
    with scratch("third", str(tmp_path)):
        assert not held.exists()


@pytest.mark.parametrize("left", [["dead.lock"], ["dead.lock", "dead/block"], ["dead/block"]], ids=str)
def test_what_a_run_left_wherever_it_died_is_swept_at_once(tmp_path: Path, left: list[str]) -> None:
    """It takes its lock, makes its folder, removes the folder, removes the lock; a removal may be cut short."""
    with scratch("first", str(tmp_path)) as folder:
        home = folder.parent
    assert list(home.iterdir()) == []
    for name in left:
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).touch()
    with scratch("second", str(tmp_path)) as folder:
        assert sorted(home.iterdir()) == [folder, home / "second.lock"]


def test_a_run_that_begins_while_others_sweep_keeps_its_scratch(tmp_path: Path) -> None:
    with scratch("first", str(tmp_path)) as folder:
        home = folder.parent
    with subprocess.Popen([sys.executable, "-c", SWEEPER, str(home)], cwd=ROOT) as sweeper:
        try:
            for number in range(500):
                with scratch(f"run-{number}", str(tmp_path)) as folder:
                    (folder / "plan").write_text("x")
        finally:
            sweeper.kill()
