"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from jobs.hadoop.cluster import Cluster
from scripts.spark_classes import FOR_SHORT_RUNS
from tests.clusters import hadoop_cluster, use
from tests.command_line import Twin, run_twin
from tests.effort import rounds
from tests.measured import measure_forks
from tests.servers import S3Server, s3_server

# machines are busy; slowness is not a wrong answer
settings.register_profile("suite", max_examples=rounds(100), deadline=None)
settings.load_profile("suite")

if "PYTEST_XDIST_WORKER" in os.environ and os.environ.get("JOBS_COVERAGE") != "commands":
    # workers are measured, the thousands of commands that they start are not
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)
measure_forks()

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real sensor data beside the checkout; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("JOBS_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(f"the shared data folder {folder} is missing, and CI must have it")
        pytest.skip(f"real data folder {folder} is not there (JOBS_SHARED_DATA names another)")
    return folder


@pytest.fixture(scope="session")
def s3_process() -> Iterator[S3Server]:
    """One moto server for all tests of a worker; tests take `s3`."""
    with s3_server() as server:
        yield server


@pytest.fixture
def s3(s3_process: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """An empty local S3 that this process and its children use."""
    from jobs.lake import s3_client

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in s3_process.environ.items():
        monkeypatch.setenv(name, value)
    s3_client.forget()
    s3_process.reset()
    return s3_process


@pytest.fixture(scope="session")
def hadoop_process() -> Iterator[Cluster]:
    """One Hadoop cluster for all tests of a worker, on which those marked `hadoop` stand; tests take `hadoop`."""
    with hadoop_cluster() as cluster:
        yield cluster


@pytest.fixture
def hadoop(hadoop_process: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """A running Hadoop cluster that this process and its children use."""
    use(hadoop_process, monkeypatch)
    return hadoop_process


@pytest.fixture(scope="session")
def spark_session() -> Iterator[None]:
    """One Spark session for all twins that a worker runs in its own process; they find and share it."""
    from jobs.engine.spark_session import session

    with session(2, "local[2]", {"spark.driver.extraJavaOptions": FOR_SHORT_RUNS}):
        yield


@pytest.fixture
def twin(spark_session: None) -> Twin:
    """Runs a Spark twin in this process."""
    return run_twin
