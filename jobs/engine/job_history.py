"""What tasks that failed wrote, on clusters that collect no logs: Hadoop's job history server names their containers,
and the nodes, which keep what those wrote for some hours, show it."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from typing import Any

from jobs.engine.hadoop_watch import asked, job_of
from jobs.lake import hadoop_conf

_TIMEOUT = 10.0
_MOST_BYTES = 1 << 20


def page(application: str) -> str | None:
    """The job's page at the history server; None where the configuration names none."""
    server = hadoop_conf.history_server()
    return None if server is None else f"http://{server}/jobhistory/job/{job_of(application)}"


def errors_of(application: str) -> Iterator[str]:
    """What attempts that failed wrote on standard error, line by line, as `yarn logs` shows it; nothing where the
    server or a node does not answer."""
    if (server := hadoop_conf.history_server()) is None:
        return
    tasks = f"http://{server}/ws/v1/history/mapreduce/jobs/{job_of(application)}/tasks"
    for task in _listed(tasks, "task"):
        for attempt in _listed(f"{tasks}/{task['id']}/attempts", "taskAttempt"):
            if attempt["state"] == "FAILED":
                yield "LogType:stderr\n"
                yield from _stderr(attempt["nodeHttpAddress"], attempt["assignedContainerId"])
                yield "End of LogType:stderr\n"


def _listed(url: str, kind: str) -> list[dict[str, Any]]:
    """A list of the server's, which stands within a list of its own; one that is alone may stand in no list."""
    try:
        found = (asked(url).get(f"{kind}s") or {}).get(kind) or []
    except (OSError, ValueError, HTTPException):
        return []
    return found if isinstance(found, list) else [found]


def _stderr(node: str, container: str) -> list[str]:
    url = f"http://{node}/ws/v1/node/containers/{container}/logs/stderr?size=-{_MOST_BYTES}"  # its end
    request = urllib.request.Request(url, headers={"Accept": "text/plain"})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310 - a page of the cluster's
            text: bytes = answer.read()
    except (OSError, HTTPException):
        return []
    return text.decode("utf-8", "replace").splitlines(keepends=True)
