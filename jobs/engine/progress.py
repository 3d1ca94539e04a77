"""How far a run is: cells that tasks share with the driver, and a bar on a terminal."""

from __future__ import annotations

import mmap
import sys
import time
from collections.abc import Callable
from typing import Any

GROUP = "Sensor Jobs"
"""A cluster's counters of the suite: `bytes`, `readings`, `rejects: REASON`."""
_CELLS = 4096
_INTERVAL = 0.1
PULSE_SECONDS = 10.0


class Meter:
    """Bytes read and readings made, one pair of cells a task, in memory that forked tasks share."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _CELLS * 16)
        self._cells = memoryview(self._memory).cast("q")
        self._task = 0

    def enter(self, task: int) -> None:
        """Count for this task from now on; called in the task's own process."""
        self._task = task % _CELLS

    def add(self, size: int, readings: int) -> None:
        self._cells[2 * self._task] += size
        self._cells[2 * self._task + 1] += readings

    def put(self, size: int, readings: int) -> None:
        """What has been counted elsewhere so far."""
        self._cells[2 * self._task], self._cells[2 * self._task + 1] = size, readings

    def total(self) -> tuple[int, int]:
        """Bytes and readings of all tasks."""
        return sum(self._cells[0::2]), sum(self._cells[1::2])


class Progress:
    """A meter with its bar; `tick` redraws it at most ten times a second, and does nothing off a terminal."""

    def __init__(self, size: int, label: str) -> None:
        self.meter = Meter()
        self.rejects = 0  # as a cluster's counters say
        self._size, self._label = size, label
        self._drawn = 0.0
        self._bar: Any = None

    def add(self, size: int, readings: int) -> None:
        self.meter.add(size, readings)
        self.tick()

    def tick(self) -> None:
        now = time.monotonic()
        if now - self._drawn < _INTERVAL or not sys.stderr.isatty():
            return
        self._drawn = now
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(
                total=self._size, desc=self._label, unit="B", unit_scale=True, leave=False, file=sys.stderr
            )
        size, readings = self.meter.total()
        elapsed = max(self._bar.format_dict["elapsed"], 1e-3)
        rejects = f", {self.rejects:,} rejects" if self.rejects else ""
        self._bar.set_postfix_str(f"{readings / elapsed:,.0f} rows/s{rejects}", refresh=False)
        self._bar.n = min(size, self._size)
        self._bar.refresh()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class Pulse:
    """Signs of life of a cluster's task while it reads one large object, or merges; without any it is ended after ten
    minutes."""

    def __init__(self, say: Callable[[int], None]) -> None:
        """say: tells the cluster of so many readings."""
        self._say = say
        self._readings = 0
        self._told = time.monotonic()

    def add(self, size: int, readings: int) -> None:
        self._readings += readings
        if (now := time.monotonic()) - self._told > PULSE_SECONDS:
            self._told = now
            self._say(self._readings)


_current: Progress | Pulse | None = None


def watch(progress: Progress | Pulse | None) -> None:
    """Make `progress` the one that tasks of this process and its forks count for."""
    global _current  # noqa: PLW0603 - mrjob makes the tasks, so nothing can be handed to them
    _current = progress


def current() -> Progress | None:
    """The progress that this process counts for; None on a cluster's node."""
    return _current if isinstance(_current, Progress) else None


def advance(size: int, readings: int) -> None:
    """Count bytes read and readings made, where anybody watches."""
    if _current is not None:
        _current.add(size, readings)


def alive() -> None:
    """Give a sign of life where a cluster waits for one: work goes on that is not reading."""
    if isinstance(_current, Pulse):
        _current.add(0, 0)
