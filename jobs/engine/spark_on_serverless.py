"""A Spark twin's run on EMR Serverless: an application for it, followed to its end, with which the application ends."""

from __future__ import annotations

import argparse
import logging
import re
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from jobs.emr import archive, aws, bundle, cluster, packages, serverless, workers
from jobs.emr.patience import Patience
from jobs.emr.serverless import Place, Submission
from jobs.emr.telling import Account
from jobs.emr.workers import Used
from jobs.engine.approval import goes_on, may_go_on
from jobs.engine.cache import cache_folder
from jobs.engine.clock import Clock, say
from jobs.engine.job import SensorJob
from jobs.engine.on_emr import base_of, tags
from jobs.engine.options import Settings
from jobs.engine.rerun import with_command
from jobs.engine.serverless_engine import SECTION, ServerlessEngine
from jobs.engine.spark_on_cluster import submitting
from jobs.engine.task_logs import failure
from jobs.errors import JobError, UsageError
from jobs.lake import s3_client, user

log = logging.getLogger(__name__)
_POLL = 10.0  # seconds
_UNPACKED = archive.NAME.removesuffix(".zip")
_EXIT = re.compile(r"ExitCode: (\d+)")
"""What EMR Serverless says of how a driver ended."""
_NO_PYTHON = re.compile(r'Cannot run program "([^"]*python[^"]*)": error=2')
_ENVIRONMENT = {"PYTHONPATH": f"./{_UNPACKED}", "PYSPARK_PYTHON": f"python{bundle.PYTHON_VERSION}"}
_WITHOUT_CLUSTER = {"region", "tags", "conf_paths", "check_cluster_every", "local_tmp_dir", "verbose"}
"""mrjob's options that have a meaning there."""
_UNUSED = Used(0.0, 0.0, 0.0)


class OnServerless:
    """`-r emr --serverless` of a twin. given: the command line. role: the execution role's ARN, else mrjob.conf's."""

    def __init__(self, job: type[SensorJob], given: Sequence[str], role: str | None) -> None:
        self._job, self._usual = submitting(job, given), submitting(job, []).options
        self.options = self._job.options
        self.engine = ServerlessEngine(self._job)
        self._role, self._used = role, _UNUSED

    def check(self, chosen: Settings, known: Sequence[argparse.Action]) -> None:
        ours = {action.dest for action in known} | _WITHOUT_CLUSTER
        for name, value in vars(self.options).items():
            if name not in ours and value != getattr(self._usual, name, None):
                fix = "leave it out, or run on a cluster: without --serverless"
                raise UsageError("is for clusters", where=f"--{name.replace('_', '-')}", fix=fix)
        if not chosen.dry_run:
            self.engine.place(chosen, self._role)

    def follow(
        self, run: str, chosen: Settings, arguments: Sequence[str], conf: Mapping[str, str]
    ) -> tuple[int, float]:
        planned, place = self.engine.planned, self.engine.place(chosen, self._role)
        assert planned is not None
        folder, base = cache_folder() / "emr-bundles", base_of(chosen).rstrip("/")
        staged = packages.for_workers(folder, planned.architecture, base, _say_packages)
        labels = self._labels(run, chosen)
        client = aws.client("emr-serverless", planned.region)
        application = serverless.create(client, planned, place, run, labels)
        _say(f"application {application} in {planned.region}", "requested")
        poll = self.options.check_cluster_every or _POLL
        patience, is_left, started = Patience(lambda text: _say("warning", text), poll), False, ""
        found: dict[str, Any] = {}
        try:
            while patience.ask(serverless.state, client, application) == "CREATING":
                time.sleep(1.0)
            settings = {**_settings(staged, planned.region), **workers.conf(planned), **conf}
            what = Submission(run, f"{staged}/{archive.LAUNCHER}", arguments, settings, workers.minutes(planned))
            started = serverless.start(client, application, place, what, labels)
            self.engine.spends = True
            with Clock(planned.seconds, log):
                found = _watched(client, application, started, poll, patience)
        except KeyboardInterrupt:
            if is_left := may_go_on("application", application):
                goes_on(application, planned.region)
                self.engine.spends = False  # nobody here will know what it cost
            raise
        finally:
            if not is_left:
                _end(client, application, planned.region)
            if self.engine.spends:
                self._used = serverless.used(found) if found else _used(client, application, started)
        begun = found.get("startedAt")
        start_seconds = (begun - found["createdAt"]).total_seconds() if begun else 0.0
        return status_of(place, application, started, found, planned.region), start_seconds

    def _labels(self, run: str, chosen: Settings) -> dict[str, str]:
        """Tags, of which those that the user gave stand above ours."""
        own = {cluster.SUITE: cluster.NAME, cluster.MANAGED: "true", "owner": user.owner()}
        given = {**(self.engine.configured(SECTION, "tags") or {}), **(self.options.tags or {})}
        return {**own, **tags(run, self._job.NAME, chosen.inputs[0]), **given}

    def told(
        self, run: str, started: datetime, seconds: float, start_seconds: float, size: int, *, failed: bool
    ) -> Account:
        job = self._job.NAME
        return self.engine.told(run, job, started, seconds, start_seconds, size, self._used, failed=failed)


def _settings(staged: str, region: str) -> dict[str, str]:
    """Spark's settings that bring the suite to driver and executors."""
    known = {"spark.archives": f"{staged}/{archive.NAME}#{_UNPACKED}"}
    for name, value in {**s3_client.place(), **aws.of_region(region), **_ENVIRONMENT}.items():
        known |= {f"spark.emr-serverless.driverEnv.{name}": value, f"spark.executorEnv.{name}": value}
    return known


def _watched(client: Any, application: str, run: str, poll: float, patience: Patience) -> dict[str, Any]:
    """What is told of a run once it has ended; states are told as they change."""
    before = ""
    while True:
        found: dict[str, Any] = patience.ask(serverless.run, client, application, run)
        if found["state"] != before:
            before = found["state"]
            _say(f"run {run}", before.lower())
        if before in serverless.ENDED:
            return found
        time.sleep(poll)


def _end(client: Any, application: str, region: str) -> None:
    """End the application, or say how that can be done."""
    from botocore.exceptions import BotoCoreError, ClientError

    gone = False
    try:
        with suppress(BotoCoreError, ClientError):
            gone = serverless.end(client, application)
    finally:  # also where a second Ctrl-C does not wait for it
        if not gone:
            fix = f"end it: python -m jobs.emr terminate {application} --region {region}"
            print(f"warning: application {application} may still run; {fix}", file=sys.stderr)


def _used(client: Any, application: str, run: str) -> Used:
    """What a run was billed for that has ended, however it did; nothing where AWS does not tell."""
    from botocore.exceptions import BotoCoreError, ClientError

    with suppress(BotoCoreError, ClientError):
        return serverless.used(serverless.run(client, application, run))
    return _UNUSED


def status_of(place: Place, application: str, run: str, found: Mapping[str, Any], region: str) -> int:
    """Say what the driver said; its status. Raises JobError where it failed and left no reason."""
    out, errors = serverless.driver_said(aws.client("s3", region), place, application, run)
    print(out, end="", file=sys.stderr)  # where Spark puts what Python writes
    if found["state"] == "SUCCESS":
        return 0
    details = " ".join((found.get("stateDetails") or found["state"].lower()).split())
    if missing := _NO_PYTHON.search(errors):
        fix = "name an image that has it, as `image` below `serverless` in mrjob.conf"
        raise JobError(f"the image of EMR Serverless has no {missing[1]}", fix=fix)
    if "error: " not in out:
        where = serverless.logs_of(place, application, run)
        if "Traceback" in out + errors:
            raise with_command(failure({"task_error": {"message": out + errors, "path": where}}, None))
        raise with_command(JobError(f"the run on EMR Serverless failed: {details}", fix=f"its logs: {where}"))
    status = _EXIT.search(details)
    return int(status[1]) if status else 1


def _say(what: str, state: str) -> None:
    """On standard error, unless quiet."""
    if log.isEnabledFor(logging.ERROR):
        say(f"{what}: {state}")


def _say_packages(architecture: str) -> None:
    _say(f"packages for {architecture}", "being made, which takes a minute and is kept")
