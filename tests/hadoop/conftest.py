"""One cluster for all tests that break it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from jobs.hadoop.cluster import Cluster
from jobs.hadoop.profiles import FAULTS
from tests.clusters import hadoop_cluster, use
from tests.hadoop import faults
from tests.hadoop.trials import BLOCK, JOBS, Trial
from tests.hdfs import local_files
from tests.outcomes.commands import HEADER, told


@pytest.fixture(scope="session")
def breakable() -> Iterator[Cluster]:
    """A cluster that survives faults; tests take `trial`."""
    with hadoop_cluster(FAULTS) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def readings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of four blocks."""
    path = tmp_path_factory.mktemp("input") / "readings.csv"
    draw = random.Random(1)
    with path.open("wb") as file:
        file.write(HEADER)
        for number in range(84_000):
            time = f"2026-03-{1 + number % 28:02}T{number % 24:02}:{number % 60:02}:{number // 7 % 60:02}Z"
            file.write(f"{time},dev-{number % 500},temperature,{draw.random() * 100:.3f}\n".encode())
    assert 3 * BLOCK < path.stat().st_size < 4 * BLOCK
    return path


@pytest.fixture(scope="session")
def expected(readings: Path) -> Callable[[str], dict[str, str]]:
    """The digests of the files of a job's result, of the engine without tasks."""

    @cache
    def of(job: str) -> dict[str, str]:
        flags = ("-r", "inline", "--output-dir", job, *JOBS[job])
        done = told(readings.parent, readings, *flags, module=f"jobs.{job}")
        assert done.status == 0, done.errors
        found = local_files(readings.parent / job)
        assert found, "nothing to compare"
        return found

    return of


@pytest.fixture
def trial(
    request: pytest.FixtureRequest,
    breakable: Cluster,
    readings: Path,
    expected: Callable[[str], dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Trial:
    """The cluster, whole, for a job of the test's own: `daily_stats`, or what it is parametrized with."""
    job = getattr(request, "param", "daily_stats")
    use(breakable, monkeypatch)
    found = Trial(faults.whole(breakable), tmp_path, job, expected(job))
    found.put(readings)
    return found
