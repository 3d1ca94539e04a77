"""NAB's files: readings and the windows of their true anomalies."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from scripts.nab.scoring import Floats, Ints, Labels


@dataclass(frozen=True)
class Series:
    """One file. timestamp: µs since 1970 UTC, in the order of the file."""

    name: str
    timestamp: Ints
    value: Floats
    labels: Labels


def load(folder: Path) -> Iterator[Series]:
    """The files that are there below `folder`/data, sorted by name."""
    windows = json.loads((folder / "labels" / "combined_windows.json").read_text())
    for name in sorted(windows):
        path = folder / "data" / name
        if path.is_file():
            yield _series(name, path, windows[name])


def _series(name: str, path: Path, windows: list[list[str]]) -> Series:
    with path.open(newline="") as lines:
        rows = [(_micros(row["timestamp"]), float(row["value"])) for row in csv.DictReader(lines)]
    time, value = (np.array(column) for column in zip(*rows, strict=True))
    return Series(name, time, value, Labels(len(rows), [_rows(time, *window) for window in windows]))


def _rows(time: Ints, first: str, last: str) -> tuple[int, int]:
    """The first and last row of a window of time, both inclusive."""
    inside = np.flatnonzero((time >= _micros(first)) & (time <= _micros(last)))
    return int(inside[0]), int(inside[-1])


def _micros(text: str) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def halves(series: list[Series]) -> tuple[list[Series], list[Series]]:
    """The files at even and at odd places, in the order of their names: to choose by, and to check on."""
    return series[::2], series[1::2]
