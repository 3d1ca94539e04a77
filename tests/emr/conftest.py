"""The rehearsal's control plane with its cluster, for all tests of a worker."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator

import pytest

from jobs.emr import archive, bundle
from jobs.engine.cache import cache_folder
from jobs.lake import s3_client
from tests.clusters import Rehearsal, emr_rehearsal
from tests.emr import permissions


@pytest.fixture(scope="session")
def emr_process() -> Iterator[Rehearsal]:
    """One control plane with a Hadoop cluster behind it for all tests of a worker; tests take `emr`. What nodes install
    is made before, for that takes longer than some tests."""
    with emr_rehearsal() as server:
        archive.build(bundle.build(cache_folder() / "emr-bundles", platform.machine()))
        yield server


@pytest.fixture
def emr(
    emr_process: Rehearsal, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rehearsal]:
    """An empty EMR and S3 that this process and its children use, with a bucket `lake`; what is kept of runs is kept
    for the test, packages from one to the next. Whatever the test has submitter and nodes ask of AWS, their policies
    must allow."""
    packages, cache = cache_folder() / "emr-bundles", tmp_path_factory.mktemp("cache")
    packages.mkdir(parents=True, exist_ok=True)
    (cache / "sensor-jobs").mkdir()
    (cache / "sensor-jobs" / packages.name).symlink_to(packages)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in emr_process.environ.items():
        monkeypatch.setenv(name, value)
    s3_client.forget()
    emr_process.reset()
    emr_process.client().create_bucket(Bucket="lake")
    before = emr_process.requests.stat().st_size
    yield emr_process
    found, _ = permissions.asked(emr_process.requests, before)
    assert permissions.refused(found, permissions.statements()) == []
