"""Applications and runs that moto's EMR Serverless was asked for: spark-submit executes runs on the cluster."""

from __future__ import annotations

import re
import shlex
import shutil
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from moto.backends import get_backend
from moto.emrserverless import models
from moto.emrserverless.models import JobRun

from scripts.emr_rehearsal.node import PATH, Node, RefusedError, spark_home

_BUSY = ("SUBMITTED", "PENDING", "SCHEDULED", "RUNNING")
_DRIVER = "spark.emr-serverless.driverEnv."
_SIZES = re.compile(
    r"spark\.(driver|executor)\.(cores|memory|memoryOverhead|instances)|spark\.(dynamicAllocation|emr-)"
)
"""Settings of workers, which are larger than a container of a cluster on one machine."""
_STATUS = re.compile(r"User application exited with status (\d+)")


@dataclass
class Applications:
    """Runs what applications of a moto are given, each run in a thread; stops those that have had nothing to do."""

    node: Node
    _seen: dict[str, datetime] = field(default_factory=dict)

    def look(self) -> None:
        """Take up applications and runs that are new."""
        now = datetime.now(UTC)
        for account in list(get_backend("emr-serverless").values()):
            for backend in list(account.values()):
                for application in list(backend.applications.values()):
                    self._look_at(application, list(backend.job_runs.get(application.id, [])), now)

    def _look_at(self, application: Any, runs: list[JobRun], now: datetime) -> None:
        if application.id not in self._seen:
            self._seen[application.id] = application.created_at = application.updated_at = now
        for run in runs:
            if run.id not in self._seen:
                self._seen[run.id] = run.created_at = run.updated_at = now
                application.state = "STARTED"
                threading.Thread(target=self._live, args=(application, run), daemon=True).start()
        if any(run.state in _BUSY for run in runs):
            self._seen[application.id] = now  # when it last had something to do
        stop = application.auto_stop_configuration
        idle = timedelta(minutes=stop.get("idleTimeoutMinutes", 15)) if stop.get("enabled") else timedelta.max
        if application.state == "STARTED" and now - self._seen[application.id] > idle:
            application.state = "STOPPED"

    def _live(self, application: Any, run: Any) -> None:
        """A run from its start to its end."""
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="run-") as folder:
            try:
                command = list(self._command(application, run, Path(folder)))
            except RefusedError as error:
                run.state, run.state_details = "FAILED", str(error)
                return
            run.state, run.started_at = "RUNNING", datetime.now(UTC)
            done = self.node.run(command, lambda: run.state not in _BUSY)
        driver = self._keep_logs(run, done.stderr)
        run.ended_at = run.updated_at = datetime.now(UTC)
        hours = max(60.0, time.monotonic() - begun) / 3600
        of = {name: int(application.maximum_capacity[name].split()[0]) * hours for name in ("cpu", "memory")}
        billed = {"vCPUHour": of["cpu"], "memoryGBHour": of["memory"], "storageGBHour": 0.0}
        run.billed_resource_utilization = billed
        if run.state not in _BUSY:  # by the user, meanwhile
            return
        if done.returncode == 0:
            run.state = "SUCCESS"
            return
        status = _STATUS.search(driver)
        logs = "Job failed, please check complete logs in configured logging destination."
        run.state, run.state_details = "FAILED", f"{logs} ExitCode: {status[1] if status else 1}"

    def _command(self, application: Any, run: JobRun, folder: Path) -> Iterator[str]:
        """What the driver's worker would run, with workers as small as this machine's. Raises RefusedError."""
        submit: Any = (run.job_driver or {}).get("sparkSubmit", {})
        words = shlex.split(submit.get("sparkSubmitParameters", ""))
        given = dict(word.split("=", 1) for word in words if word != "--conf")
        cores = int(given["spark.driver.cores"]) + int(given["spark.executor.cores"])
        if cores > int(application.maximum_capacity["cpu"].split()[0]):
            raise RefusedError("Worker could not be allocated as the application has exceeded maximumCapacity settings")
        _refuse_too_few(given)
        python = shutil.which(given["spark.executorEnv.PYSPARK_PYTHON"], path=":".join(PATH))
        if python is None:
            raise RefusedError("this machine has no Python of the release")
        archive, _, place = given.pop("spark.archives").partition("#")
        unpacked = self._unpacked(archive, folder)
        settings = {"spark.yarn.maxAppAttempts": "1"}
        for name, value in given.items():
            told = python if name.endswith("Env.PYSPARK_PYTHON") else value.replace(f"./{place}", str(unpacked))
            if name.startswith(_DRIVER):
                settings[f"spark.yarn.appMasterEnv.{name.removeprefix(_DRIVER)}"] = told
            elif not _SIZES.match(name):
                settings[name] = told
        yield from (str(spark_home() / "bin" / "spark-submit"), "--master", "yarn", "--deploy-mode", "cluster")
        yield from (part for name, value in settings.items() for part in ("--conf", f"{name}={value}"))
        yield from (str(self._fetched(submit["entryPoint"], folder)), *submit.get("entryPointArguments", ()))

    def _unpacked(self, uri: str, folder: Path) -> Path:
        """Where an archive named by its content is unpacked: here once, as YARN runs a chmod for each of its files."""
        place = self.node.root / "archives" / uri.split("/")[-2]
        if not place.is_dir():
            with zipfile.ZipFile(self._fetched(uri, folder)) as archive:
                archive.extractall(folder / "unpacked")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(folder / "unpacked", place)
        return place

    def _fetched(self, uri: str, folder: Path) -> Path:
        """A file of the run, brought to its worker. Raises RefusedError."""
        if not uri.startswith("s3://"):
            raise RefusedError(f"{uri}: no such file")
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        path = folder / Path(key).name
        path.write_bytes(self.node.s3().get_object(Bucket=bucket, Key=key)["Body"].read())
        return path

    def _keep_logs(self, run: Any, said: bytes) -> str:
        """Lay logs where EMR Serverless lays them; what the driver's JVM said."""
        monitoring: Any = (run.configuration_overrides or {}).get("monitoringConfiguration", {})
        uri = monitoring.get("s3MonitoringConfiguration", {}).get("logUri", "")
        driver = ""
        for _, container, name, content in self.node.container_logs(said):
            number = int(container.rpartition("_")[2])
            worker = "SPARK_DRIVER" if number == 1 else f"SPARK_EXECUTOR/{number - 1}"
            if number == 1 and name == "stderr":
                driver = content.decode("utf-8", "replace")
            if name in ("stdout", "stderr"):
                self.node.keep(uri, f"applications/{run.application_id}/jobs/{run.id}/{worker}/{name}.gz", content)
        return driver


def _refuse_too_few(given: Mapping[str, str]) -> None:
    """Raises RefusedError where Spark would begin with more executors than it may have: there with three."""
    name = "spark.dynamicAllocation"
    if given.get(f"{name}.enabled", "true") == "true":
        first, most = (
            int(given.get(f"{name}.{which}Executors", usual)) for which, usual in (("initial", 3), ("max", 100))
        )
        if first > most:
            raise RefusedError(f"initialExecutors: {first} must be between minExecutors 0 and maxExecutors {most}")


def install() -> None:
    """Have moto's runs wait for us, where its own would have succeeded at once."""
    models.APPLICATION_STATUS, models.JOB_STATUS = "CREATED", "SUBMITTED"
