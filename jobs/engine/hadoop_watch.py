"""A job on Hadoop as it goes: its counters, which tasks raise split by split, drive the bar on the terminal."""

from __future__ import annotations

import json
import sys
import threading
import urllib.request
from http.client import HTTPException
from types import TracebackType
from typing import Any

from jobs.engine import progress
from jobs.engine.progress import GROUP

_EVERY, _TIMEOUT = 1.0, 5.0


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


def page(resource_manager: str, name: str) -> str | None:
    """The page of a running job of this name; None where there is none. Raises OSError where nobody answers."""
    query = f"{resource_manager}/ws/v1/cluster/apps?states=RUNNING"
    try:
        found = (asked(query).get("apps") or {}).get("app", [])
    except (ValueError, HTTPException):
        return None
    return next((f"{resource_manager}/proxy/{one['id']}/" for one in found if one["name"] == name), None)


def job_of(application: str) -> str:
    """What MapReduce calls an application of its own."""
    return application.replace("application_", "job_")


def counters(url: str) -> dict[str, int]:
    """The suite's counters, as a job's page gives them; empty where it does not answer."""
    try:
        groups = asked(url)["jobCounters"]["counterGroup"]
    except (OSError, ValueError, KeyError, HTTPException):
        return {}
    return {
        one["name"]: int(one["totalCounterValue"])
        for group in groups
        if group["counterGroupName"] == GROUP
        for one in group["counter"]
    }


def asked(url: str) -> dict[str, Any]:
    """What one of Hadoop's pages answers. Raises OSError, HTTPException, and ValueError for what is no JSON."""
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310 - Hadoop's page
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310 - the same
        found: dict[str, Any] = json.load(answer)
        return found
