"""Runs the steps of the tests one after the other, shows what they print, and stops all that they started."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Self

from scripts.environment import ROOT, clean_environ

_SUBREAPER = 36
"""prctl's PR_SET_CHILD_SUBREAPER: orphans of a step become our children, so that they are found."""


LIMIT = 2400.0
"""Seconds that a step may take."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step ended: its last line says it best."""

    name: str
    passed: bool
    seconds: float
    closing: str


@dataclass(slots=True)
class Runner:
    """Runs commands in the project's root, each in a process group of its own, with `scratch` as temporary folder."""

    scratch: Path
    outcomes: list[Outcome] = field(default_factory=list)
    limit: float = LIMIT
    _beside: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _before: dict[int, Any] = field(default_factory=dict)

    def __enter__(self) -> Self:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
        self._before = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._beside:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def run(
        self,
        name: str,
        python: Path,
        *arguments: str,
        words: Mapping[int, str] | None = None,
        closing: str = "",
        environ: Mapping[str, str] | None = None,
    ) -> Outcome:
        """Run Python with arguments, its output shown as it comes. `words` explain exit statuses;
        the last line that holds `closing` says how it ended; `environ` is added to the environment.

        It fails with a status other than 0, after `limit` seconds, or when it leaves processes behind.
        """
        print(f"\n── {name} " + "─" * max(3, 74 - len(name)), flush=True)
        own = {
            "TMPDIR": str(self.scratch),
            "COVERAGE_FILE": str(self.scratch / "coverage"),
            "PYTHONUNBUFFERED": "1",
        }
        start = time.monotonic()
        process = subprocess.Popen(
            [str(python), *arguments],
            cwd=ROOT,
            env={**clean_environ(), **own, **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        last: deque[str] = deque([""], maxlen=1)
        echo = threading.Thread(target=_echo, args=(process, last, closing), daemon=True)
        echo.start()
        status = None
        try:
            status = process.wait(self.limit)
        except subprocess.TimeoutExpired:
            pass
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            left = end_children({beside.pid for beside in self._beside})
        echo.join(5)
        words = words or {}
        said = words.get(status, last[0]) if status is not None else f"ended after {self.limit:g} s"
        if left:
            said = f"left {len(left)} processes behind: {'; '.join(left)}"
        return Outcome(name, status == 0 and not left, time.monotonic() - start, said)

    def beside(self, python: Path, *arguments: str) -> None:
        """Start Python with arguments beside the steps, unheard; it is ended with the last of them."""
        self._beside.append(
            subprocess.Popen(
                [str(python), *arguments],
                cwd=ROOT,
                env=clean_environ(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )

    def report(self) -> int:
        """Print one line a step; the exit status is 1 where one failed."""
        print("\n── result " + "─" * 68)
        for outcome in self.outcomes:
            mark = "passed" if outcome.passed else "FAILED"
            print(f"  {outcome.name:<12} {mark}  {outcome.seconds:6.1f} s  {outcome.closing}")
        return int(any(not outcome.passed for outcome in self.outcomes))


def end_children(spared: Collection[int] = (), wait: float = 2.0) -> list[str]:
    """Kill this process's children that live on after `wait` seconds, but for those `spared`, by pid, and return
    their command lines (Linux).
    """
    deadline = time.monotonic() + wait
    while (children := _children(spared)) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = list(children.values())
    while children:
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        for child in children:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)
        children = _children(spared)
    return left


def _children(spared: Collection[int]) -> dict[int, str]:
    """Live children of this process but for those spared, and their command lines; zombies are reaped on the way."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    found: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, parent = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
            if int(parent) == os.getpid() and state != "Z" and int(folder.name) not in spared:
                found[int(folder.name)] = (folder / "cmdline").read_text(errors="replace").replace("\0", " ")[:120]
    return found


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _echo(process: subprocess.Popen[str], last: deque[str], closing: str) -> None:
    """Show what the process prints, and keep its last line that says something and holds `closing`."""
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="", flush=True)
        if line.strip("= \n") and closing in line:
            last.append(line.strip("= \n"))
