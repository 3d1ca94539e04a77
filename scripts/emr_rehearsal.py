"""Amazon EMR for rehearsals: S3 and EMR's control plane by moto, and a cluster that does what they are told.

python -m scripts.emr_rehearsal             # until interrupted; prints what leads the suite and the AWS command there
python -m scripts.emr_rehearsal --port PORT --dir FOLDER

Steps run on a Hadoop cluster of this machine, where s3:// is this server; bootstrap actions in a folder that stands for
a node and knows nothing of this checkout. What EMR refuses is refused, logs lie where EMR lays them, states change as
EMR changes them. Nodes are of this machine's processor, and prices are not asked for.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import boto3
from moto.backends import get_backend
from moto.emr.models import BootstrapAction, Cluster, Step
from moto.server import ThreadedMotoServer

from jobs import engine
from jobs.emr import bundle
from jobs.engine import applications
from jobs.engine.cache import cache_folder
from jobs.engine.guard import guarded
from jobs.hadoop import cluster as clusters
from jobs.hadoop.profiles import DEFAULT, Profile
from scripts import aws_cli

_NODE_MB = 12_288  # of a node for containers, as EMR gives an m7g.xlarge
_KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
_RUNNER = "command-runner.jar"
_LONGEST_ARGUMENT = 10_280
_APPLICATION = re.compile(r"application_\d+_\d{4}")
_ENDED = ("TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS")
_POLL = 0.1
_HADOOP = "3.4.1"
_GRACE = 5.0  # seconds that a cluster without steps waits for its first


class RefusedError(Exception):
    """What EMR would refuse, in its words."""


@dataclass
class Worker:
    """Runs the clusters of a moto in this process, one step after the other."""

    url: str
    hadoop_home: Path
    node: Path
    _seen: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def work(self) -> None:
        while True:
            for account in list(get_backend("emr").values()):
                for backend in list(account.values()):
                    for cluster in list(backend.clusters.values()):
                        if cluster.id not in self._seen:
                            self._seen[cluster.id] = time.monotonic()
                            threading.Thread(target=self._live, args=(cluster,), daemon=True).start()
            time.sleep(_POLL)

    def _live(self, cluster: Cluster) -> None:
        """A cluster from its start to its end."""
        for application in cluster.applications:
            application.version = _HADOOP
        while not cluster.steps and time.monotonic() - self._seen[cluster.id] < _GRACE:
            time.sleep(_POLL)  # nodes take minutes to start, and steps are there by then
        cluster.state = "BOOTSTRAPPING"
        for number, action in enumerate(cluster.bootstrap_actions, 1):
            if status := self._bootstrap(cluster, number, action):
                what = f"On the primary instance (i-0123456789abcdef0), bootstrap action {number} returned a non-zero"
                _end(cluster, "TERMINATED_WITH_ERRORS", f"{what} return code {status}")
                for step in cluster.steps:
                    step.state = "CANCELLED"
                return
        done, idle_since = 0, time.monotonic()
        while cluster.state not in _ENDED:
            if done < len(cluster.steps):
                cluster.state = "RUNNING"
                if not self._step(cluster, cluster.steps[done]):
                    return
                done, idle_since = done + 1, time.monotonic()
                continue
            cluster.state = "WAITING" if cluster.keep_job_flow_alive_when_no_steps else cluster.state
            grace = 0.0 if done else _GRACE
            if not cluster.keep_job_flow_alive_when_no_steps and time.monotonic() - idle_since > grace:
                _end(cluster, "TERMINATED", "Steps completed")
                return
            time.sleep(_POLL)
        for step in cluster.steps[done:]:
            step.state = "CANCELLED"

    def _step(self, cluster: Cluster, step: Any) -> bool:
        """Run a step; whether the cluster goes on."""
        step.state, step.start_date_time = "RUNNING", datetime.now(UTC)
        try:
            succeeded = self._run(cluster, step, self._command(cluster, step))
        except RefusedError as error:
            self._log(cluster, f"steps/{step.id}/stderr.gz", f"{error}\n".encode())
            succeeded = False
        step.end_date_time = datetime.now(UTC)
        step.state = "COMPLETED" if succeeded else "FAILED"
        if cluster.state in _ENDED:  # by the user, meanwhile
            step.state = "CANCELLED"
            return False
        if succeeded or step.action_on_failure == "CONTINUE":
            return True
        for later in cluster.steps[cluster.steps.index(step) + 1 :]:
            later.state = "CANCELLED"
        if step.action_on_failure in ("TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW"):
            _end(cluster, "TERMINATED_WITH_ERRORS", "Shut down as step failed")
            return False
        return True

    def _command(self, cluster: Cluster, step: Step) -> list[str]:
        """What the step's node would run."""
        if step.jar != _RUNNER:
            raise RefusedError(f"Error fetching jar file: {step.jar}")
        if any(len(argument) > _LONGEST_ARGUMENT for argument in step.args):
            raise RefusedError(f"an argument is longer than {_LONGEST_ARGUMENT} characters")
        program, *given = step.args
        arguments = [argument.replace(bundle.HOME, str(self._home)) for argument in given]
        if program == "hadoop-streaming":
            (jar,) = (self.hadoop_home / "share" / "hadoop" / "tools").glob("hadoop-streaming-*.jar")
            for flag, value in itertools.pairwise(arguments):
                if flag in ("-files", "-archives", "-input", "-output") and not re.match(r"(s3|hdfs)://", value):
                    raise RefusedError(f"{flag} {value}: no such file on the primary node")
            return [str(self.hadoop_home / "bin" / "hadoop"), "jar", str(jar), *arguments]
        if program == "spark-submit" and any(application.name == "Spark" for application in cluster.applications):
            return [str(_spark() / "bin" / "spark-submit"), *arguments]
        raise RefusedError(f'Cannot run program "{program}" (in directory "."): error=2, No such file or directory')

    def _run(self, cluster: Cluster, step: Step, command: list[str]) -> bool:
        with tempfile.TemporaryDirectory(prefix="step-") as folder:
            out, err = Path(folder, "stdout"), Path(folder, "stderr")
            with out.open("wb") as to_out, err.open("wb") as to_err:
                running = subprocess.Popen(
                    command,
                    cwd=folder,
                    env=node_environment(self.hadoop_home),
                    stdin=subprocess.DEVNULL,
                    stdout=to_out,
                    stderr=to_err,
                )
                while running.poll() is None:
                    if cluster.state in _ENDED:
                        running.kill()
                        for application in _applications(err.read_text()):
                            applications.end([str(self.hadoop_home / "bin" / "hadoop")], application)
                    time.sleep(_POLL)
            done = subprocess.CompletedProcess(command, running.returncode, out.read_bytes(), err.read_bytes())
        where = f"steps/{step.id}"
        self._log(cluster, f"{where}/controller.gz", f"{shlex.join(command)}\n".encode())
        self._log(cluster, f"{where}/stdout.gz", done.stdout)
        if step.args[0] == "spark-submit":
            self._log(cluster, f"{where}/stderr.gz", done.stderr)
        else:
            self._log(cluster, f"{where}/syslog.gz", done.stderr)
            self._log(cluster, f"{where}/stderr.gz", b"" if done.returncode == 0 else b"Streaming Command Failed!\n")
        for application in _applications(done.stderr.decode()):
            for log in sorted((self.hadoop_home / "logs" / "userlogs" / application).glob("container_*/*")):
                if log.is_file():
                    name = f"containers/{application}/{log.parent.name}/{log.name}.gz"
                    self._log(cluster, name, log.read_bytes())
        return done.returncode == 0

    @property
    def _home(self) -> Path:
        """Where the node has the suite; the node's root is a folder of ours."""
        return self.node / bundle.HOME.lstrip("/")

    def _bootstrap(self, cluster: Cluster, number: int, action: BootstrapAction) -> int:
        """Run a bootstrap action in an empty folder, with nothing of this checkout on its path; its status."""
        bucket, _, key = str(action.script_path).removeprefix("s3://").partition("/")
        if key.endswith("/terminate_idle_cluster_emr.sh"):
            return 0  # mrjob's, which shuts the machine down once it is idle: ours
        with tempfile.TemporaryDirectory(prefix="node-") as folder:
            script = Path(folder, Path(key).name)
            script.write_bytes(self._s3().get_object(Bucket=bucket, Key=key)["Body"].read())
            script.chmod(0o755)
            own = [Path(sys.base_prefix, "bin"), aws_cli.folder()]
            path = ":".join([*map(str, own), "/usr/local/bin", "/usr/bin", "/bin"])
            env = {**_KEYS, "PATH": path, "HOME": folder, "AWS_ENDPOINT_URL": self.url}
            done = subprocess.run(
                ["/bin/bash", str(script), *action.args],
                cwd=folder,
                env=env | {"JOBS_EMR_HOME": str(self._home)},
                capture_output=True,
                check=False,
            )
        where = f"node/i-0123456789abcdef0/bootstrap-actions/{number}"
        self._log(cluster, f"{where}/stdout.gz", done.stdout)
        self._log(cluster, f"{where}/stderr.gz", done.stderr)
        return done.returncode

    def _log(self, cluster: Cluster, name: str, content: bytes) -> None:
        if not cluster.log_uri:
            return
        bucket, _, prefix = cluster.log_uri.partition("://")[2].partition("/")
        key = f"{prefix.rstrip('/')}/{cluster.id}/{name}"
        self._s3().put_object(Bucket=bucket, Key=key, Body=gzip.compress(content))

    def _s3(self) -> Any:
        return boto3.session.Session("test", "test", region_name="us-east-1").client("s3", endpoint_url=self.url)


def _applications(log: str) -> list[str]:
    return sorted(set(_APPLICATION.findall(log)))


def _spark() -> Path:
    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise RefusedError("pyspark is not installed, which stands for EMR's Spark")
    return Path(spec.origin).parent


def _spark_defaults(folder: Path) -> None:
    """Spark's configuration of a node, for a cluster on one machine."""
    here = {f"spark.{role}.SPARK_LOCAL_IP": "127.0.0.1" for role in ("executorEnv", "yarn.appMasterEnv")}
    one = {"spark.executor.instances": "1", "spark.executor.cores": "2", "spark.executor.memory": "768m"}
    properties = {"spark.yarn.jars": f"local:{_spark()}/jars/*", "spark.ui.enabled": "false", **here, **one}
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(engine.__path__[0], "spark-submit-log4j2.properties"), folder / "log4j2.properties")
    (folder / "spark-defaults.conf").write_text("".join(f"{name} {value}\n" for name, value in properties.items()))


def node_environment(hadoop_home: Path) -> dict[str, str]:
    """The environment of a step on the primary node."""
    return {
        "PATH": f"{hadoop_home / 'bin'}:{os.environ['PATH']}",
        "HOME": os.environ.get("HOME", "/"),
        "HADOOP_HOME": str(hadoop_home),
        "HADOOP_CONF_DIR": str(hadoop_home / "etc" / "hadoop"),
        "HADOOP_USER_NAME": "hadoop",
        "SPARK_CONF_DIR": str(hadoop_home.with_name("spark")),
        **{name: os.environ[name] for name in ("JAVA_HOME",) if name in os.environ},
    }


def _end(cluster: Any, state: str, message: str) -> None:
    cluster.last_state_change_reason = message
    cluster.end_datetime = datetime.now(UTC)
    cluster.state = state


def _wait_for_the_worker(cluster: Cluster) -> None:
    cluster.state = "STARTING"


_terminate, _add_steps = Cluster.terminate, Cluster.add_steps


def _add_waiting_steps(cluster: Any, steps: list[dict[str, Any]]) -> list[Step]:
    before = getattr(cluster, "state", None)
    added = _add_steps(cluster, steps)
    for step in added:
        step.state = "PENDING"
    cluster.state = before
    return added


def _terminate_unless_ended(cluster: Cluster) -> None:
    if cluster.state not in _ENDED:
        _terminate(cluster)


def _profile(url: str) -> Profile:
    """A cluster whose s3:// is the server there, with nodes as large as those that plans reckon with."""
    keys = "AWS_ACCESS_KEY_ID=test,AWS_SECRET_ACCESS_KEY=test"  # which EMR's nodes have of their role
    return replace(
        DEFAULT,
        properties={
            "core-site.xml": {
                "fs.s3a.endpoint": url,
                "fs.s3a.endpoint.region": "us-east-1",
                "fs.s3a.path.style.access": "true",
                "fs.s3a.connection.ssl.enabled": "false",
                "fs.s3a.access.key": "test",
                "fs.s3a.secret.key": "test",
                "fs.s3a.attempts.maximum": 3,
            },
            "yarn-site.xml": {
                "yarn.nodemanager.admin-env": f"MALLOC_ARENA_MAX=4,{keys}",
                "yarn.nodemanager.resource.memory-mb": _NODE_MB,
                "yarn.scheduler.maximum-allocation-mb": _NODE_MB,
            },
        },
    )


def rehearse(port: int, folder: Path) -> None:
    """Serve until the process ends, with everything below `folder`; the cluster ends with the process."""
    moto: Any = Cluster
    moto.run_bootstrap_actions, moto.terminate = _wait_for_the_worker, _terminate_unless_ended
    moto.add_steps = _add_waiting_steps
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    home = folder / "cluster"
    if find_spec("pyspark"):
        _spark_defaults(home.with_name("spark"))
    started = clusters.up(home, cache_folder(), lambda text: None, _profile(url), die_with_parent=True)
    try:
        for name, value in {"AWS_ENDPOINT_URL": url, **_KEYS}.items():
            print(f"export {name}={value}", flush=True)
        Worker(url, home, folder / "node").work()
    finally:
        clusters.down(clusters.find(home) or started)


def main() -> int:
    """Does what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m scripts.emr_rehearsal", description="Amazon EMR for rehearsals.")
    parser.add_argument("--port", type=int, default=0, help="of the server (default: a free one)")
    parser.add_argument("--dir", type=Path, help="where cluster and node live (default: a temporary folder)")
    chosen = parser.parse_args()
    if chosen.dir is not None:
        rehearse(chosen.port, chosen.dir)
    with tempfile.TemporaryDirectory(prefix="emr-", ignore_cleanup_errors=True) as folder:
        rehearse(chosen.port, Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(guarded(main))
