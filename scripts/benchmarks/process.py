"""A command run as a user would run it, measured from outside."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.environment import ROOT

_SUBREAPER = 36
"""prctl's PR_SET_CHILD_SUBREAPER: orphans become our children, so that their CPU time is counted."""
_LINGER = 20.0
_MEGABYTE = 2**20


class CommandError(Exception):
    """A command that failed, with the end of what it said."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """wall: seconds until the command ended. cpu: seconds of user and system time of all its processes.
    peak: MB (2^20 bytes) of resident memory of its largest process."""

    wall: float
    cpu: float
    peak: float


def measure(command: Sequence[str], output: Path, environ: Mapping[str, str]) -> Measurement:
    """Runs a command in the project's root, with its standard output in a file.

    The memory is the kernel's own high-water mark. A process starts with that of the one that starts it, so the caller
    must be small. Raises CommandError where the status is not 0.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    before = _children()
    errors = output.with_suffix(".err")
    with output.open("wb") as out, errors.open("wb") as err:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss
    for orphan in _orphans(before):
        cpu, peak = cpu + orphan.ru_utime + orphan.ru_stime, max(peak, orphan.ru_maxrss)
    if process.returncode:
        said = errors.read_text("utf-8", "replace").strip()[-2000:]
        raise CommandError(f"{' '.join(command)}: status {process.returncode}\n{said}")
    return Measurement(wall, cpu, peak * (1 if sys.platform == "darwin" else 1024) / _MEGABYTE)


def _orphans(before: set[int]) -> list[resource.struct_rusage]:
    """What processes used that the command left to end by themselves, such as Spark's JVM; not those `before` it."""
    found: list[resource.struct_rusage] = []
    deadline = time.monotonic() + _LINGER
    while left := _children() - before:
        for child in left:
            with contextlib.suppress(ChildProcessError):
                pid, _, usage = os.wait4(child, os.WNOHANG)
                if pid:
                    found.append(usage)
        if time.monotonic() > deadline:
            raise CommandError(f"processes still run {_LINGER:g} s after the command ended")
        time.sleep(0.02)
    return found


def _children() -> set[int]:
    """The children of this process, dead ones that nobody waited for among them; none known where there is no /proc."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int((folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]) == os.getpid():
                found.add(int(folder.name))
    return found


def run_quietly(command: Sequence[str]) -> str:
    """What a helper command prints, stripped. Status 1 is an answer too; raises CommandError for others."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1) or (done.returncode and not done.stdout):
        raise CommandError(f"{' '.join(command)}: status {done.returncode}\n{done.stderr.strip()[-2000:]}")
    return done.stdout.strip()
