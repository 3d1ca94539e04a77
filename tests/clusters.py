"""A Hadoop cluster for tests, with a folder of its own; the jars are those of the user's cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from jobs.engine.cache import cache_folder
from jobs.hadoop import cluster as clusters
from jobs.hadoop.cluster import Cluster
from jobs.hadoop.profiles import DEFAULT, Profile
from tests.servers import S3Server, child, environment


def need(*programs: str) -> None:
    """Skip the test where a program is missing; in CI that is a failure."""
    missing = " and ".join(program for program in programs if shutil.which(program) is None)
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"{missing} missing, and CI must have it")
    if missing:
        pytest.skip(f"{missing} missing, which the test needs")


def need_hadoop() -> None:
    """Skip the test where a cluster cannot start."""
    need("java", "mvn")


@dataclass(frozen=True)
class Rehearsal(S3Server):
    """A rehearsal of EMR's. requests: the file where the server notes what it is asked. `environ` has a submitter's
    keys, `client` the test's own."""

    requests: Path


@contextmanager
def emr_rehearsal(*options: str) -> Iterator[Rehearsal]:
    """EMR's control plane with a Hadoop cluster behind it, and its S3, while the context lasts."""
    need_hadoop()
    with tempfile.TemporaryDirectory(prefix="emr-", ignore_cleanup_errors=True) as folder:
        requests = Path(folder, "requests.jsonl")
        own = ("--dir", folder, "--record", str(requests), *options)
        command = [sys.executable, "-m", "scripts.emr_rehearsal", *own]
        with child(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            url = process.stdout.readline().decode().partition("=")[2].strip()
            assert url, "the rehearsal did not start"
            submitter = {"AWS_ACCESS_KEY_ID": "submitter", "AWS_SECRET_ACCESS_KEY": "submitter"}
            yield Rehearsal(url, environment(url) | submitter, requests)


@contextmanager
def hadoop_cluster(profile: Profile = DEFAULT) -> Iterator[Cluster]:
    """A cluster while the context lasts; its daemons end with this process, however it ends."""
    need_hadoop()
    with tempfile.TemporaryDirectory(prefix="hadoop-", ignore_cleanup_errors=True) as folder:
        home = Path(folder, "cluster")
        started = clusters.up(home, cache_folder(), lambda text: None, profile, die_with_parent=True)
        try:
            yield started
        finally:
            clusters.down(clusters.find(home) or started)  # a test may have started a daemon anew


def use(cluster: Cluster, patch: pytest.MonkeyPatch) -> None:
    """Have this process and its children use the cluster."""
    for name, value in cluster.environment().items():
        patch.setenv(name, value)
    patch.setenv("PATH", f"{cluster.home / 'bin'}{os.pathsep}{os.environ['PATH']}")
