"""A command run as a user would run it, measured from outside."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

WATCH = Path(__file__).with_name("watch.py")


class CommandError(Exception):
    """A command that failed, with the end of what it said, and its status where it had one."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Measurement:
    """wall: seconds until the command ended. cpu: seconds of user and system time of all its processes.
    peak: MB (2^20 bytes) of resident memory of its largest process."""

    wall: float
    cpu: float
    peak: float


def measure(
    command: Sequence[str], output: Path, environ: Mapping[str, str], folder: Path | None = None
) -> Measurement:
    """Runs a command in `folder` (default: the present one), with its standard output in a file.

    Raises CommandError where the status is not 0, or processes still run 20 s after the command ended.
    """
    errors, report = output.with_suffix(".err"), output.with_suffix(".usage")
    with output.open("wb") as out, errors.open("wb") as err:
        watcher = subprocess.Popen(
            [sys.executable, "-S", "-E", WATCH, report, *command],
            cwd=folder,
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        try:
            watcher.wait()
        except BaseException:
            os.killpg(watcher.pid, signal.SIGKILL)
            raise
    said = errors.read_text("utf-8", "replace").strip()[-2000:]
    if watcher.returncode:
        raise CommandError(f"{' '.join(command)}: could not be run\n{said}")
    used = json.loads(report.read_text("utf-8"))
    if used["status"]:
        raise CommandError(f"{' '.join(command)}: status {used['status']}\n{said}", used["status"])
    if used["left"]:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(watcher.pid, signal.SIGKILL)
        raise CommandError(f"{' '.join(command)}: left processes that still ran 20 s after it")
    return Measurement(used["wall"], used["cpu"], used["peak"])
