"""Real servers for tests, each a child process on a free loopback port that surely ends with its test run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import IO, Any

from jobs.engine.forks import available, die_with_parent
from jobs.hadoop.ports import free_ports

_START_SECONDS = 60.0


@dataclass(frozen=True)
class S3Server:
    """A local S3 without objects but for those that tests put there; `environ` leads boto3 to it."""

    url: str
    environ: Mapping[str, str]

    def client(self) -> Any:
        """A boto3 client of the tests' own, with keys that may do anything."""
        return _client(self.url)

    def reset(self) -> None:
        """Forget all buckets."""
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/moto-api/reset", method="POST"), timeout=30).close()


@cache
def _client(url: str) -> Any:
    """One for all tests: making it takes longer than most of what it is asked."""
    import boto3

    return boto3.session.Session().client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """A moto server while the context lasts."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with child(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for(f"{url}/moto-api/", process)
        yield S3Server(url, environment(url))


def environment(url: str) -> dict[str, str]:
    """What leads boto3 to a server of tests, and nowhere else."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


@contextmanager
def child(
    command: list[str], *, stdout: int | IO[bytes] | None = None, stderr: int | IO[bytes] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own; killed with all its children at the end, and by the kernel if we die."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        preexec_fn=partial(die_with_parent, os.getpid()) if available else None,  # noqa: PLW1509 - one system call
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server for {url} ended with status {process.returncode}")
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"no answer from {url}")


def free_port() -> int:
    """A port that nothing listens on."""
    return free_ports(1)[0]
