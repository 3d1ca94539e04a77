"""What a cluster's containers use, seen from outside: a node's processes as the operating system counts them.

Hadoop's own counters see the processes that a task starts, such as Python, only as long as they run and every few
seconds, and neither the application master nor the start of a container.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

_EVERY, _PATIENCE = 0.2, 60.0
_MASTER_AND_TASK = 2
_CONTAINER = b"default_container_executor"
_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Watch:
    """While the context lasts, and until the last container has ended. `managers`: the pids of the NodeManagers.

    cpu: seconds of user and system time of all containers' processes, rounded to hundredths as the system counts.
    peak: MB (2^20 bytes) of resident memory of the largest container, all its processes together, of samples five times
    a second. count: how many containers there were. started: seconds until the first task's container ran, which is
    the second of an application, or its only one.
    """

    def __init__(self, managers: Iterable[int]) -> None:
        self._managers = frozenset(managers)
        self._peaks: dict[int, int] = {}
        self._over = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._before = 0.0
        self._begin = 0.0
        self.cpu = 0.0
        self.started = 0.0

    @property
    def peak(self) -> float:
        return max(self._peaks.values(), default=0) * _PAGE / 2**20

    @property
    def count(self) -> int:
        return len(self._peaks)

    def __enter__(self) -> Watch:
        self._before, self._begin = self._waited_for(), time.monotonic()
        self._sampler.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        deadline = time.monotonic() + _PATIENCE
        while kind is None and self._running() and time.monotonic() < deadline:
            time.sleep(_EVERY)
        self._over.set()
        self._sampler.join()
        self.cpu = self._waited_for() - self._before

    def _waited_for(self) -> float:
        """Seconds of the managers' processes that have ended."""
        fields = [_fields(Path("/proc", str(pid))) for pid in self._managers]
        return sum(int(each[13]) + int(each[14]) for each in fields if each) / _TICK

    def _sample(self) -> None:
        while not self._over.wait(_EVERY):
            for container, pages in self._running().items():
                if container not in self._peaks and len(self._peaks) < _MASTER_AND_TASK:
                    self.started = time.monotonic() - self._begin
                self._peaks[container] = max(pages, self._peaks.get(container, 0))

    def _running(self) -> dict[int, int]:
        """The running containers by the pid of their first process, with their resident pages."""
        parents, resident = {}, {}
        for pid, fields in _processes():
            parents[pid], resident[pid] = int(fields[1]), int(fields[21])
        firsts = {pid for pid, parent in parents.items() if parent in self._managers and _is_container(pid)}
        sums = dict.fromkeys(firsts, 0)
        for pid, pages in resident.items():
            at = pid
            while at not in firsts and at in parents:
                at = parents[at]
            if at in firsts:
                sums[at] += pages
        return sums


def _processes() -> Iterator[tuple[int, list[str]]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _fields(entry)):
            yield int(entry.name), fields


def _fields(process: Path) -> list[str]:
    """What proc(5) calls stat, from its third field on; empty for a process that is gone."""
    try:
        return (process / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return []


def _is_container(pid: int) -> bool:
    """Managers start other commands too."""
    try:
        return _CONTAINER in Path("/proc", str(pid), "cmdline").read_bytes()
    except OSError:
        return False
