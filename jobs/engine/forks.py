"""Tasks as forks of the warmed driver: few, quiet, and gone when the driver is gone."""

from __future__ import annotations

import ctypes
import os
import pickle
import selectors
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO

from jobs.errors import JobError, no_room

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.1

available = sys.platform == "linux"
"""Whether forking is safe here: macOS's system libraries do not survive it."""


class TaskError(JobError):
    """A task that ended without a word: killed, or out of memory."""


def run_forked(tasks: Iterable[Callable[[], object]], at_once: int, tick: Callable[[], None]) -> None:
    """Run each task in a fork, at most `at_once` at a time, calling `tick` about ten times a second.

    The first task to fail ends the others, and what it raised is raised here. Leaves no process behind.
    """
    children = _Children(tick)
    try:
        for task in tasks:
            children.wait(at_once - 1)
            children.start(task)
        children.wait(0)
    finally:
        children.kill()


class _Children:
    def __init__(self, tick: Callable[[], None]) -> None:
        self._tick = tick
        self._pids: dict[int, int] = {}  # the read end of a child's pipe → its pid
        self._selector = selectors.DefaultSelector()

    def start(self, task: Callable[[], object]) -> None:
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        receive, send = os.pipe()
        with _later():
            pid = os.fork()
            if pid == 0:
                _child(task, parent, send)
            self._pids[receive] = pid
            self._selector.register(receive, selectors.EVENT_READ)
        os.close(send)

    def wait(self, most: int) -> None:
        """Wait until at most `most` children run."""
        while len(self._pids) > most:
            for key, _ in self._selector.select(_POLL_SECONDS):
                self._collect(key.fd)
            self._tick()

    def _collect(self, receive: int) -> None:
        with os.fdopen(os.dup(receive), "rb") as pipe:
            message = pipe.read()
        pid = self._forget(receive)
        _, status = os.waitpid(pid, 0)
        if message:
            raise pickle.loads(message)  # noqa: S301 - from our own fork
        if status:
            code = os.waitstatus_to_exitcode(status)
            how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
            raise TaskError(
                f"a task {how}", fix="if memory ran out, use fewer --tasks" if code == -signal.SIGKILL else None
            )

    def _forget(self, receive: int) -> int:
        self._selector.unregister(receive)
        os.close(receive)
        return self._pids.pop(receive)

    def kill(self) -> None:
        for receive, pid in list(self._pids.items()):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            self._forget(receive)
        self._selector.close()


@contextmanager
def _later() -> Iterator[None]:
    """Have Ctrl-C and SIGTERM wait: during a fork Python drops what their handlers raise."""
    if threading.current_thread() is not threading.main_thread():  # no handler runs in another
        yield
        return
    arrived: list[int] = []
    before = {
        number: signal.signal(number, lambda number, frame: arrived.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for late in arrived:
            signal.raise_signal(late)


def _child(task: Callable[[], object], parent: int, send: int) -> None:
    """Run the task and leave by the shortest way; what it raised goes through the pipe."""
    status = 1
    try:
        die_with_parent(parent)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver decides
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        task()
        status = 0
    except BaseException as error:
        with os.fdopen(send, "wb") as pipe:
            pipe.write(_pickled(error))
    finally:
        _flush(sys.stdout)
        _flush(sys.stderr)
        os._exit(status)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when `parent` ends, however it ends (Linux)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _pickled(error: BaseException) -> bytes:
    import traceback

    error = no_room(error) or error
    if not isinstance(error, JobError):
        error = RuntimeError("".join(traceback.format_exception(error)))
    return pickle.dumps(error)


def _flush(stream: IO[str]) -> None:
    try:
        stream.flush()
    except (OSError, ValueError, AttributeError):
        return
