"""Asking EMR for a cluster once: where the answer is lost, the cluster that was started all the same is found."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from jobs.emr.aws import BUSY
from jobs.errors import JobError
from jobs.lake.s3_client import code_of, http_status

_LOOKS, _EVERY = 5, 2.0  # how often a cluster is looked for, and how many seconds apart: lists lag behind
_RECENT = timedelta(hours=1)


def once(client: Any, started: Callable[[str], None]) -> Callable[..., dict[str, Any]]:
    """The client's `run_job_flow`, which has nothing by which EMR would know a request that is repeated.

    started: gets the cluster, also where the call is interrupted.
    """
    request = client.run_job_flow
    client.meta.events.register("needs-retry.emr.RunJobFlow", _unless_received)

    def run_job_flow(**asked: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = request(**asked)
        except BaseException as error:
            if not _may_have_started(error):
                raise
            if found := _named(client, asked["Name"]):
                started(found)
            if not isinstance(error, Exception):
                raise
            if not found:
                what = f"EMR's answer to RunJobFlow was lost: {' '.join(str(error).split())}"
                fix = f"look whether {asked['Name']} has started: python -m jobs.emr clusters"
                raise JobError(what, where="-r emr", fix=fix) from error
            return {"JobFlowId": found}
        started(answer["JobFlowId"])
        return answer

    return run_job_flow


def _unless_received(
    caught_exception: Exception | None, response: tuple[Any, Any] | None, operation: Any, **_: Any
) -> None:
    """Raise, before botocore asks again, what leaves open whether EMR has started a cluster."""
    from botocore.exceptions import ClientError

    error = caught_exception
    if response is not None and response[0].status_code >= 500:
        error = ClientError(response[1], operation.name)
    if error is not None and _may_have_started(error):
        raise error


def _may_have_started(error: BaseException) -> bool:
    """Whether EMR may have got the request and not refused it."""
    from botocore import exceptions as boto

    if isinstance(error, boto.ClientError):
        return http_status(error) >= 500 and code_of(error) not in BUSY
    return isinstance(error, boto.HTTPClientError) or not isinstance(error, boto.BotoCoreError)


def _named(client: Any, name: str) -> str | None:
    """The cluster of that name, which only one run has; None where it is not to be seen."""
    from botocore.exceptions import BotoCoreError, ClientError

    for look in range(_LOOKS):
        time.sleep(_EVERY if look else 0.0)
        with suppress(BotoCoreError, ClientError):
            pages = client.get_paginator("list_clusters").paginate(CreatedAfter=datetime.now(UTC) - _RECENT)
            if found := next((each["Id"] for page in pages for each in page["Clusters"] if each["Name"] == name), ""):
                return str(found)
    return None
