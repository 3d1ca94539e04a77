"""A control plane with the cluster behind it, for all tests of a worker."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from jobs.hadoop.profiles import DEFAULT
from jobs.lake import s3_client
from tests.clusters import hadoop_cluster
from tests.servers import S3Server, child, environment, free_port, wait_for

_S3A = {
    "fs.s3a.path.style.access": "true",
    "fs.s3a.connection.ssl.enabled": "false",
    "fs.s3a.access.key": "test",
    "fs.s3a.secret.key": "test",
    "fs.s3a.endpoint.region": "us-east-1",
    "fs.s3a.attempts.maximum": 3,
}


@pytest.fixture(scope="session")
def emr_process() -> Iterator[S3Server]:
    """One control plane with a Hadoop cluster behind it for all tests of a worker; tests take `emr`."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    profile = replace(DEFAULT, properties={"core-site.xml": {**_S3A, "fs.s3a.endpoint": url}})
    with hadoop_cluster(profile) as cluster:
        command = [sys.executable, "-m", "tests.emr.control_plane", str(port), str(cluster.home)]
        with child(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            wait_for(f"{url}/moto-api/", process)
            yield S3Server(url, environment(url))


@pytest.fixture
def emr(emr_process: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """An empty EMR and S3 that this process and its children use, with a bucket `lake`."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in emr_process.environ.items():
        monkeypatch.setenv(name, value)
    s3_client.forget()
    emr_process.reset()
    emr_process.client().create_bucket(Bucket="lake")
    return emr_process
