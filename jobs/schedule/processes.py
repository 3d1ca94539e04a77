"""The child processes of a run: each with a time limit and a log, ended with everything that it started."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from threading import Event, Thread
from typing import Any

from jobs.errors import JobError
from jobs.schedule.ledger.store import lost_lease
from jobs.schedule.model import Schedule

_TURN_SECONDS = 0.02
_GRACE_SECONDS = 10.0
_KEPT_LOGS = 100


class Children:
    """Starts the processes of the run `run_id` of a schedule, in whose folder they work: the paths that options name
    are of that. stop: set when they have to end."""

    def __init__(self, schedule: Schedule, run_id: str, stop: Event, hide: Callable[[str], str]) -> None:
        self._all, self._folder = schedule.state / "logs", schedule.folder
        self.logs, self._stop, self._hide = self._all / run_id, stop, hide

    def run(self, wanted: Mapping[str, Any], name: str, seconds: float) -> dict[str, Any]:
        """What the child told, as `run_child` says. Raises BusyError where it was stopped."""
        log = self.logs / f"{name}.log"
        try:
            if not self.logs.exists():
                self.logs.mkdir(parents=True)
                self._sweep()
            log.touch()
        except OSError as error:
            fix = "make room, or name another state folder"
            raise JobError(f"cannot be written: {error.strerror}", where=str(log), fix=fix) from None
        wanted = {**wanted, "folder": str(self._folder)}
        told = run_child("jobs.schedule.attempt", wanted, log, seconds, self._stop)
        said = log.read_text("utf-8", "replace")
        if (hidden := self._hide(said)) != said:
            log.write_text(hidden, "utf-8")
        if told["stopped"]:
            raise lost_lease()
        return told

    def _sweep(self) -> None:
        """Keep the logs of the last runs only."""
        for old in sorted(self._all.iterdir(), key=lambda folder: folder.stat().st_mtime)[:-_KEPT_LOGS]:
            shutil.rmtree(old, ignore_errors=True)


def run_child(module: str, wanted: Mapping[str, Any], log: Path, seconds: float, stop: Event) -> dict[str, Any]:
    """What `python -m MODULE` told, given what is wanted; its errors go to `log`.

    Its `status` is the exit status; `timeout`: whether it was ended after `seconds`; `stopped`: because `stop` was set.
    """
    with log.open("ab") as errors:
        command = [sys.executable, "-m", module]
        child = Popen(command, stdin=PIPE, stdout=PIPE, stderr=errors, start_new_session=True)
    told: list[bytes] = []
    talk = Thread(target=_talk, args=(child, json.dumps({**wanted, "parent": os.getpid()}).encode(), told), daemon=True)
    talk.start()
    deadline, timeout, stopped = time.monotonic() + seconds, False, False
    try:
        while child.poll() is None and not (timeout or stopped):
            timeout, stopped = time.monotonic() > deadline, stop.is_set()
            time.sleep(_TURN_SECONDS)
    finally:
        end(child)
    talk.join(_GRACE_SECONDS)
    answer: dict[str, Any] = {}
    with suppress(ValueError, IndexError):
        answer = json.loads(told[0])
    code = child.returncode
    return {**answer, "status": 128 - code if code < 0 else code, "timeout": timeout, "stopped": stopped}


def _talk(child: Popen[bytes], text: bytes, told: list[bytes]) -> None:
    with suppress(OSError, ValueError):
        told.append(child.communicate(text)[0])


def end(child: Popen[bytes]) -> None:
    """End the child if it runs, and all of its session, politely first."""
    if child.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        with suppress(TimeoutExpired):
            child.wait(_GRACE_SECONDS)
    deadline = time.monotonic() + _GRACE_SECONDS
    while (left := _session(child.pid)) and time.monotonic() < deadline:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_TURN_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _session(leader: int) -> list[int]:
    """The living processes of a session, in whatever group (Linux)."""
    found = []
    for entry in os.scandir("/proc") if Path("/proc/self/stat").exists() else ():
        if entry.name.isdigit():
            with suppress(OSError, ValueError):
                state, _, _, session = Path(entry.path, "stat").read_text().rpartition(")")[2].split()[:4]
                if int(session) == leader and state not in "ZX":
                    found.append(int(entry.name))
    return found
