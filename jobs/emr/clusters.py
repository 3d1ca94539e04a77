"""The clusters of the suite on EMR: what they are, what they do, which nobody uses, and their logs."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from jobs.emr.cluster import NAME, SUITE
from jobs.errors import InputError, JobError
from jobs.lake.s3_client import code_of, split_uri

ALIVE = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING", "TERMINATING")
_OVER = frozenset({"TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"})
_BUSY = frozenset({"SUBMITTED", "QUEUED", "PENDING", "SCHEDULED", "RUNNING", "CANCEL_PENDING", "CANCELLING"})
_GRACE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Step:
    """A step. Times are UTC."""

    id: str
    name: str
    state: str
    began: datetime | None
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class Found:
    """A cluster, or an application of EMR Serverless with its runs. `reason`: why it is in its state; `logs`: the S3
    folder of its logs, empty where it keeps none."""

    id: str
    name: str
    state: str
    reason: str
    created: datetime
    ended: datetime | None
    tags: dict[str, str]
    logs: str
    steps: tuple[Step, ...]

    @property
    def is_alive(self) -> bool:
        return not self.state.startswith("TERMINATED")

    def is_orphan(self, now: datetime) -> bool:
        """Whether it is there with nothing to do: ten minutes after its last step, or its start, were over."""
        if self.state in _OVER or any(step.state in _BUSY for step in self.steps):
            return False
        last = max([self.created, *(step.ended for step in self.steps if step.ended)])
        return now - last > _GRACE


def listed(emr: Any, *, states: tuple[str, ...] = (), since: datetime | None = None) -> Iterator[Found]:
    """The suite's clusters, newest first. emr: a client; states: all where empty."""
    asked: dict[str, Any] = {"ClusterStates": list(states)} if states else {}
    if since is not None:
        asked["CreatedAfter"] = since
    for page in emr.get_paginator("list_clusters").paginate(**asked):
        for each in page["Clusters"]:
            found = described(emr, each["Id"])
            if found.tags.get(SUITE) == NAME:
                yield found


def described(emr: Any, cluster: str) -> Found:
    """One cluster. Raises InputError where there is none of this id."""
    from botocore.exceptions import ClientError

    try:
        told = emr.describe_cluster(ClusterId=cluster)["Cluster"]
    except ClientError as error:
        if code_of(error) not in ("InvalidRequestException", "ClusterNotFound", "ValidationException"):
            raise
        fix = "see them with: python -m jobs.emr clusters"
        raise InputError("there is no such cluster in this region", where=cluster, fix=fix) from None
    pages = emr.get_paginator("list_steps").paginate(ClusterId=cluster)
    steps = [_step(each) for page in pages for each in page["Steps"]]
    status = told["Status"]
    uri = (told.get("LogUri") or "").replace("s3n://", "s3://", 1)
    return Found(
        cluster,
        told["Name"],
        status["State"],
        status.get("StateChangeReason", {}).get("Message") or "",
        _utc(status["Timeline"]["CreationDateTime"]),
        _utc(status["Timeline"].get("EndDateTime")),
        {tag["Key"]: tag.get("Value", "") for tag in told.get("Tags", [])},
        f"{uri.rstrip('/')}/{cluster}/" if uri else "",
        tuple(sorted(steps, key=lambda step: step.began or datetime.max.replace(tzinfo=UTC))),
    )


def terminate(emr: Any, found: Found) -> None:
    """End a cluster; EMR refuses to end one that somebody has protected."""
    emr.terminate_job_flows(JobFlowIds=[found.id])


def logs(s3: Any, found: Found, *, step: str | None = None) -> Iterator[tuple[str, bytes]]:
    """Uris and contents of the logs that are not empty: of a step, else of all steps and of containers' errors.

    Raises JobError where none is there yet.
    """
    if not found.logs:
        raise JobError("the cluster keeps no logs", where=found.id)
    wanted: Callable[[str], bool] = (lambda part: part.startswith(f"steps/{step}/")) if step else _is_telling
    any_there = False
    for one in read_logs(s3, found.logs, wanted):
        any_there = True
        yield one
    if not any_there:
        fix = "EMR writes them every five minutes, and when the cluster ends"
        raise JobError("no logs are there yet", where=found.logs, fix=fix)


def read_logs(s3: Any, folder: str, wanted: Callable[[str], bool] = lambda part: True) -> Iterator[tuple[str, bytes]]:
    """Uris and contents of the logs in an S3 folder that are not empty. wanted: by their names below it."""
    bucket, prefix = split_uri(folder)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for each in page.get("Contents", []):
            part = each["Key"].removeprefix(prefix)
            if not wanted(part):
                continue
            body = s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
            text = gzip.decompress(body) if part.endswith(".gz") else body
            if text.strip():
                yield f"s3://{bucket}/{each['Key']}", text


def _is_telling(name: str) -> bool:
    kind, _, rest = name.partition("/")
    return kind == "steps" or (kind in ("containers", "node") and rest.removesuffix(".gz").endswith("stderr"))


def _step(told: Any) -> Step:
    status = told["Status"]
    line = status.get("Timeline", {})
    name = told["Name"].rpartition(": ")[2]
    return Step(told["Id"], name, status["State"], _utc(line.get("StartDateTime")), _utc(line.get("EndDateTime")))


def _utc(at: datetime | None) -> Any:
    return None if at is None else at.astimezone(UTC)
