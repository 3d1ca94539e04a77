"""Whether printed daily statistics are the right ones.

python -m scripts.benchmarks.check EXPECTED TOLERANCE OUTPUT …    prints one line an output: `ok` or what differs

Counts, minima, maxima and times must be equal. Sums, means and standard deviations may differ by TOLERANCE of what
rounding can cost: relative to count × the largest magnitude, or to that magnitude. Keys are those that both have.
A process of its own, so that the harness needs no NumPy.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv

KEYS = ("device_id", "metric", "unit", "date")
TIMES = ("first_timestamp", "last_timestamp")
NUMBERS = ("count", "mean", "stddev", "min", "max", "sum")
Floats = npt.NDArray[np.float64]


HEADLESS = ["device_id", "metric", "date", *NUMBERS, *TIMES]
"""The columns of an output without a header, as the line-by-line job prints."""


def load(path: str) -> pa.Table:
    """A CSV of daily statistics with keys and times as text."""
    with Path(path).open("rb") as file:
        headless = b"device_id" not in file.readline()
    texts = dict.fromkeys((*KEYS, *TIMES), pa.string())
    types = texts | dict.fromkeys(NUMBERS, pa.float64())
    options = csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True)
    return csv.read_csv(path, csv.ReadOptions(column_names=HEADLESS if headless else None), convert_options=options)


def difference(expected: pa.Table, found: pa.Table, tolerance: float) -> str:
    """What differs, or empty."""
    if lacking := [name for name in (*NUMBERS, *TIMES) if name not in found.column_names]:
        return f"column {lacking[0]} is missing"
    keys = [k for k in KEYS if k in found.column_names and k in expected.column_names]
    if len(found) != len(expected):
        return f"{len(found)} rows instead of {len(expected)}"
    order = [(key, "ascending") for key in keys]
    expected, found = expected.sort_by(order), found.sort_by(order)
    for key in keys:
        if not expected[key].equals(found[key]):
            return f"other keys: {key}"
    for name in TIMES:
        if not np.array_equal(_times(expected[name]), _times(found[name])):
            return f"{name} differs"
    want, have = ({name: _numbers(table[name]) for name in NUMBERS} for table in (expected, found))
    for name in ("count", "min", "max"):
        if not np.array_equal(want[name], have[name]):
            return f"{name} differs"
    magnitude = np.maximum(np.abs(want["min"]), np.abs(want["max"]))
    for name in ("sum", "mean", "stddev"):
        if not np.array_equal(np.isnan(want[name]), np.isnan(have[name])):
            return f"{name} is missing in other rows"
        scale = magnitude * want["count"] if name == "sum" else magnitude
        off = np.abs(want[name] - have[name]) > tolerance * scale
        if off.any():
            row = int(off.argmax())
            return f"{name} of row {row + 1}: {have[name][row]!r} instead of {want[name][row]!r}"
    return ""


def _numbers(column: pa.ChunkedArray) -> Floats:
    numbers: Floats = column.combine_chunks().to_numpy(zero_copy_only=False)
    return numbers


def _times(column: pa.ChunkedArray) -> npt.NDArray[np.datetime64]:
    texts = [text.rstrip("Z").removesuffix("+00:00").removesuffix("+00") for text in column.to_pylist()]
    return np.array(texts, "datetime64[us]")


def main(expected: str, tolerance: str, *outputs: str) -> int:
    want = load(expected)
    differences = [difference(want, load(output), float(tolerance)) for output in outputs]
    for found in differences:
        print(found or "ok")
    return int(any(differences))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
