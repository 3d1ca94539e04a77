"""The benchmark's jobs on the cluster: the Java job and the line-by-line one give our answer, and are measured."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from jobs.hadoop.cluster import Cluster
from scripts.benchmarks import check, engines, java
from scripts.benchmarks.cases import DAILY
from scripts.benchmarks.cluster import Bench
from scripts.benchmarks.inputs import Input
from scripts.benchmarks.model import Run
from scripts.benchmarks.process import CommandError, run_quietly
from scripts.environment import ROOT
from tests.clusters import need

pytestmark = [pytest.mark.hadoop, pytest.mark.slow, pytest.mark.xdist_group("hadoop-jobs")]

WHOLE = "2026-03-01T12:00:00Z,dev-0001,temperature,-0.5\n"
"""A time without a fraction, as the generator writes none."""


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Input:
    folder = tmp_path_factory.mktemp("data")
    script = str(ROOT / "scripts" / "generate_sample_data.py")
    options = ("--rows=20000", "--files=2", "--devices=20", "--days=3", "--format", "csv", "--output", str(folder))
    run_quietly([sys.executable, script, *options])
    with sorted(folder.glob("*.csv"))[0].open("a") as file:
        file.write(WHOLE)
    return Input(folder, "csv", 0, None)


@pytest.mark.full
def test_the_baselines_give_our_answer(hadoop: Cluster, tmp_path: Path, given: Input) -> None:
    need("javac")
    bench = Bench(hadoop, tmp_path)
    answers = {name: tmp_path / f"{name}.csv" for name in engines.ON_HADOOP}
    figures = {name: bench.measure(Run(name, name), DAILY, given, path) for name, path in answers.items()}
    ours, *theirs = (check.load(str(path), DAILY) for path in answers.values())
    assert ours.num_rows == 20 * 4 * 3
    assert sum(ours["count"].to_pylist()) == 20_001
    assert {check.difference(DAILY, ours, found, DAILY.tolerance) for found in theirs} == {""}
    # within its application master, or with a container for each file and one to reduce
    containers = {name: found["containers"] for name, found in figures.items()}
    assert (containers.pop("hadoop"), containers.pop("java-uber")) == (1, 1)
    assert min(containers.values()) >= 4
    for found in figures.values():
        assert 80 < found["peak"] < 1024
        assert 1 < found["client"] < found["cpu"]


def test_what_the_compiler_says_is_told(tmp_path: Path) -> None:
    need("javac")
    with pytest.raises(CommandError, match=r"^javac: status 1\nwarning: .*no such file or directory"):
        java.build(tmp_path, tmp_path)
