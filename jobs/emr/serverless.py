"""EMR Serverless: an application for a run of a Spark twin, the run itself, and what an account has of both.

An application is told as a cluster is, with its runs as steps.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from jobs.emr import workers
from jobs.emr.clusters import read_logs
from jobs.emr.found import Found, Step, in_order, ours, told, utc
from jobs.emr.workers import Used, Workers
from jobs.errors import JobError
from jobs.lake.s3_client import code_of

ENDED = frozenset({"SUCCESS", "FAILED", "CANCELLED"})
GONE = "TERMINATED"
_UNKNOWN = frozenset({"ResourceNotFoundException", "ValidationException"})
_STOPPED = ("CREATED", "STOPPED")
_IDLE_MINUTES = 1  # until an application without runs stops by itself, the least that there is
_ARCHITECTURES = {"aarch64": "ARM64", "x86_64": "X86_64"}
_LONGEST_NAME = 64
_PATIENCE = 300.0  # seconds for an application to stop


@dataclass(frozen=True, slots=True)
class Place:
    """Where runs have their role and logs. role: the ARN of the execution role; logs: an S3 folder; subnets, groups: of
    the network, none for that of EMR Serverless, which reaches S3 in its region; image: of workers, in Amazon ECR, none
    for that of the release."""

    role: str
    logs: str
    subnets: Sequence[str] = ()
    groups: Sequence[str] = ()
    image: str = ""


@dataclass(frozen=True, slots=True)
class Submission:
    """What a run executes. launcher: its URI; arguments: of the launcher; conf: Spark's; minutes: after which EMR
    Serverless cancels it."""

    name: str
    launcher: str
    arguments: Sequence[str]
    conf: Mapping[str, str]
    minutes: int


def create(client: Any, planned: Workers, place: Place, name: str, tags: Mapping[str, str]) -> str:
    """An application as large as planned, which starts with a run and stops without; its id."""
    network = {"subnetIds": list(place.subnets), "securityGroupIds": list(place.groups)}
    made = client.create_application(
        name=name[:_LONGEST_NAME],
        releaseLabel=planned.release,
        type="SPARK",
        clientToken=str(uuid4()),
        architecture=_ARCHITECTURES[planned.architecture],
        maximumCapacity=workers.capacity(planned),
        autoStartConfiguration={"enabled": True},
        autoStopConfiguration={"enabled": True, "idleTimeoutMinutes": _IDLE_MINUTES},
        tags=dict(tags),
        **({"networkConfiguration": network} if place.subnets else {}),
        **({"imageConfiguration": {"imageUri": place.image}} if place.image else {}),
    )
    return str(made["applicationId"])


def start(client: Any, application: str, place: Place, submission: Submission, tags: Mapping[str, str]) -> str:
    """A run; its id."""
    settings = " ".join(f"--conf {name}={shlex.quote(value)}" for name, value in submission.conf.items())
    started = client.start_job_run(
        applicationId=application,
        clientToken=str(uuid4()),
        name=submission.name,
        executionRoleArn=place.role,
        executionTimeoutMinutes=submission.minutes,
        jobDriver={
            "sparkSubmit": {
                "entryPoint": submission.launcher,
                "entryPointArguments": list(submission.arguments),
                "sparkSubmitParameters": settings,
            }
        },
        configurationOverrides={"monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": place.logs}}},
        tags=dict(tags),
    )
    return str(started["jobRunId"])


def state(client: Any, application: str) -> str:
    """The state of an application; GONE where it is not known any more."""
    from botocore.exceptions import ClientError

    try:
        found = client.get_application(applicationId=application)["application"]
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        return GONE
    return str(found["state"])


def run(client: Any, application: str, run: str) -> dict[str, Any]:
    """What EMR Serverless says of a run."""
    found: dict[str, Any] = client.get_job_run(applicationId=application, jobRunId=run)["jobRun"]
    return found


def used(found: Mapping[str, Any]) -> Used:
    """What a run was billed for, as EMR Serverless says; what it used, as long as the bill is not reckoned."""
    billed = found.get("billedResourceUtilization") or found.get("totalResourceUtilization") or {}
    return Used(*(float(billed.get(name) or 0.0) for name in ("vCPUHour", "memoryGBHour", "storageGBHour")))


def end(client: Any, application: str, *, wait: float = 2.0) -> bool:
    """Cancel an application's runs, stop and delete it; whether it is gone."""
    for one in _runs(client, application):
        if one["state"] not in ENDED:
            client.cancel_job_run(applicationId=application, jobRunId=one["id"])
    deadline = time.monotonic() + _PATIENCE
    while (now := state(client, application)) != GONE:
        if now in _STOPPED:
            client.delete_application(applicationId=application)
        elif now == "STARTED" and all(one["state"] in ENDED for one in _runs(client, application)):
            client.stop_application(applicationId=application)
        if time.monotonic() > deadline:
            return False
        time.sleep(wait)
    return True


def listed(client: Any, closed: list[str], *, ended: bool = False, since: datetime | None = None) -> Iterator[Found]:
    """The suite's applications, newest first. closed: gets those that may not be looked at; ended: also those that are
    deleted."""
    pages = client.get_paginator("list_applications").paginate()
    names = (
        each["id"]
        for each in sorted((one for page in pages for one in page["applications"]), key=_created, reverse=True)
        if (ended or each["state"] != GONE) and (since is None or _created(each) >= since)
    )
    yield from (_found(client, each) for each in ours(names, lambda name: _asked(client, name), _tags, closed))


def described(client: Any, application: str) -> Found:
    """One application with its runs. Raises InputError where there is none of this id."""
    return _found(client, told("application", application, _UNKNOWN, lambda: _asked(client, application)))


def logs_of(place: Place, application: str, run: str) -> str:
    """The S3 folder of a run's logs."""
    return f"{place.logs.rstrip('/')}/{_folder(application, run)}"


def driver_said(s3: Any, place: Place, application: str, run: str, *, wait: float = 60.0) -> tuple[str, str]:
    """Output and errors of a run's driver, from its logs, which may come some time after its end."""
    folder = f"{logs_of(place, application, run)}SPARK_DRIVER/"
    deadline = time.monotonic() + wait
    while True:
        found = {uri.rpartition("/")[2].removesuffix(".gz"): text for uri, text in read_logs(s3, folder)}
        if found or time.monotonic() > deadline:
            out, err = (found.get(name, b"").decode("utf-8", "replace") for name in ("stdout", "stderr"))
            return out, err
        time.sleep(2.0)


def logs(s3: Any, found: Found, *, step: str | None = None) -> Iterator[tuple[str, bytes]]:
    """Uris and contents of the logs of an application's runs, or of one of them. Raises JobError without any."""
    any_there = False
    for one in found.steps:
        if step not in (None, one.id):
            continue
        for uri, text in read_logs(s3, f"{found.logs}{_folder(found.id, one.id)}"):
            any_there = True
            yield uri, text
    if not any_there:
        raise JobError("no logs are there yet", where=found.id, fix="they come when a run ends")


def _asked(client: Any, application: str) -> dict[str, Any]:
    answer: dict[str, Any] = client.get_application(applicationId=application)["application"]
    return answer


def _found(client: Any, told: Mapping[str, Any]) -> Found:
    application = told["applicationId"]
    runs = [run(client, application, each["id"]) for each in _runs(client, application)]
    reasons = [each["stateDetails"] for each in runs if each["state"] == "FAILED" and each.get("stateDetails")]
    steps = in_order(map(_step, runs))
    gone = told["state"] == GONE
    return Found(
        application,
        told.get("name", ""),
        told["state"],
        " ".join([*reasons, told.get("stateDetails") or ""][0].split()),
        utc(told["createdAt"]),
        max([utc(told["updatedAt"]), *(step.ended for step in steps if step.ended)]) if gone else None,
        _tags(told),
        _logs(runs[-1]) if runs else "",
        steps,
    )


def _tags(told: Mapping[str, Any]) -> Mapping[str, str]:
    found: Mapping[str, str] = told.get("tags", {})
    return found


def _runs(client: Any, application: str) -> list[dict[str, Any]]:
    from botocore.exceptions import ClientError

    try:
        pages = client.get_paginator("list_job_runs").paginate(applicationId=application)
        return [each for page in pages for each in page["jobRuns"]]
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        return []


def _step(told: Mapping[str, Any]) -> Step:
    return Step(
        told["jobRunId"], told.get("name") or "", told["state"], utc(told.get("startedAt")), utc(told.get("endedAt"))
    )


def _logs(told: Mapping[str, Any]) -> str:
    """The S3 folder of logs of an application, as its run has it."""
    kept = told.get("configurationOverrides", {}).get("monitoringConfiguration", {})
    uri = kept.get("s3MonitoringConfiguration", {}).get("logUri", "")
    return f"{uri.rstrip('/')}/" if uri else ""


def _folder(application: str, run: str) -> str:
    return f"applications/{application}/jobs/{run}/"


def _created(told: Mapping[str, Any]) -> datetime:
    at: datetime = told["createdAt"]
    return at
