"""From nothing to nothing: the documented commands bring a cluster up, run a job and bring it down."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.engine.cache import cache_folder
from jobs.hadoop import cluster, jars
from tests.clusters import need_hadoop
from tests.command_line import ROOT
from tests.hadoop.faults import until
from tests.outcomes.commands import told
from tests.processes import left_of, mark, working_in

pytestmark = [pytest.mark.hadoop, pytest.mark.slow, pytest.mark.full, pytest.mark.xdist_group("hadoop-jobs")]

COMMANDS = """
    python -m jobs.hadoop up
    python -m jobs.hadoop status | awk 'NR > 1 { print $1, $4 }' >&3
    eval "$(python -m jobs.hadoop env)"
    hadoop fs -put sample_data/readings /readings
    python -m jobs.daily_stats hdfs:///readings -r hadoop --output-dir hdfs:///stats --output-format csv
    hadoop fs -cat '/stats/part-*' >&3
    python -m jobs.hadoop down
"""
READY = "".join(
    f"{name} ready\n" for name in ("resourcemanager", "namenode", "datanode", "nodemanager-1", "nodemanager-2")
)


def _of_a_user(home: Path, temporary: Path) -> dict[str, str]:
    """An environment that says nothing of the tests' own; what clients' JVMs leave is in `temporary` too."""
    ours = ("HADOOP_", "XDG_", "AWS_", "SPARK_")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"HOME": str(home), "TMPDIR": str(temporary), "PATH": path, "PYTHONPATH": str(ROOT)}
    return {**plain, **own, "HADOOP_CLIENT_OPTS": f"-Djava.io.tmpdir={temporary}"}


def test_what_the_documented_commands_leave(tmp_path: Path) -> None:
    need_hadoop()
    resolved = jars.resolve(cache_folder(), lambda text: None)
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    temporary.mkdir()
    cache = home / ".cache" / "sensor-jobs"
    cache.mkdir(parents=True)
    (cache / resolved.name).symlink_to(resolved)
    marked = mark()
    environ = _of_a_user(home, temporary) | marked
    script = f"exec 3>{tmp_path}/shown\n{COMMANDS}"
    try:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=ROOT,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        if cluster.default_home(cache).exists():
            subprocess.run([sys.executable, "-m", "jobs.hadoop", "down"], cwd=ROOT, env=environ, check=True)
    assert done.returncode == 0, done.stderr
    expected = told(tmp_path, ROOT / "sample_data" / "readings", "-r", "inline")
    assert (tmp_path / "shown").read_text() == READY + expected.output

    until(lambda: left_of(marked, 0) == working_in(home) == [], 5.0)
    assert [path.name for path in home.iterdir()] == [".cache"]
    assert [path.name for path in (home / ".cache").iterdir()] == ["sensor-jobs"]
    kept = {path.name for path in cache.iterdir()}
    assert kept <= {resolved.name, "lock", "packages"}, kept
    [empty] = temporary.iterdir()  # of all runs' scratch
    assert list(empty.iterdir()) == []
