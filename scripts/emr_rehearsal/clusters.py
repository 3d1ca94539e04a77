"""Clusters that moto's EMR was asked for, run in this process: their states, bootstrap actions and steps."""

from __future__ import annotations

import itertools
import re
import shlex
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.backends import get_backend
from moto.core.responses import ActionResult
from moto.emr.models import BootstrapAction, Cluster, Step
from moto.emr.responses import ElasticMapReduceResponse

from jobs.emr import bundle
from scripts.emr_rehearsal.node import POLL, Node, RefusedError, spark_home
from scripts.emr_rehearsal.refusals import ENDED, invalid

_RUNNER = "command-runner.jar"
_LONGEST_ARGUMENT = 10_280
_HADOOP = "3.4.1"
_CANCELLED = "CANCELLED"
_GRACE = 5.0  # seconds that a cluster without steps waits for its first
_INSTANCE = "i-0123456789abcdef0"


@dataclass
class Clusters:
    """Runs each cluster of a moto in a thread, one step after the other."""

    node: Node
    _seen: dict[str, float] = field(default_factory=dict)

    def look(self) -> None:
        """Take up clusters that are new."""
        for account in list(get_backend("emr").values()):
            for backend in list(account.values()):
                for cluster in list(backend.clusters.values()):
                    if cluster.id not in self._seen:
                        self._seen[cluster.id] = time.monotonic()
                        threading.Thread(target=self._live, args=(cluster,), daemon=True).start()

    def _live(self, cluster: Cluster) -> None:
        """A cluster from its start to its end."""
        for application in cluster.applications:
            application.version = _HADOOP
        while not cluster.steps and time.monotonic() - self._seen[cluster.id] < _GRACE:
            time.sleep(POLL)  # nodes take minutes to start, and steps are there by then
        if reason := invalid(cluster):
            _fail(cluster, "VALIDATION_ERROR", reason)
            return
        cluster.state = "BOOTSTRAPPING"
        for number, action in enumerate(cluster.bootstrap_actions, 1):
            if status := self._bootstrap(cluster, number, action):
                what = f"On the primary instance ({_INSTANCE}), bootstrap action {number} returned a non-zero"
                _fail(cluster, "BOOTSTRAP_FAILURE", f"{what} return code {status}")
                return
        done, idle_since = 0, time.monotonic()
        while cluster.state not in ENDED:
            if done < len(cluster.steps):
                cluster.state = "RUNNING"
                if not self._step(cluster, cluster.steps[done]):
                    return
                done, idle_since = done + 1, time.monotonic()
                continue
            cluster.state = "WAITING" if cluster.keep_job_flow_alive_when_no_steps else cluster.state
            grace = 0.0 if done else _GRACE
            if not cluster.keep_job_flow_alive_when_no_steps and time.monotonic() - idle_since > grace:
                _end(cluster, "TERMINATED", "ALL_STEPS_COMPLETED", "Steps completed")
                return
            time.sleep(POLL)
        for step in cluster.steps[done:]:
            step.state = _CANCELLED

    def _step(self, cluster: Cluster, step: Any) -> bool:
        """Run a step, unless it was cancelled before; whether the cluster goes on."""
        if step.state == _CANCELLED:
            return True
        step.state, step.start_date_time = "RUNNING", datetime.now(UTC)
        try:
            succeeded = self._run(cluster, step, self._command(cluster, step))
        except RefusedError as error:
            self._log(cluster, f"steps/{step.id}/stderr.gz", f"{error}\n".encode())
            succeeded = False
        step.end_date_time = datetime.now(UTC)
        has_ended = cluster.state in ENDED  # by the user, meanwhile
        if has_ended or _is_cancelled(step):
            step.state = _CANCELLED
            return not has_ended
        step.state = "COMPLETED" if succeeded else "FAILED"
        if succeeded or step.action_on_failure == "CONTINUE":
            return True
        for later in cluster.steps[cluster.steps.index(step) + 1 :]:
            later.state = _CANCELLED
        if step.action_on_failure in ("TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW"):
            _end(cluster, "TERMINATED_WITH_ERRORS", "STEP_FAILURE", "Shut down as step failed")
            return False
        return True

    def _command(self, cluster: Cluster, step: Step) -> list[str]:
        """What the step's node would run."""
        if step.jar != _RUNNER:
            raise RefusedError(f"Error fetching jar file: {step.jar}")
        if any(len(argument) > _LONGEST_ARGUMENT for argument in step.args):
            raise RefusedError(f"an argument is longer than {_LONGEST_ARGUMENT} characters")
        program, *given = step.args
        arguments = [argument.replace(bundle.HOME, str(self.node.home)) for argument in given]
        if program == "hadoop-streaming":
            (jar,) = (self.node.hadoop_home / "share" / "hadoop" / "tools").glob("hadoop-streaming-*.jar")
            for flag, value in itertools.pairwise(arguments):
                if flag in ("-files", "-archives", "-input", "-output") and not re.match(r"(s3|hdfs)://", value):
                    raise RefusedError(f"{flag} {value}: no such file on the primary node")
            return [self.node.hadoop, "jar", str(jar), *arguments]
        if program == "spark-submit" and any(application.name == "Spark" for application in cluster.applications):
            return [str(spark_home() / "bin" / "spark-submit"), *arguments]
        raise RefusedError(f'Cannot run program "{program}" (in directory "."): error=2, No such file or directory')

    def _run(self, cluster: Cluster, step: Step, command: list[str]) -> bool:
        done = self.node.run(command, lambda: cluster.state in ENDED, lambda: _is_cancelled(step))
        where = f"steps/{step.id}"
        self._log(cluster, f"{where}/controller.gz", f"{shlex.join(command)}\n".encode())
        self._log(cluster, f"{where}/stdout.gz", done.stdout)
        if step.args[0] == "spark-submit":
            self._log(cluster, f"{where}/stderr.gz", done.stderr)
        else:
            self._log(cluster, f"{where}/syslog.gz", done.stderr)
            self._log(cluster, f"{where}/stderr.gz", b"" if done.returncode == 0 else b"Streaming Command Failed!\n")
        for application, container, name, content in self.node.container_logs(done.stderr):
            self._log(cluster, f"containers/{application}/{container}/{name}.gz", content)
        return done.returncode == 0

    def _bootstrap(self, cluster: Cluster, number: int, action: BootstrapAction) -> int:
        """Run a bootstrap action; its status."""
        if str(action.script_path).endswith("/terminate_idle_cluster_emr.sh"):
            return 0  # mrjob's, which shuts the machine down once it is idle: ours
        done = self.node.bootstrap(str(action.script_path), action.args)
        where = f"node/{_INSTANCE}/bootstrap-actions/{number}"
        self._log(cluster, f"{where}/stdout.gz", done.stdout)
        self._log(cluster, f"{where}/stderr.gz", done.stderr)
        return done.returncode

    def _log(self, cluster: Cluster, name: str, content: bytes) -> None:
        if cluster.log_uri:
            self.node.keep(cluster.log_uri, f"{cluster.id}/{name}", content)


def install(resource_manager: str) -> None:
    """Have moto's clusters wait for us, where its own would be ready at once. resource_manager: host and port of what
    stands for that of the primary node."""
    moto: Any = Cluster
    moto.master_public_dns_name = resource_manager  # a property there
    moto.run_bootstrap_actions, moto.terminate = _wait_for_us, _terminate_unless_ended
    moto.add_steps, moto.status = _add_waiting_steps, property(_status)
    answers: Any = ElasticMapReduceResponse
    answers.cancel_steps = _cancel_steps  # which moto does not know


_add_steps = Cluster.add_steps
_told: Any = Cluster.status


def _wait_for_us(cluster: Cluster) -> None:
    cluster.state = "STARTING"


def _terminate_unless_ended(cluster: Cluster) -> None:
    if cluster.state not in ENDED:
        _end(cluster, "TERMINATED", "USER_REQUEST", "Terminated by user request")


def _add_waiting_steps(cluster: Any, steps: list[dict[str, Any]]) -> list[Step]:
    before = getattr(cluster, "state", None)
    added = _add_steps(cluster, steps)
    for step in added:
        step.state = "PENDING"
    cluster.state = before
    return added


def _cancel_steps(response: Any) -> ActionResult:
    """Drop steps that wait, and have the process of one that runs end."""
    cluster, wanted = response.backend.clusters[response._get_param("ClusterId")], response._get_param("StepIds", [])
    told = []
    for step in (step for step in cluster.steps if step.id in wanted):
        takes = step.state in ("PENDING", "RUNNING")
        if step.state == "PENDING":
            step.state = _CANCELLED
        step.cancelled = takes
        told.append({"StepId": step.id, "Status": "SUBMITTED" if takes else "FAILED"})
    return ActionResult({"CancelStepsInfoList": told})


def _is_cancelled(step: Any) -> bool:
    return getattr(step, "cancelled", False)


def _status(cluster: Any) -> dict[str, Any]:
    """The status with the code of its reason, which moto does not know."""
    told: dict[str, Any] = _told.fget(cluster)
    told["StateChangeReason"]["Code"] = getattr(cluster, "reason_code", None)
    return told


def _fail(cluster: Any, code: str, message: str) -> None:
    """End a cluster that has not begun to work."""
    _end(cluster, "TERMINATED_WITH_ERRORS", code, message)
    for step in cluster.steps:
        step.state = _CANCELLED


def _end(cluster: Any, state: str, code: str, message: str) -> None:
    cluster.reason_code, cluster.last_state_change_reason = code, message
    cluster.end_datetime = datetime.now(UTC)
    cluster.state = state
