"""The clusters of the suite on EMR: what they are, what they do, which nobody uses, and their logs."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from jobs.emr.aws import INVALID
from jobs.emr.found import Found, Step, in_order, ours, told, utc
from jobs.errors import JobError
from jobs.lake.s3_client import split_uri

ALIVE = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING", "TERMINATING")
_EXPECTED = frozenset({"ALL_STEPS_COMPLETED", "STEP_FAILURE", "USER_REQUEST"})
"""Codes of reasons to end that are not the cluster's own."""
_UNKNOWN = {*INVALID, "ClusterNotFound"}


def listed(
    emr: Any, closed: list[str], *, states: tuple[str, ...] = (), since: datetime | None = None
) -> Iterator[Found]:
    """The suite's clusters, newest first. emr: a client; closed: gets those that may not be looked at; states: all
    where empty."""
    asked: dict[str, Any] = {"ClusterStates": list(states)} if states else {}
    if since is not None:
        asked["CreatedAfter"] = since
    pages = emr.get_paginator("list_clusters").paginate(**asked)
    names = (each["Id"] for page in pages for each in page["Clusters"])
    yield from (_found(emr, each) for each in ours(names, lambda name: _asked(emr, name), _tags, closed))


def described(emr: Any, cluster: str) -> Found:
    """One cluster. Raises InputError where there is none of this id."""
    return _found(emr, told("cluster", cluster, _UNKNOWN, lambda: _asked(emr, cluster)))


def terminate(emr: Any, found: Found) -> None:
    """End a cluster; EMR refuses to end one that somebody has protected."""
    emr.terminate_job_flows(JobFlowIds=[found.id])


def failure(told: Mapping[str, Any], logs: str | None) -> JobError | None:
    """Why a cluster ended that its steps or its user did not end: a quota, no capacity, a role, a network, a node that
    could not be made ready; None for others. told: as EMR describes it; logs: their S3 folder."""
    status = told["Status"]
    reason = status.get("StateChangeReason") or {}
    said = " ".join((reason.get("Message") or "").split())
    if not (status["State"].startswith("TERMINAT") and said) or reason.get("Code") in _EXPECTED:
        return None
    fix = f"its logs: {logs}node/" if logs and "bootstrap action" in said else None
    return JobError(f"the cluster ended: {said}", where=told["Id"], fix=fix)


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


def _asked(emr: Any, cluster: str) -> dict[str, Any]:
    answer: dict[str, Any] = emr.describe_cluster(ClusterId=cluster)["Cluster"]
    return answer


def _found(emr: Any, told: dict[str, Any]) -> Found:
    pages = emr.get_paginator("list_steps").paginate(ClusterId=told["Id"])
    status = told["Status"]
    uri = (told.get("LogUri") or "").replace("s3n://", "s3://", 1)
    return Found(
        told["Id"],
        told["Name"],
        status["State"],
        status.get("StateChangeReason", {}).get("Message") or "",
        utc(status["Timeline"]["CreationDateTime"]),
        utc(status["Timeline"].get("EndDateTime")),
        _tags(told),
        f"{uri.rstrip('/')}/{told['Id']}/" if uri else "",
        in_order(_step(each) for page in pages for each in page["Steps"]),
    )


def _tags(told: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in told.get("Tags", [])}


def _step(told: Any) -> Step:
    status = told["Status"]
    line = status.get("Timeline", {})
    name = told["Name"].rpartition(": ")[2]
    return Step(told["Id"], name, status["State"], utc(line.get("StartDateTime")), utc(line.get("EndDateTime")))
