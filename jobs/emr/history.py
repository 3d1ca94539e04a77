"""What runs on EMR were planned to take and took, a JSON line each, so that the next plan is better."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "runs.jsonl"

SPARK, SERVERLESS = "Spark", "EMR Serverless"
"""Where a job's Spark twin runs: on a cluster, and without one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A run. job: as `named`; planned_…: ranges, low and high. seconds: wall time in all; start_seconds: of these until
    the first step; bytes: read of the input, each time that it was; slots: how many map tasks ran at once, 0 where that
    is not known; dollars: by the prices of the plan; batch: the run whose cluster it shared, which has its dollars too;
    failed: whether it came to nothing."""

    run: str
    job: str
    started: str
    planned_seconds: tuple[float, float]
    planned_dollars: tuple[float, float]
    planned_bytes: int
    seconds: float
    start_seconds: float
    bytes: int
    dollars: float
    slots: int
    batch: str = ""
    failed: bool = False

    @property
    def slot_mb_s(self) -> float:
        """MB (10^6 bytes) that a task took in a second, everything but the cluster's start counted."""
        busy = 0.0 if self.failed else self.seconds - self.start_seconds
        return self.bytes / 1e6 / busy / self.slots if busy > 0 and self.slots > 0 else 0.0


def named(job: str, twin: str = "") -> str:
    """What runs are kept under: those of a job and of its twins are no measure of each other. twin: where it runs."""
    return f"{job} on {twin}" if twin else job


def append(folder: Path, entry: Entry) -> None:
    """Add a run; several at once do not mix, as each line is one write."""
    folder.mkdir(parents=True, exist_ok=True)
    line = dumps(entry)
    number = os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(number, line)
    finally:
        os.close(number)


def read(folder: Path) -> tuple[Entry, ...]:
    """The runs, oldest first, each once, as it was kept last: one whose result is received later is kept again. Lines
    that are none, as of a full disk, are passed over."""
    try:
        lines = (folder / FILE).read_text("utf-8", "replace").splitlines()
    except OSError:  # there is none, or it cannot be read
        return ()
    return once(entry for line in lines if (entry := loads(line)) is not None)


def once(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Each job of a run, as it was kept last."""
    return tuple({(entry.run, entry.job): entry for entry in entries}.values())


def total(runs: Sequence[Entry]) -> float:
    """USD of these runs; those of a batch are in its own line, where that is among them."""
    names = {run.run for run in runs}
    return sum(run.dollars for run in runs if run.batch not in names)


def dumps(entry: Entry) -> bytes:
    """A run as a line."""
    return (json.dumps(asdict(entry)) + "\n").encode()


def loads(line: str | bytes) -> Entry | None:
    """The run of a line; None of a line that is none."""
    try:
        data = json.loads(line)
        for name in ("planned_seconds", "planned_dollars"):
            low, high = data[name]
            data[name] = (float(low), float(high))
        return Entry(**data)
    except (ValueError, TypeError, KeyError):
        return None
