"""A job on Hadoop as it goes: its counters, which tasks raise split by split, drive the bar on the terminal."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable
from http.client import HTTPException
from types import TracebackType
from typing import NamedTuple

from jobs.engine import progress
from jobs.engine.applications import UNDER_WAY
from jobs.engine.hadoop_pages import asked
from jobs.engine.progress import GROUP

_EVERY = 1.0
_PORTS = {"https": 8090, "http": 8088}  # of a resource manager that encrypts, and of others


class Watch:
    """Asks the application master while the context lasts, once the job's page is known; on a terminal only."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._asker: threading.Thread | None = None

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()

    def follow(self, page: str) -> None:
        """page: what Hadoop calls the url to track the job."""
        shown = progress.current()
        if shown is not None and self._asker is None and sys.stderr.isatty():
            self._asker = threading.Thread(target=self._ask, args=(page, shown), daemon=True)
            self._asker.start()

    def _ask(self, page: str, shown: progress.Progress) -> None:
        job = job_of(page.rstrip("/").rpartition("/")[2])
        while not self._over.wait(_EVERY):
            found = counters(f"{page.rstrip('/')}/ws/v1/mapreduce/jobs/{job}/counters")
            if found and not self._over.is_set():
                shown.meter.put(found.get("bytes", 0), found.get("readings", 0))
                shown.rejects = sum(count for name, count in found.items() if name.startswith("rejects: "))
                shown.tick()


def managers(node: str) -> list[str]:
    """Where the resource manager on a node may answer; with a port it answers there."""
    return [f"http://{node}"] if ":" in node else [f"{kind}://{node}:{port}" for kind, port in _PORTS.items()]


class Application(NamedTuple):
    """What runs on a cluster, and the url of the resource manager that knows of it."""

    manager: str
    id: str

    @property
    def page(self) -> str:
        return f"{self.manager}/proxy/{self.id}/"


def under_way(among: Iterable[str], name: str) -> Application | None:
    """An application of this name that has not ended, by the first of these resource managers that answers; None where
    there is none. Raises OSError where nobody answers, and HTTPException or ValueError for what is no resource manager.
    """
    silent = OSError("no resource manager is known")
    for manager in among:
        try:
            answer = asked(f"{manager}/ws/v1/cluster/apps?states={UNDER_WAY}", verified=False)
        except OSError as error:
            silent = error
            continue
        found = (answer.get("apps") or {}).get("app", [])
        return next((Application(manager, one["id"]) for one in found if one["name"] == name), None)
    raise silent


def job_of(application: str) -> str:
    """What MapReduce calls an application of its own."""
    return application.replace("application_", "job_")


def counters(url: str) -> dict[str, int]:
    """The suite's counters, as a job's page gives them; empty where it does not answer."""
    try:
        groups = asked(url, verified=False)["jobCounters"]["counterGroup"]
    except (OSError, ValueError, KeyError, HTTPException):
        return {}
    return {
        one["name"]: int(one["totalCounterValue"])
        for group in groups
        if group["counterGroupName"] == GROUP
        for one in group["counter"]
    }
