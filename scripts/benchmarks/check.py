"""Whether an answer is the right one.

python -m scripts.benchmarks.check QUESTION EXPECTED TOLERANCE OUTPUT …    one line an output: `ok` or what differs

Keys, counts, extremes and times must be equal. Sums, means and standard deviations may differ by the tolerance of what
rounding can cost: relative to count × the largest magnitude, or to that magnitude; other numbers by it of themselves,
or of 1. Columns are those that the output has; a question says which it need not have. What is published is compared
by day, by the number of readings and a digest of them. A process of its own, so that the harness needs no NumPy.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from jobs import registry
from scripts.benchmarks.cases import QUESTIONS
from scripts.benchmarks.model import Question

Floats = npt.NDArray[np.float64]
UNCOMPARED = "uncompared_"
"""How the columns begin that a peer computes by another definition."""
EXACT = ("min", "max", "peak")
ROUNDED = ("sum", "mean", "stddev")

HEADLESS = (
    *("device_id", "metric", "date", "count", "mean", "stddev", "min", "max", "sum"),
    *("first_timestamp", "last_timestamp"),
)
"""The columns of an output without a header, as the line-by-line job prints."""


def load(path: str, question: Question) -> pa.Table:
    """An output, its columns of the types that the job declares; texts and dates as text, times as instants."""
    if Path(path).is_dir():
        return digests(Path(path))
    with Path(path).open("rb") as file:
        first = file.readline().decode()
    is_headed = "metric" in first
    names = [name.strip('"\n') for name in first.split(",")] if is_headed else list(HEADLESS)
    declared = {column.name: column.type for column in registry.job(question.job).COLUMNS}
    types = {name: declared.get(name, pa.float64()) for name in names}
    read_as = {name: type_ if pa.types.is_primitive(type_) else pa.string() for name, type_ in types.items()}
    read_as |= {name: pa.string() for name, type_ in types.items() if pa.types.is_temporal(type_)}
    options = csv.ConvertOptions(column_types=read_as, null_values=[""], strings_can_be_null=True)
    table = csv.read_csv(path, csv.ReadOptions(column_names=names, skip_rows=int(is_headed)), convert_options=options)
    for i, (name, type_) in enumerate(types.items()):
        if pa.types.is_timestamp(type_):
            plain = pc.replace_substring_regex(table.column(name), r"(Z|\+00(:?00)?)$", "")
            table = table.set_column(i, name, plain.cast(pa.timestamp("us")))
    return table


def digests(folder: Path) -> pa.Table:
    """Of Parquet files in folders by day: the number of readings and the sum of their mixed bits."""
    found: dict[str, list[int]] = {}
    for path in sorted(folder.rglob("*.parquet")):
        of_day = found.setdefault(path.parent.name.partition("=")[2], [0, 0])
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=["timestamp", "device_id", "metric", "value"]):
                of_day[0] += batch.num_rows
                of_day[1] = (of_day[1] + _digest(batch)) % 2**32
    rows = sorted((day, *numbers) for day, numbers in found.items())
    return pa.table({name: [row[i] for row in rows] for i, name in enumerate(("date", "readings", "digest"))})


def _digest(batch: pa.RecordBatch) -> int:
    time = batch.column("timestamp").cast(pa.timestamp("us")).cast(pa.int64()).to_numpy().view(np.uint64)
    mixed = time * np.uint64(0x9E3779B97F4A7C15) + batch.column("value").to_numpy().view(np.uint64)
    for name in ("device_id", "metric"):
        column = batch.column(name)
        coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        texts = [int.from_bytes(text.encode(), "little") % (2**61 - 1) for text in coded.dictionary.to_pylist()]
        mixed = mixed * np.uint64(0xD6E8FEB86659FD93) + np.array(texts, np.uint64)[coded.indices.to_numpy()]
        mixed = (mixed ^ mixed >> np.uint64(29)) * np.uint64(0x9E3779B97F4A7C15)
    return int((mixed >> np.uint64(32)).sum())


def difference(question: Question, expected: pa.Table, found: pa.Table, tolerance: float) -> str:
    """What differs, or empty."""
    job = registry.job(question.job)
    needed = [n for n in expected.column_names if n not in question.left_out and not n.startswith("unit")]
    if lacking := [name for name in needed if name not in found.column_names]:
        return f"column {lacking[0]} is missing"
    compared = [name for name in found.column_names if not name.startswith(UNCOMPARED)]
    if odd := [name for name in compared if name not in expected.column_names]:
        return f"column {odd[0]} is one too many"
    if len(found) != len(expected):
        return f"{len(found)} rows instead of {len(expected)}"
    keys = [key for key in job.KEYS if key in compared]
    order = [(key, "ascending") for key in keys]
    expected, found = expected.select(compared).sort_by(order), found.select(compared).sort_by(order)
    for name in keys:
        if not expected[name].equals(found[name]):
            return f"other keys: {name}"
    for name in compared:
        want, have = expected[name], found[name]
        if not pa.types.is_floating(want.type) or name in EXACT:
            if not want.equals(have):
                return f"{name} differs"
            continue
        if not want.is_valid().equals(have.is_valid()):
            return f"{name} is missing in other rows"
        allowed = question.loose.get(name, tolerance) * _scale(name, expected)
        off = np.abs(_numbers(want) - _numbers(have)) > allowed
        if off.any():
            row = int(off.argmax())
            return f"{name} of row {row + 1}: {have[row].as_py()!r} instead of {want[row].as_py()!r}"
    return ""


def _scale(name: str, expected: pa.Table) -> Floats:
    """What a tolerance is of."""
    if name in ROUNDED and {"min", "max"} <= set(expected.column_names):
        magnitude = np.maximum(np.abs(_numbers(expected["min"])), np.abs(_numbers(expected["max"])))
        return magnitude * _numbers(expected["count"]) if name == "sum" else magnitude
    scale: Floats = np.maximum(np.abs(np.nan_to_num(_numbers(expected[name]))), 1.0)
    return scale


def _numbers(column: pa.ChunkedArray) -> Floats:
    numbers: Floats = column.combine_chunks().to_numpy(zero_copy_only=False)
    return numbers


def main(name: str, expected: str, tolerance: str, *outputs: str) -> int:
    question = QUESTIONS[name]
    want = load(expected, question)
    differences = [difference(question, want, load(output, question), float(tolerance)) for output in outputs]
    for found in differences:
        print(found or "ok")
    return int(any(differences))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
