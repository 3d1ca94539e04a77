"""Whole runs killed with SIGKILL: readers see the old result or the new one; the next run leaves nothing behind."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from jobs.hadoop.cluster import Cluster
from jobs.lake import storage, webhdfs
from jobs.lake.published import open_published
from tests.command_line import ROOT, run
from tests.processes import left_of, mark
from tests.servers import S3Server

OLD = ["sample_data/readings/dt=2026-03-27"]
NEW = ["sample_data/readings/dt=2026-03-27", "sample_data/readings/dt=2026-03-28"]
FOLDER_STEPS = ["publish.stage", "publish.part", "publish.success", "publish.exchange", "publish.remove"]
S3_STEPS = ["publish.part", "publish.put_part", "publish.put_pending", "publish.put_success", "publish.delete"]
RANDOM_KILLS = 50


def _command(inputs: list[str], target: str) -> list[str]:
    fast = ["-r", "local", "--tasks", "2", "--quiet"]
    return ["jobs.daily_stats", *inputs, "--output-dir", target, "--overwrite", *fast]


def _publish(inputs: list[str], target: str, env: dict[str, str]) -> pa.Table:
    done = run(*_command(inputs, target), env=env)
    assert done.returncode == 0, done.stderr.decode()
    return _read(target)


def _read(target: str) -> pa.Table:
    return pa.concat_tables(open_published(target))


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A scratch of its own, and a mark on every process."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return {"TMPDIR": str(scratch), **mark()}


_TRIAL = re.compile(r"[a-z0-9_]{8}")  # the file with which Python tries a folder, left where it is killed


def _scratch(env: dict[str, str]) -> list[Path]:
    there = list(Path(env["TMPDIR"]).iterdir())
    files = [path for path in there if path.is_file() and not _TRIAL.fullmatch(path.name)]
    return files + [path for home in there if home.is_dir() for path in home.iterdir()]


@pytest.mark.slow
@pytest.mark.parametrize("moment", [f"{s}:{when}" for s in FOLDER_STEPS for when in ("before", "after")])
def test_killed_at_a_durable_operation_of_a_folder(tmp_path: Path, env: dict[str, str], moment: str) -> None:
    target = str(tmp_path / "stats")
    old = _publish(OLD, target, env)
    killed = run(*_command(NEW, target), env={**env, "JOBS_TEST_KILL": moment})
    assert killed.returncode == -signal.SIGKILL, "the run must die at this moment"
    seen = _read(target)
    new = _publish(NEW, target, env)
    assert old != new
    assert seen in (old, new)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["scratch", "stats"]
    assert not _scratch(env)
    assert not left_of(env)


@pytest.mark.slow
@pytest.mark.s3
@pytest.mark.parametrize("moment", [f"{s}:{when}" for s in S3_STEPS for when in ("before", "after")])
def test_killed_at_a_durable_operation_of_s3(s3: S3Server, env: dict[str, str], moment: str) -> None:
    s3.client().create_bucket(Bucket="lake")
    target = "s3://lake/stats/"
    old = _publish(OLD, target, env)
    killed = run(*_command(NEW, target), env={**env, "JOBS_TEST_KILL": moment})
    seen = _read(target)
    new = _publish(NEW, target, env)
    assert killed.returncode in (-signal.SIGKILL, 0)
    assert killed.returncode == -signal.SIGKILL or moment.startswith("publish.delete"), (
        "old parts go after a grace period"
    )
    assert seen in (old, new)
    assert _read(target) == new
    assert not _scratch(env)
    assert not left_of(env)


@pytest.mark.slow
@pytest.mark.hadoop
@pytest.mark.xdist_group("hadoop")
@pytest.mark.parametrize("moment", ["publish.claim:after", "publish.set_aside:after"])
def test_killed_between_what_decides_and_what_shows_in_hdfs(
    hadoop: Cluster, tmp_path: Path, env: dict[str, str], moment: str
) -> None:
    target = f"hdfs:///runs/{tmp_path.name}/stats"
    old = _publish(OLD, target, env)
    killed = run(*_command(NEW, target), env={**env, "JOBS_TEST_KILL": moment})
    assert killed.returncode == -signal.SIGKILL, "the run must die at this moment"
    assert _read(target) == old
    new = _publish(NEW, target, env)
    assert _read(target) == new != old
    above = f"/runs/{tmp_path.name}"
    assert [one.name for one in webhdfs.client(target).listed(above)] == ["stats"]
    assert not _scratch(env)
    assert not left_of(env)


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path: Path, env: dict[str, str]) -> None:
    target = str(tmp_path / "stats")
    old = _publish(OLD, target, env)
    begun = time.monotonic()
    new = _publish(NEW, target, env)
    length = time.monotonic() - begun
    chance = random.Random(20260301)
    died = 0
    for attempt in range(3 * RANDOM_KILLS):
        inputs = OLD if attempt % 2 else NEW
        arguments = [sys.executable, "-m", *_command(inputs, target)]
        process = subprocess.Popen(arguments, cwd=ROOT, env={**os.environ, **env}, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.1, 0.95) * length)
        process.kill()
        died += process.wait() == -signal.SIGKILL
        assert _read(target) in (old, new)
        assert not left_of(env), "tasks outlived their driver"
        if died == RANDOM_KILLS:
            break
    assert died == RANDOM_KILLS, "the kills must hit running processes"
    assert _publish(OLD, target, env) == old
    assert sorted(p.name for p in tmp_path.iterdir()) == ["scratch", "stats"]
    assert not _scratch(env)
    assert storage.expand(target, lambda name: not name.startswith("_"))
