"""daily_stats end to end: against an oracle, and the same bytes however it is run."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import pytest

from jobs import api
from tests.command_line import Twin, result, run
from tests.jobs.oracle import daily

DAILY, TWIN = "jobs.daily_stats", "jobs.spark.daily_stats"
SAMPLE = Path("sample_data")


@pytest.fixture(scope="module")
def expected() -> bytes:
    """What daily_stats prints of the sample, by inline."""
    return result(DAILY, SAMPLE, "-r", "inline", "--output-format", "csv", "--quantiles", "0.5,0.99")


@pytest.fixture(scope="module")
def objects() -> list[Path]:
    """The sample's log objects."""
    found = [p for p in SAMPLE.rglob("*") if p.is_file() and not any(x.startswith(("_", ".")) for x in p.parts)]
    return sorted(found)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/St_Johns"])
def test_every_row_is_the_oracles(zone: str) -> None:
    table = api.run("daily_stats", [SAMPLE], time_zone=zone)
    oracle = daily(api.run("extract", [SAMPLE]), zone)
    rows = table.to_pylist()
    assert {(r["device_id"], r["metric"], r["unit"], r["date"]) for r in rows} == set(oracle)
    for row in rows:
        want = oracle[row["device_id"], row["metric"], row["unit"], row["date"]]
        exact = [row[n] for n in ("count", "mean", "min", "max", "sum", "first_timestamp", "last_timestamp")]
        assert list(map(repr, exact[:5])) == list(map(repr, [want.count, want.mean, want.min, want.max, want.sum]))
        assert exact[5:] == [want.first, want.last]
        assert row["stddev"] == (None if want.stddev is None else pytest.approx(want.stddev, rel=5e-16, abs=0))


def test_rows_are_sorted_by_key_bytewise(expected: bytes) -> None:
    rows = list(csv.reader(io.StringIO(expected.decode())))[1:]
    keys = [tuple(cell.encode() for cell in row[:4]) for row in rows]
    assert keys == sorted(keys)
    assert len(keys) == len(set(keys)) > 20


@pytest.mark.parametrize(
    "flags",
    [
        ["-r", "local", "--tasks", "1"],
        ["-r", "local", "--tasks", "2"],
        ["-r", "local", "--tasks", "7"],
        ["-r", "local", "--tasks", "2", "--split-size", "1K"],
        ["-r", "local", "--tasks", "3", "--split-size", "10007"],
        ["-r", "inline", "--split-size", "333"],
    ],
    ids=" ".join,
)
def test_the_same_bytes_for_any_tasks_and_splits(expected: bytes, flags: list[str]) -> None:
    assert result(DAILY, SAMPLE, *flags, "--output-format", "csv", "--quantiles", "0.5,0.99") == expected


def test_the_same_bytes_for_any_order_of_the_input(expected: bytes, objects: list[Path]) -> None:
    shuffled = random.Random(7).sample(objects, len(objects))
    assert result(DAILY, *shuffled, "--output-format", "csv", "--quantiles", "0.5,0.99") == expected


def test_the_same_bytes_without_the_kernel(expected: bytes) -> None:
    given = result(DAILY, SAMPLE, "--output-format", "csv", "--quantiles", "0.5,0.99", env={"JOBS_KERNEL": "off"})
    assert given == expected


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.parametrize("tasks", [pytest.param("1", marks=pytest.mark.full), "3"])
def test_the_same_bytes_on_spark(expected: bytes, tasks: str, twin: Twin) -> None:
    given = twin(
        TWIN,
        SAMPLE,
        "--tasks",
        tasks,
        "--split-size",
        "5000",
        "--output-format",
        "csv",
        "--quantiles",
        "0.5,0.99",
    )
    assert given == expected


@pytest.mark.spark
@pytest.mark.slow
def test_the_same_bytes_when_mrjob_runs_on_spark(expected: bytes) -> None:
    assert result(DAILY, SAMPLE, "-r", "spark", "--output-format", "csv", "--quantiles", "0.5,0.99") == expected


@pytest.mark.parametrize("size", ["64M", "30K", "700"])
def test_the_summary_tells_the_bytes_of_the_input_whatever_the_splits(size: str) -> None:
    done = run(DAILY, SAMPLE, "--split-size", size, "--tasks", "3")
    assert done.stderr.startswith(b"13 objects (507.8 kB) \xc2\xb7 15,708 readings ")


def test_one_byte_around_a_record_changes_nothing(tmp_path: Path) -> None:
    line = "2026-03-01T00:00:{:02}Z,dev-1,temperature,{}.5\n"
    log = tmp_path / "log.csv"
    log.write_text("timestamp,device_id,metric,value\n" + "".join(line.format(i, i) for i in range(60)))
    header, record = 33, len(line.format(0, 0))
    whole = result(DAILY, log, "--output-format", "csv")
    for size in (header - 1, header, header + 1, header + record - 1, header + record, header + record + 1, 1):
        assert result(DAILY, log, "--split-size", size, "--output-format", "csv", "-r", "inline") == whole, size
