"""The operations whose effect outlives the process, each under a name: tests kill a run before and after every one."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

STEPS = {
    "publish.stage": "make the hidden folder beside the target in which a result is put together",
    "publish.part": "write a part file there, to the disk",
    "publish.success": "write _SUCCESS there, to the disk",
    "publish.rename": "rename the folder to the target that was not there or empty",
    "publish.exchange": "let the folder and the earlier result change places",
    "publish.set_aside": "rename the earlier result, where a file system cannot exchange",
    "publish.recover": "rename it back, after a run was killed in between, or refused in HDFS",
    "publish.remove": "remove the earlier result, or what a killed run left",
    "publish.upload": "write a part or _SUCCESS to the hidden folder in HDFS",
    "publish.claim": "rename that folder to the name that only one successor of a result can take",
    "publish.withdraw": "rename it back, where HDFS then refuses the rest",
    "publish.retire": "rename the earlier result of another user in HDFS, which is theirs to remove",
    "publish.put_part": "put a part object under its name in S3",
    "publish.put_pending": "announce in _SUCCESS the object that will replace the only part",
    "publish.put_success": "put _SUCCESS in S3",
    "publish.delete": "delete an object in S3 that no reader needs any more",
}
"""Every durable operation by name, and what it does."""

KILL = "JOBS_TEST_KILL"
"""For tests: `name:before`, `name:after` or, with LOG, `#N` for the N-th moment: there this process kills itself."""

LOG = "JOBS_TEST_STEPS"
"""For tests: a file to which each process appends the moments it comes to, a line each."""


@contextmanager
def step(name: str, known: Mapping[str, str] = STEPS) -> Iterator[None]:
    """Wraps a durable operation named in `known`."""
    assert name in known, name
    _moment(f"{name}:before")
    yield
    _moment(f"{name}:after")


def _moment(moment: str) -> None:
    wanted, log = os.environ.get(KILL), os.environ.get(LOG)
    if wanted == moment or (log is not None and f"#{_logged(log, moment)}" == wanted):
        os.kill(os.getpid(), signal.SIGKILL)


def _logged(log: str, moment: str) -> int:
    """The number of this moment, of all processes that write the log."""
    with Path(log).open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(f"{moment}\n".encode())
        file.flush()
        file.seek(0)
        return file.read().count(b"\n")
