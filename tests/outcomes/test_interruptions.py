"""Ctrl-C, SIGTERM and readers that go away: a run ends quietly and leaves neither process nor file."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.command_line import ROOT
from tests.outcomes.commands import command, environment, reading
from tests.processes import left_of, mark

RUNNERS = {"inline": ["-r", "inline"], "local": ["-r", "local"]}


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A scratch of its own, and a mark on every process."""
    (tmp_path / "scratch").mkdir()
    return environment({"TMPDIR": str(tmp_path / "scratch"), **mark()})


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"])
@pytest.mark.parametrize("to_group", [True, False], ids=["as a terminal sends it", "to the driver"])
def test_interrupted(
    tmp_path: Path, env: dict[str, str], runner: str, number: signal.Signals, status: int, to_group: bool
) -> None:
    """A task is reading standard input when the signal comes, and the result was to be published."""
    with reading(tmp_path, *RUNNERS[runner], "--output-dir", "stats", env=env) as process:
        (os.killpg if to_group else os.kill)(process.pid, number)
        process.wait(timeout=30)
        assert process.stdout is not None
        assert process.stderr is not None
        assert (process.returncode, process.stdout.read(), process.stderr.read()) == (status, b"", b"")
    assert left_of(env) == []
    assert [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()] == []
    assert [path.name for path in tmp_path.iterdir()] == ["scratch"]
    assert [list(home.iterdir()) for home in (tmp_path / "scratch").iterdir()] == [[]]


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc to see what a process has loaded")
@pytest.mark.parametrize(
    "module", ["jobs.daily_stats", pytest.param("jobs.spark.daily_stats", marks=pytest.mark.spark), "jobs.compare"]
)
def test_interrupted_while_importing(env: dict[str, str], module: str) -> None:
    """Arrow's library is loaded when a fifth of the imports are done."""
    with subprocess.Popen(
        command("sample_data", "--output-format", "csv", module=module),
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
    ) as process:
        while "libarrow.so" not in Path(f"/proc/{process.pid}/maps").read_text() and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30) == (b"", b"")
        assert process.returncode == -signal.SIGINT


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_reader_that_takes_one_line(env: dict[str, str], runner: str) -> None:
    """As `| head -1`: there is more output than the pipe holds."""
    with subprocess.Popen(
        command("sample_data", *RUNNERS[runner], module="jobs.extract"),
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"timestamp,device_id,metric,value,unit,quality\n"
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (0, b"")
    assert left_of(env) == []


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("jobs", []),
        ("jobs.daily_stats", ["--help"]),
        ("jobs.daily_stats", ["sample_data", "--dry-run"]),
        ("jobs.daily_stats", ["sample_data", "--quiet"]),
    ],
    ids=["jobs", "help", "plan", "result"],
)
def test_a_reader_that_is_gone_before_the_first_line(env: dict[str, str], module: str, arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        command(*arguments, module=module), cwd=ROOT, env=env, stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")
