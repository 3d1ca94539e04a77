"""data_quality --per object: what each object holds, by the sample's ledger, and the same bytes however it is run."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from jobs import api
from jobs.data_quality import DataQuality
from jobs.engine.objects import OBJECTS, REASONS
from tests.command_line import Twin, result, run

JOB, TWIN = "jobs.data_quality", "jobs.spark.data_quality"
SAMPLE = Path("sample_data")
HEADER = "timestamp,device_id,metric,value\n"
GOOD = "2026-03-01T10:00:00Z,d,t,1\n"
FLAGS = ("--per", "object", "--output-format", "csv")


def told(*inputs: Path, **options: Any) -> dict[str, dict[str, Any]]:
    """The rows by the names of objects, each of what is neither 0 nor null."""
    rows = api.run("data_quality", inputs, per="object", **options).to_pylist()
    assert [row["object"] for row in rows] == sorted(row["object"] for row in rows)
    return {Path(row.pop("object")).name: {k: v for k, v in row.items() if v} for row in rows}


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Objects of every kind: good, bad, empty, without readings, damaged."""
    folder = tmp_path_factory.mktemp("logs")
    rows = [f"2026-03-01T10:{i // 60:02d}:{i % 60:02d}Z,d,t,{i if i % 7 else ''}\n" for i in range(600)]
    (folder / "a.csv").write_text(HEADER + "".join(rows))
    (folder / "b.csv").write_text(HEADER + GOOD + "x\n" + GOOD.replace(",1", ",x") + GOOD.replace(",d,", ",,") + GOOD)
    (folder / "empty.csv").write_text("")
    (folder / "header.csv").write_text(HEADER)
    (folder / "bad.csv").write_text(HEADER + "x\n" * 3)
    whole = gzip.compress((HEADER + "".join(rows)).encode(), mtime=0)
    (folder / "cut.csv.gz").write_bytes(whole[: len(whole) // 2])
    (folder / "lost.csv.gz").write_bytes(whole[:12])
    return folder


LOOSE = ("--max-rejects", "1", "--on-damage", "report")


@pytest.fixture(scope="module")
def expected(logs: Path) -> bytes:
    return result(JOB, SAMPLE, logs, *FLAGS, *LOOSE, "-r", "inline")


@pytest.mark.parametrize(
    "how",
    [
        ["-r", "local", "--tasks", "3", "--split-size", "3333"],
        ["-r", "inline", "--split-size", "500"],
    ],
    ids=" ".join,
)
def test_the_same_bytes_for_any_tasks_and_splits(logs: Path, expected: bytes, how: list[str]) -> None:
    assert result(JOB, SAMPLE, logs, *how, *FLAGS, *LOOSE) == expected


def test_the_same_bytes_without_the_kernel(logs: Path, expected: bytes) -> None:
    assert result(JOB, logs, SAMPLE, *FLAGS, *LOOSE, env={"JOBS_KERNEL": "off"}) == expected


@pytest.mark.spark
@pytest.mark.slow
def test_the_same_bytes_on_spark(logs: Path, expected: bytes, twin: Twin) -> None:
    flags = ["--tasks", "3", "--split-size", "33K", *FLAGS, *LOOSE]
    assert twin(TWIN, SAMPLE, logs, *flags) == expected


def test_the_columns_are_declared() -> None:
    assert [(column.name, column.type) for column in DataQuality.OBJECT_COLUMNS] == [(f.name, f.type) for f in OBJECTS]


def test_objects_of_every_kind(logs: Path) -> None:
    found = told(logs, max_rejects=1, on_damage="report", metric="t")
    sizes = {name: row.pop("bytes", 0) for name, row in found.items()}
    assert sizes == {path.name: path.stat().st_size for path in logs.iterdir()}
    cut = found.pop("cut.csv.gz")
    assert 0 < cut["readings"] < 514
    assert cut["records"] == cut["readings"] + cut["missing"]
    assert cut["selected"] == cut["readings"]
    assert cut["damaged_at"] > 25 * cut["records"]
    assert cut["damage"] == "truncated gz data"
    lost = found.pop("lost.csv.gz")
    assert lost == {"damage": lost["damage"]}
    assert found == {
        "a.csv": {"records": 600, "readings": 514, "selected": 514, "missing": 86},
        "b.csv": {"records": 5, "readings": 2, "selected": 2, "rejects": 3, "field_count": 1, "value": 1, "device": 1},
        "bad.csv": {"records": 3, "rejects": 3, "field_count": 3},
        "empty.csv": {},
        "header.csv": {},
    }


def test_damage_and_rejects_end_as_ever_and_the_rows_are_shown(logs: Path) -> None:
    done = run(JOB, logs / "cut.csv.gz", logs / "b.csv", *FLAGS)
    assert done.returncode == 4
    assert [line.split(b",")[0].split(b"/")[-1] for line in done.stdout.splitlines()[1:]] == [b"b.csv", b"cut.csv.gz"]


def test_filters_select_readings_and_change_no_other_count(logs: Path) -> None:
    everything = told(logs / "a.csv")["a.csv"]
    for options, selected in (({"device": "x"}, 0), ({"since": "2026-03-01T10:05:00Z"}, 257)):
        some = told(logs / "a.csv", **options)["a.csv"]
        assert some.pop("selected", 0) == selected
        assert some == {name: count for name, count in everything.items() if name != "selected"}


def test_the_sample_is_as_its_ledger_says() -> None:
    bad: dict[str, Counter[str]] = {}
    for line in (SAMPLE / "_expected" / "faults.jsonl").read_text("utf-8").splitlines():
        entry = json.loads(line)
        if entry["kind"] == "bad_line":
            bad.setdefault(Path(entry["object"]).as_posix(), Counter())[entry["reason"]] += 1
    table, outcome = api.run_with_outcome("data_quality", [SAMPLE], per="object")
    rows = {Path(row["object"]).relative_to(SAMPLE).as_posix(): row for row in table.to_pylist()}
    assert {name: +Counter({r: row[r] for r in REASONS}) for name, row in rows.items() if row["rejects"]} == bad
    tally = outcome.report.tally
    totals = {name: sum(row[name] for row in rows.values()) for name in ("records", "readings", "missing", "rejects")}
    assert totals == {
        "records": tally.lines,
        "readings": tally.readings,
        "missing": tally.missing,
        "rejects": sum(tally.rejects.values()),
    }
    series = api.run("data_quality", [SAMPLE]).to_pylist()
    assert sum(row["readings"] for row in series) == tally.readings
    assert sum(row["missing"] for row in series) == tally.missing
    assert sum(row["rejects"] for row in series) == tally.rejects["value"] + tally.rejects["value_range"]
    for row in rows.values():
        assert row["rejects"] == sum(row[reason] for reason in REASONS)
        if row["object"].endswith(".csv") and "readings/" in row["object"]:
            lines = Path(row["object"]).read_bytes().splitlines()
            assert row["records"] == sum(bool(line) for line in lines) - 1


def test_row_groups_of_parquet_and_dialects_without_time_are_added_up(tmp_path: Path) -> None:
    table = pa.table({"device_id": ["d"] * 6, "metric": ["t"] * 6, "value": [1.0, None, 3.0, None, 5.0, 6.0]})
    parquet.write_table(table, tmp_path / "log.parquet", row_group_size=2)
    dialect = tmp_path / "timeless.toml"
    dialect.write_text('timestamp = "none"\nformats = ["parquet"]\n')
    for split_size in ("100", "64M"):
        (row,) = told(tmp_path / "log.parquet", dialect=str(dialect), split_size=split_size).values()
        assert (row["records"], row["readings"], row["missing"]) == (6, 4, 2)
    done = run(JOB, tmp_path / "log.parquet", "--dialect", dialect)
    assert (done.returncode, done.stdout) == (2, b"")


def test_standard_input_has_no_size() -> None:
    done = run(JOB, "-", *FLAGS, stdin=(HEADER + GOOD).encode())
    assert done.stdout.splitlines()[1].startswith(b"-,,1,1,1,0,0,0,")


def test_published_rows_are_those_printed(logs: Path, tmp_path: Path) -> None:
    flags = ["--per", "object", *LOOSE, "--output-dir", tmp_path / "out", "--output-format", "csv"]
    assert run(JOB, logs, *flags).returncode == 0
    (part,) = (tmp_path / "out").glob("part-*.csv")
    assert part.read_bytes() == result(JOB, logs, *FLAGS, *LOOSE)
