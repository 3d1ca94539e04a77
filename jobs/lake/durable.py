"""The operations whose effect outlives the process, each under a name: tests kill a run before and after every one."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

STEPS = {
    "publish.stage": "make the hidden folder beside the target in which a result is put together",
    "publish.part": "write a part file there, to the disk",
    "publish.success": "write _SUCCESS there, to the disk",
    "publish.rename": "rename the folder to the target that was not there or empty",
    "publish.exchange": "let the folder and the earlier result change places",
    "publish.set_aside": "rename the earlier result, where a file system cannot exchange",
    "publish.recover": "rename it back, after a run was killed in between",
    "publish.remove": "remove the earlier result, or what a killed run left",
    "publish.upload": "write a part or _SUCCESS to the hidden folder in HDFS",
    "publish.claim": "rename that folder to the name that only one successor of a result can take",
    "publish.put_part": "put a part object under its name in S3",
    "publish.put_pending": "announce in _SUCCESS the object that will replace the only part",
    "publish.put_success": "put _SUCCESS in S3",
    "publish.delete": "delete an object in S3 that no reader needs any more",
}
"""Every durable operation by name, and what it does."""

KILL = "JOBS_TEST_KILL"
"""For tests: `name:before` or `name:after`, where this process kills itself with SIGKILL."""


@contextmanager
def step(name: str) -> Iterator[None]:
    """Wraps a durable operation named in STEPS."""
    assert name in STEPS, name
    _kill_at(name, "before")
    yield
    _kill_at(name, "after")


def _kill_at(name: str, when: str) -> None:
    if os.environ.get(KILL) == f"{name}:{when}":
        os.kill(os.getpid(), signal.SIGKILL)
