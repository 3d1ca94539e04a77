"""What tasks need and nodes have not: it is shipped, once, or the job says what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.engine import dependencies
from jobs.hadoop.cluster import Cluster
from tests.command_line import ROOT
from tests.outcomes.commands import told

pytestmark = [pytest.mark.hadoop, pytest.mark.slow, pytest.mark.xdist_group("hadoop-jobs")]

SAMPLE = ROOT / "sample_data" / "wide"
OPTIONS = ("--output-format", "csv")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with nothing but its standard library, as a node has it."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    assert subprocess.run([python, "-c", "import numpy"], capture_output=True, check=False).returncode
    return python


def _shipped(hadoop: Cluster) -> dict[str, str]:
    """The archives of dependencies in HDFS with when each was put there."""
    stat = ["hadoop", "fs", "-stat", "%n %y", f"/user/hadoop/.sensor-jobs/packages/{dependencies.NAME}-*"]
    lines = subprocess.run(stat, capture_output=True, text=True, check=False).stdout.splitlines()
    return dict(line.split(" ", 1) for line in lines)


def test_a_node_with_bare_python(hadoop: Cluster, bare: Path, tmp_path: Path) -> None:
    expected = told(tmp_path, SAMPLE, "-r", "inline", *OPTIONS).output
    flags = ("-r", "hadoop", "--python-bin", bare, "--dependencies", "ship", *OPTIONS)
    first = told(tmp_path, SAMPLE, *flags)
    assert (first.status, first.output) == (0, expected), first.errors
    (name,) = found = _shipped(hadoop)
    assert name.endswith(".zip")
    again = told(tmp_path, SAMPLE, *flags, "--jobconf", "mapreduce.job.ubertask.enable=false")
    assert (again.status, again.output) == (0, expected), again.errors
    assert _shipped(hadoop) == found, "a later job finds it there"


def test_what_is_not_found_on_the_node_is_named(hadoop: Cluster, bare: Path, tmp_path: Path) -> None:
    done = told(tmp_path, SAMPLE, "-r", "hadoop", "--python-bin", bare)
    assert (done.status, done.output) == (2, "")
    assert "the nodes' Python has no " in done.errors
    assert "; --dependencies ship sends it, --python-bin names another" in done.errors


@pytest.mark.spark
@pytest.mark.full
@pytest.mark.parametrize("mode", ["client", "cluster"])
def test_spark_on_nodes_with_bare_python(hadoop: Cluster, bare: Path, tmp_path: Path, mode: str) -> None:
    expected = told(tmp_path, SAMPLE, "-r", "inline", *OPTIONS).output
    lake, stats = f"/bare-{mode}", f"/stats-of-bare-{mode}"
    subprocess.run(["hadoop", "fs", "-put", str(SAMPLE), lake], check=True)
    done = told(
        tmp_path,
        *(f"hdfs://{lake}", "--output-dir", f"hdfs://{stats}", "--master", "yarn", "--deploy-mode", mode, *OPTIONS),
        *("--dependencies", "ship"),
        module="jobs.spark.daily_stats",
        env={"PYSPARK_PYTHON": str(bare)},
    )
    assert done.status == 0, done.errors
    read = ["hadoop", "fs", "-cat", f"{stats}/part-*"]
    assert subprocess.run(read, capture_output=True, text=True, check=True).stdout == expected


@pytest.mark.parametrize(
    ("module", "fix"), [("jobs.daily_stats", "-r hadoop"), ("jobs.spark.daily_stats", "--master yarn")]
)
def test_the_option_is_refused_elsewhere(tmp_path: Path, module: str, fix: str) -> None:
    done = told(tmp_path, SAMPLE, "--dependencies", "node", module=module)
    error = f"error: --dependencies: is for Hadoop; add {fix}, or leave it out\n"
    assert (done.status, done.output, done.errors) == (2, "", error)


def test_by_default_they_go_where_nodes_are_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(os.environ, "HADOOP_CONF_DIR", str(tmp_path))
    monkeypatch.delenv("JOBS_WEBHDFS", raising=False)
    site = "<configuration><property><name>fs.defaultFS</name><value>hdfs://{}:9820</value></property></configuration>"
    for host, shipped in (("namenode.example", True), ("127.0.0.1", False)):
        (tmp_path / "core-site.xml").write_text(site.format(host))
        assert dependencies.are_shipped(None, named=False) is (shipped and sys.platform == "linux")
        assert not dependencies.are_shipped(None, named=True)
        assert not dependencies.are_shipped("node", named=False)
