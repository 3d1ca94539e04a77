"""The rehearsal's control plane with its cluster, for all tests of a worker, and runs that several of them look at."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobs.emr import archive, aws, bundle
from jobs.engine.cache import cache_folder
from jobs.lake import s3_client
from scripts.infra import mrjob_conf
from tests.clusters import Rehearsal, emr_rehearsal
from tests.emr import permissions, policies, runs
from tests.emr.permissions import Asked
from tests.emr.runs import Recorded
from tests.outcomes.commands import HEADER, day, told
from tests.servers import S3Server

OUTPUTS = {
    "EmrServiceRole": f"{policies.PREFIX}-emr-service",
    "NodeProfile": f"{policies.PREFIX}-node",
    "ExecutionRoleArn": policies.role(f"{policies.PREFIX}-execution"),
    "LakeBucket": "lake",
    "LogsBucket": "logs",
    "SecurityConfiguration": f"{policies.PREFIX}-access-SecurityConfiguration-1A2B3C",
    **{group: f"sg-{group}" for group in ("PrimaryGroup", "CoreGroup", "ServiceGroup")},
}
_ROLES = ("iam_service_role", "iam_instance_profile")


@pytest.fixture
def folder(tmp_path: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log, here and in a lake; caches are kept here."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "log.csv").write_bytes(HEADER + day(1) + day(2))
    s3.client().create_bucket(Bucket="lake")
    s3.client().upload_file(str(tmp_path / "log.csv"), "lake", "readings/log.csv")
    return tmp_path


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
    """An empty EMR and S3 that this process and its children use, with a bucket `lake`, and mrjob's configuration with
    the roles of `scripts.infra`; what is kept of runs is kept for the test, packages from one to the next. Whatever the
    test has submitter and nodes ask of AWS, their policies must allow."""
    with _empty(emr_process, monkeypatch, tmp_path_factory.mktemp("cache"), _ROLES):
        yield emr_process


@pytest.fixture(scope="session")
def on_cluster(emr_process: Rehearsal, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """A run on a cluster as `scripts.infra conf` has it, and what looks after it."""
    folder = tmp_path_factory.mktemp("on-cluster")
    with pytest.MonkeyPatch.context() as patch, _empty(emr_process, patch, folder / "cache") as asked:
        # prices are asked for in another place, else
        ran = runs.run(emr_process, folder, runs.RECORDED, env={"AWS_ENDPOINT_URL_PRICING": emr_process.url})
        _look_after(folder, "clusters", "--all")
        _look_after(folder, "logs")
    return Recorded(ran, frozenset(asked))


@pytest.fixture(scope="session")
def on_serverless(emr_process: Rehearsal, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """The same of a twin on EMR Serverless."""
    folder = tmp_path_factory.mktemp("on-serverless")
    with pytest.MonkeyPatch.context() as patch, _empty(emr_process, patch, folder / "cache") as asked:
        ran = runs.run_twin(emr_process, folder, "--serverless")
        _look_after(folder, "clusters", "--all")
    return Recorded(ran, frozenset(asked))


@contextmanager
def _empty(
    server: Rehearsal, patch: pytest.MonkeyPatch, cache: Path, given: Sequence[str] | None = None
) -> Iterator[set[Asked]]:
    """An EMR and S3 without anything for what is patched; yields what it will have been asked, which is allowed. given:
    the options that mrjob's configuration has; None: all of `scripts.infra conf`."""
    packages = cache_folder() / "emr-bundles"
    packages.mkdir(parents=True, exist_ok=True)
    (cache / "sensor-jobs").mkdir(parents=True)
    (cache / "sensor-jobs" / packages.name).symlink_to(packages)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        patch.delenv(name)
    for name, value in {
        **server.environ,
        "XDG_CACHE_HOME": str(cache),
        "MRJOB_CONF": str(cache / "mrjob.conf"),
    }.items():
        patch.setenv(name, value)
    s3_client.forget()
    server.reset()
    (cache / "mrjob.conf").write_text(yaml.safe_dump(_conf(given)))
    for bucket in policies.BUCKETS:
        server.client().create_bucket(Bucket=bucket)
    before, asked = server.requests.stat().st_size, set[Asked]()
    yield asked
    found = permissions.asked(server.requests, before)
    assert permissions.refused(found) == []
    asked |= found


def _conf(given: Sequence[str] | None) -> dict[str, Any]:
    subnets = [each["SubnetId"] for each in aws.client("ec2").describe_subnets()["Subnets"]]
    outputs = {**OUTPUTS, "Subnets": ",".join(subnets[:2])}
    conf: dict[str, Any] = yaml.safe_load(mrjob_conf.text(outputs, policies.PREFIX, policies.REGION))
    if given is not None:
        emr = conf["runners"]["emr"]
        conf = {"runners": {"emr": {name: emr[name] for name in given}}}
    return conf


def _look_after(folder: Path, *command: str) -> None:
    done = told(folder, *command, module="jobs.emr")
    assert done.status == 0, done.errors
