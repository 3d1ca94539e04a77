"""What tasks that failed wrote, on clusters that collect no logs: Hadoop's job history server names their containers,
and the nodes, which keep what those wrote for some hours, show it."""

from __future__ import annotations

from collections.abc import Iterator

from jobs.engine.hadoop_pages import container_log, listed
from jobs.engine.hadoop_watch import job_of
from jobs.lake import hadoop_conf


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
    for task in listed(tasks, "task"):
        for attempt in listed(f"{tasks}/{task['id']}/attempts", "taskAttempt"):
            if attempt["state"] == "FAILED":
                yield "LogType:stderr\n"
                said = container_log(attempt["nodeHttpAddress"], attempt["assignedContainerId"], "stderr") or ""
                yield from said.splitlines(keepends=True)
                yield "End of LogType:stderr\n"
