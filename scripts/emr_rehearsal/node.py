"""A machine of EMR's, in a folder: its keys, how it is made ready, what it runs, and which logs are kept of that."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import boto3

from jobs import engine
from jobs.emr import bundle
from jobs.engine import applications
from scripts import aws_cli

REGION = "us-east-1"
KEYS = {"AWS_ACCESS_KEY_ID": "node", "AWS_SECRET_ACCESS_KEY": "node", "AWS_DEFAULT_REGION": REGION}
"""What a node has of its role; by them the server tells it from who submits."""
POLL = 0.1
PATH = (str(Path(sys.base_prefix, "bin")), "/usr/local/bin", "/usr/bin", "/bin")
_APPLICATION = re.compile(r"application_\d+_\d{4}")


class RefusedError(Exception):
    """What EMR would refuse, in its words."""


@dataclass(frozen=True)
class Node:
    """url: of the server that stands for AWS; hadoop_home: of the cluster that runs things; root: the node's `/`."""

    url: str
    hadoop_home: Path
    root: Path

    @property
    def home(self) -> Path:
        """Where the node has the suite."""
        return self.root / bundle.HOME.lstrip("/")

    @property
    def hadoop(self) -> str:
        return str(self.hadoop_home / "bin" / "hadoop")

    def s3(self) -> Any:
        session = boto3.session.Session(KEYS["AWS_ACCESS_KEY_ID"], KEYS["AWS_SECRET_ACCESS_KEY"], region_name=REGION)
        return session.client("s3", endpoint_url=self.url)

    def bootstrap(self, script_uri: str, arguments: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
        """Run a bootstrap action in an empty folder, with nothing of this checkout on its path."""
        bucket, _, key = script_uri.removeprefix("s3://").partition("/")
        with tempfile.TemporaryDirectory(prefix="node-") as folder:
            script = Path(folder, Path(key).name)
            script.write_bytes(self.s3().get_object(Bucket=bucket, Key=key)["Body"].read())
            script.chmod(0o755)
            path = ":".join([PATH[0], str(aws_cli.folder()), *PATH[1:]])
            env = {**KEYS, "PATH": path, "HOME": folder, "AWS_ENDPOINT_URL": self.url}
            return subprocess.run(
                ["/bin/bash", str(script), *arguments],
                cwd=folder,
                env=env | {"JOBS_EMR_HOME": str(self.home)},
                capture_output=True,
                check=False,
            )

    def run(
        self, command: Sequence[str], is_over: Callable[[], bool], is_cancelled: Callable[[], bool] = lambda: False
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command in an empty folder; it ends, with all that it started on YARN, when `is_over`, and alone when
        `is_cancelled`."""
        with tempfile.TemporaryDirectory(prefix="step-") as folder:
            out, err = Path(folder, "stdout"), Path(folder, "stderr")
            in_folder = dict.fromkeys(("HADOOP_CLIENT_OPTS", "SPARK_SUBMIT_OPTS"), f"-Djava.io.tmpdir={folder}")
            with out.open("wb") as to_out, err.open("wb") as to_err:
                running = subprocess.Popen(
                    command,
                    cwd=folder,
                    env={**self._environment(), **in_folder},  # where what a killed JVM leaves goes too
                    stdin=subprocess.DEVNULL,
                    stdout=to_out,
                    stderr=to_err,
                )
                while running.poll() is None:
                    if is_over():
                        running.kill()
                        for application in _applications(err.read_text()):
                            applications.end([self.hadoop], application)
                    elif is_cancelled():
                        running.terminate()
                    time.sleep(POLL)
            return subprocess.CompletedProcess(command, running.returncode, out.read_bytes(), err.read_bytes())

    def container_logs(self, said: bytes) -> Iterator[tuple[str, str, str, bytes]]:
        """Application, container, name and content of the logs of what a command started on YARN, as it said."""
        for application in _applications(said.decode("utf-8", "replace")):
            for log in sorted((self.hadoop_home / "logs" / "userlogs" / application).glob("container_*/*")):
                if log.is_file():
                    yield application, log.parent.name, log.name, log.read_bytes()

    def keep(self, log_uri: str, name: str, content: bytes) -> None:
        """Put a log below the S3 folder of logs, if there is one, in its role as EMR does."""
        if not log_uri:
            return
        bucket, _, prefix = log_uri.partition("://")[2].partition("/")
        self.s3().put_object(Bucket=bucket, Key=f"{prefix.rstrip('/')}/{name}", Body=gzip.compress(content))

    def _environment(self) -> Mapping[str, str]:
        """The environment of a step on the primary node."""
        return {
            "PATH": f"{self.hadoop_home / 'bin'}:{os.environ['PATH']}",
            "HOME": os.environ.get("HOME", "/"),
            "HADOOP_HOME": str(self.hadoop_home),
            "HADOOP_CONF_DIR": str(self.hadoop_home / "etc" / "hadoop"),
            "HADOOP_USER_NAME": "hadoop",
            "SPARK_CONF_DIR": str(self.hadoop_home.with_name("spark")),
            **{name: os.environ[name] for name in ("JAVA_HOME",) if name in os.environ},
        }


def spark_home() -> Path:
    """Where this machine has Spark. Raises RefusedError where it has none."""
    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise RefusedError("pyspark is not installed, which stands for EMR's Spark")
    return Path(spec.origin).parent


def write_spark_defaults(hadoop_home: Path) -> None:
    """Spark's configuration of a node, for a cluster on one machine."""
    here = {f"spark.{role}.SPARK_LOCAL_IP": "127.0.0.1" for role in ("executorEnv", "yarn.appMasterEnv")}
    one = {"spark.executor.instances": "1", "spark.executor.cores": "2", "spark.executor.memory": "768m"}
    properties = {"spark.yarn.jars": f"local:{spark_home()}/jars/*", "spark.ui.enabled": "false", **here, **one}
    folder = hadoop_home.with_name("spark")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(engine.__path__[0], "spark-submit-log4j2.properties"), folder / "log4j2.properties")
    (folder / "spark-defaults.conf").write_text("".join(f"{name} {value}\n" for name, value in properties.items()))


def _applications(log: str) -> list[str]:
    return sorted(set(_APPLICATION.findall(log)))
