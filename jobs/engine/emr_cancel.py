"""Ending a run on a cluster of Amazon EMR that goes on itself: its steps, and what they have started on YARN."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from http.client import HTTPException
from typing import Any

from jobs.emr import aws
from jobs.engine import hadoop_pages
from jobs.engine.emr_states import States
from jobs.engine.hadoop_watch import managers, under_way

_PATIENCE = 20.0
_EVERY = 1.0
_USER = "hadoop"
"""As whom EMR runs steps."""


def end(
    client: Any,
    cluster: str,
    steps: Sequence[str],
    states: States,
    *,
    node: Callable[[], str | None],
    name: str | None,
) -> str:
    """End steps, and their application; what may go on, in words, if something may. node: tells the primary node's
    address; name: the application's."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        address = node()
        left = cancel(client, cluster, steps, states)
    except (BotoCoreError, ClientError) as error:
        told = aws.explained(error, "AWS")
        return f"steps {', '.join(steps)} may go on: {told.what if told else error}"
    if address and name and end_application(address, name) and not left:
        return ""
    return f"what its steps have started on cluster {cluster} may go on there to its end"


def cancel(client: Any, cluster: str, steps: Sequence[str], states: States) -> list[str]:
    """Cancel steps, which EMR does in its own time; those that it has not ended after a while. Raises ClientError."""
    client.cancel_steps(ClusterId=cluster, StepIds=list(steps))
    deadline = time.monotonic() + _PATIENCE
    while left := states.not_over(steps):
        if time.monotonic() > deadline:
            break
        time.sleep(_EVERY)
        for step in left:
            client.describe_step(ClusterId=cluster, StepId=step)
    return left


def end_application(node: str, name: str) -> bool:
    """End the application of this name, which outlives the step that has submitted it; whether there is none any more.
    node: the primary node, which may be out of reach."""
    deadline = time.monotonic() + _PATIENCE
    try:
        while found := under_way(managers(node), name):
            if time.monotonic() > deadline:
                return False
            hadoop_pages.end(found.manager, found.id, _USER)
            time.sleep(_EVERY)
    except (OSError, ValueError, HTTPException):
        return False
    return True
