"""data_quality end to end: against an oracle and the ledger of the sample, and the same bytes however it is run."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from pyarrow import parquet

from jobs import api
from tests.command_line import Twin, result, run
from tests.jobs.quality_oracle import Asked, Reading, quality

JOB, TWIN = "jobs.data_quality", "jobs.spark.data_quality"
SAMPLE = Path("sample_data")
HEADER = "timestamp,device_id,metric,value\n"
LIMITS = "[temperature]\nmin = 5\nmax = 15.0\nstep = 1.5\n\n[pressure]\nmax = 101_500\n[ties]\nstep = 0\n"
ASKED = Asked(
    "Europe/Berlin",
    2,
    not_before=date(2026, 3, 29),
    limits={
        "temperature": {"min": 5.0, "max": 15.0, "step": 1.5},
        "pressure": {"max": 101_500.0},
        "ties": {"step": 0.0},
    },
)


def flags_of(folder: Path) -> list[str]:
    """Every option of the job, as ASKED has them."""
    limits = folder / "limits.toml"
    limits.write_text(LIMITS)
    return f"--output-format csv --time-zone Europe/Berlin --stuck 2 --not-before 2026-03-29 --limits {limits}".split()


@pytest.fixture(scope="module")
def flags(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return flags_of(tmp_path_factory.mktemp("limits"))


@pytest.fixture(scope="module")
def expected(flags: list[str]) -> bytes:
    return result(JOB, SAMPLE, "-r", "inline", *flags)


@pytest.mark.parametrize(
    "how",
    [
        ["-r", "local", "--tasks", "1"],
        ["-r", "local", "--tasks", "3", "--split-size", "1K"],
        ["-r", "inline", "--split-size", "3333"],
    ],
    ids=" ".join,
)
def test_the_same_bytes_for_any_tasks_and_splits(expected: bytes, flags: list[str], how: list[str]) -> None:
    assert result(JOB, SAMPLE, *how, *flags) == expected


def test_the_same_bytes_for_any_order_of_the_input_and_without_the_kernel(expected: bytes, flags: list[str]) -> None:
    folders = sorted(SAMPLE.rglob("dt=*"), reverse=True)
    assert result(JOB, SAMPLE / "wide", *folders, *flags, env={"JOBS_KERNEL": "off"}) == expected


@pytest.mark.spark
@pytest.mark.slow
def test_the_same_bytes_on_spark(expected: bytes, flags: list[str], twin: Twin) -> None:
    assert twin(TWIN, SAMPLE, "--tasks", "3", "--split-size", "20000", *flags) == expected


@pytest.mark.spark
@pytest.mark.slow
def test_the_same_bytes_on_spark_without_repeats(tmp_path: Path, twin: Twin) -> None:
    log = tmp_path / "log.csv"
    log.write_text(HEADER + "2026-03-01T10:00:00Z,d,t,\n" * 3 + "2026-03-01T10:00:00Z,d,t,x\n" * 2)
    flags = ["--deduplicate", "--output-format", "csv"]
    assert twin(TWIN, SAMPLE, log, *flags) == result(JOB, SAMPLE, log, *flags)


def readings_of(path: Path) -> list[Reading]:
    """The readings of one object, in the order of its records."""
    table = api.run("extract", [path], engine="inline")
    times = table["timestamp"].cast(pa.int64())
    columns = [table["device_id"], table["metric"], table["unit"], times, table["value"]]
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


def objects(folder: Path) -> list[list[Reading]]:
    names = [p for p in sorted(folder.rglob("*")) if p.is_file()]
    return [readings_of(p) for p in names if not any(x.startswith(("_", ".")) for x in p.parts)]


def ledger() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLE / "_expected" / "faults.jsonl").read_text("utf-8").splitlines()]


def absent_of_the_sample() -> list[Reading]:
    """What has no value: bad ones by the ledger, and empty fields of the wide log."""
    found: list[Reading] = []
    for entry in ledger():
        if entry["kind"] == "bad_line" and entry["reason"] in ("value", "value_range"):
            text = entry["text"]
            fields = list(json.loads(text).values()) if text.startswith("{") else text.split(",")
            time, device, metric = fields[:3]
            found.append((device, metric, None, micros(datetime.fromisoformat(time)), "rejects"))
    lines = (SAMPLE / "wide" / "garden-2026-03.csv").read_bytes().decode("latin-1").splitlines()
    for line in lines[1:]:
        time, *values = line.split(";")
        at = datetime.strptime(time, "%d.%m.%Y %H:%M:%S").replace(tzinfo=ZoneInfo("Europe/Berlin"))
        for text, metric, unit in zip(values, ("temperature", "pm2_5"), ("°C", "µg/m³"), strict=True):
            if not text:
                found.append(("garden", metric, unit, micros(at), "missing"))
    return found


def micros(time: datetime) -> int:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def test_every_row_is_the_oracles(tmp_path: Path) -> None:
    flags_of(tmp_path)
    found = [*objects(SAMPLE), absent_of_the_sample()]
    assert api.run("data_quality", [SAMPLE]).to_pylist() == quality(found, Asked())
    table = api.run(
        "data_quality",
        [SAMPLE],
        time_zone="Europe/Berlin",
        stuck=2,
        not_before="2026-03-29",
        limits=str(tmp_path / "limits.toml"),
    )
    rows = table.to_pylist()
    assert rows == quality(found, ASKED)
    counted = {name: sum(row[name] or 0 for row in rows) for name in table.column_names[4:]}
    assert [name for name, count in counted.items() if not count] == ["future"], "the sample shows every other fault"


def test_the_faults_of_the_sample_are_found() -> None:
    known = ledger()
    rows = [row for row in api.run("data_quality", [SAMPLE]).to_pylist() if row["device_id"][:5] in ("north", "south")]

    def by_device(name: str) -> Counter[str]:
        found: Counter[str] = Counter()
        for row in rows:
            found[row["device_id"]] += row[name]
        return +found

    assert by_device("duplicates") == Counter(e["device_id"] for e in known if e["kind"] == "duplicate")
    assert by_device("rejects") == Counter(device for device, *_, what in absent_of_the_sample() if what == "rejects")
    assert not by_device("conflicts")
    late = Counter(entry["device_id"] for entry in known if entry["kind"] == "out_of_order")
    jumps = {entry["device_id"]: entry for entry in known if entry["kind"] == "clock_jump"}
    found = by_device("out_of_order")
    for device, entry in jumps.items():
        if entry["shift"] < 0:
            late[device] += entry["lines"]  # each of them is behind the clock of before
        else:
            assert found.pop(device) > late.pop(device)  # what came after the clock was set right, for an hour
    assert {entry["shift"] > 0 for entry in jumps.values()} == {False, True}
    assert found == late


def told(folder: Path, rows: list[str], **options: Any) -> list[dict[str, Any]]:
    """What the job says of a log of one device."""
    log = folder / "log.csv"
    log.write_text(HEADER + "".join(f"2026-03-{at}Z,d,t,{value}\n" for at, value in (row.split("=") for row in rows)))
    found: list[dict[str, Any]] = api.run("data_quality", [log], **options).to_pylist()
    return found


def test_repeats_and_conflicts(tmp_path: Path) -> None:
    rows = ["01T10:00:00=1", "01T10:00:00=1", "01T10:00:00=2", "01T10:00:00=-0.0", "01T10:00:00=0.0", "01T11:00:00=1"]
    (row,) = told(tmp_path, rows)
    assert (row["readings"], row["duplicates"], row["conflicts"]) == (6, 1, 3)
    assert row["score"] == 100 * 2 / 6
    (row,) = told(tmp_path, rows, deduplicate=True)
    assert (row["readings"], row["duplicates"], row["conflicts"], row["out_of_order"]) == (5, 0, 3, None)


def test_what_has_no_value_is_counted_by_day_and_lowers_the_score(tmp_path: Path) -> None:
    rows = ["01T22:00:00=1", "01T23:30:00=", "01T23:40:00=nan", "01T23:45:00=1e999", "01T23:59:59=2"]
    (row,) = told(tmp_path, rows, max_rejects=1)
    counted = ("readings", "missing", "rejects", "out_of_order", "stuck", "longest_run", "score")
    assert [row[name] for name in counted] == [2, 1, 2, 0, 0, 1, 100 * 2 / 5]
    assert [(r["readings"], r["missing"], r["rejects"]) for r in told(tmp_path, rows, device="x", max_rejects=1)] == []
    first, second = told(tmp_path, rows, time_zone="Europe/Berlin", max_rejects=1)
    assert (first["readings"], first["missing"], first["rejects"]) == (1, 0, 0)
    assert (second["readings"], second["missing"], second["rejects"]) == (1, 1, 2)
    (row,) = told(tmp_path, rows, since="2026-03-01T23:40:00Z", max_rejects=1)
    assert (row["readings"], row["missing"], row["rejects"]) == (1, 0, 2)


def test_a_day_without_a_single_value_has_a_row(tmp_path: Path) -> None:
    rows = told(tmp_path, ["01T10:00:00=1", "02T10:00:00=", "02T10:00:00="], deduplicate=True)
    assert [(row["readings"], row["missing"], row["longest_run"], row["score"]) for row in rows] == [
        (1, 0, 1, 100.0),
        (0, 2, 0, 0.0),
    ]


def test_an_absent_value_makes_nothing_late_and_breaks_no_run(tmp_path: Path) -> None:
    rows = ["01T10:00:00=1", "01T12:00:00=", "01T11:00:00=1", "01T11:30:00=x", "01T12:00:00=1"]
    (row,) = told(tmp_path, rows, stuck=3, max_rejects=1)
    assert (row["out_of_order"], row["conflicts"], row["stuck"], row["longest_run"]) == (0, 0, 3, 3)


def test_a_stuck_run_goes_across_midnight_and_each_reading_counts_on_its_own_day(tmp_path: Path) -> None:
    rows = ["01T22:00:00=5", "01T22:30:00=7", "01T23:00:00=7", "01T23:00:00=7", "02T00:00:00=7", "02T01:00:00=8"]
    assert [(r["stuck"], r["longest_run"]) for r in told(tmp_path, rows, stuck=3)] == [(2, 2), (1, 3)]
    assert [(r["stuck"], r["longest_run"]) for r in told(tmp_path, rows, stuck=4)] == [(0, 2), (0, 3)]


@pytest.mark.parametrize(("split_size", "least"), [("40", 3), ("64M", 1)])
def test_out_of_order_is_told_across_the_pieces_of_an_object(tmp_path: Path, split_size: str, least: int) -> None:
    log = tmp_path / "log.csv"
    hours = ["05", "03", "04", "06", "01", "06", "07"]
    log.write_text(HEADER + "".join(f"2026-03-01T{hour}:00:00Z,d,t,{i}\n" for i, hour in enumerate(hours)))
    table, outcome = api.run_with_outcome("data_quality", [log], split_size=split_size)
    assert len(outcome.plan.splits) >= least
    assert table["out_of_order"].to_pylist() == [3]


def test_row_groups_of_parquet_are_in_order(tmp_path: Path) -> None:
    log = tmp_path / "log.parquet"
    hours = [5, 3, 4, 6, 1, 6, 7]
    times = pa.array([datetime(2026, 3, 1, hour, tzinfo=UTC) for hour in hours], pa.timestamp("us", "UTC"))
    table = pa.table(
        {"timestamp": times, "device_id": ["d"] * 7, "metric": ["t"] * 7, "value": [float(h) for h in hours]}
    )
    parquet.write_table(table, log, row_group_size=2)
    for split_size, splits in (("100", 4), ("64M", 1)):
        found, outcome = api.run_with_outcome("data_quality", [log], split_size=split_size)
        assert len(outcome.plan.splits) == splits
        assert found["out_of_order"].to_pylist() == [3]


def test_another_object_may_be_late(tmp_path: Path) -> None:
    for name, hour in (("a", "05"), ("b", "03")):
        (tmp_path / f"{name}.csv").write_text(f"{HEADER}2026-03-01T{hour}:00:00Z,d,t,1\n")
    assert api.run("data_quality", [tmp_path])["out_of_order"].to_pylist() == [0]


def test_wrong_clocks(tmp_path: Path) -> None:
    soon = datetime.now(UTC) + timedelta(hours=2)
    log = tmp_path / "log.csv"
    log.write_text(f"{HEADER}2025-12-31T23:30:00Z,d,t,1\n{soon:%Y-%m-%dT%H:%M:%SZ},d,t,1\n")
    rows = api.run("data_quality", [log], not_before="2026-01-01").to_pylist()
    assert [(row["past"], row["future"], row["score"]) for row in rows] == [(1, 0, 0.0), (0, 1, 0.0)]
    (row, _) = api.run("data_quality", [log], not_before="2026-01-01", time_zone="Europe/Berlin").to_pylist()
    assert (row["date"], row["past"]) == (date(2026, 1, 1), 0)


def test_limits_are_of_metrics_that_they_name(tmp_path: Path) -> None:
    limits = tmp_path / "limits.toml"
    rows = ["01T01:00:00=1", "01T02:00:00=1e308", "01T03:00:00=-1e308", "01T04:00:00=-1e308"]
    limits.write_text("[t]\nmax = 1e308\nstep = 1e308\n")
    (row,) = told(tmp_path, rows, limits=str(limits))
    assert (row["out_of_range"], row["jumps"], row["score"]) == (0, 1, 75.0)
    limits.write_text("[t]\nmin = 0\n['t.2']\nstep = 1\n")
    (row,) = told(tmp_path, rows, limits=str(limits))
    assert (row["out_of_range"], row["jumps"]) == (2, None)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[t]\nmim = 1\n", ": t.mim: unknown key; did you mean min?"),
        ("[t]\nwidth = 1\n", ": t.width: unknown key; use min, max, step"),
        ("[t]\nmin = '1'\n", ": t.min: '1' is no number"),
        ("[t]\nmax = nan\n", ": t.max: nan is no number"),
        ("[t]\nmin = 2\nmax = 1\n", ": t: min is above max"),
        ("[t]\nstep = -1\n", ": t.step: a step is not negative"),
        ("min = 1\n", ": min: is no table; write [min], then min, max or step"),
        ("[t\n", ": is no TOML: Expected ']' at the end of a table declaration (at line 1, column 3)"),
        (None, ": no such file; --limits names a TOML file, a table for each metric"),
    ],
)
def test_a_wrong_limits_file_is_refused(tmp_path: Path, text: str | None, error: str) -> None:
    limits = tmp_path / "limits.toml"
    if text is not None:
        limits.write_text(text)
    done = run(JOB, SAMPLE, "--limits", limits)
    assert (done.returncode, done.stderr.decode(), done.stdout) == (3, f"error: {limits}{error}\n", b"")


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        ("--per day", "--per day: must be one of series, object"),
        ("--per object --deduplicate", "--deduplicate: objects are counted as they are; leave it or --per out"),
        ("--stuck 1", "--stuck 1: must be a whole number from 2 to 1000000"),
        (
            "--not-before yesterday",
            "--not-before yesterday: 'yesterday' is no date; write it as 2026-03-01",
        ),
    ],
)
def test_bad_options_are_refused(flags: str, error: str) -> None:
    done = run(JOB, SAMPLE, *flags.split())
    assert (done.returncode, done.stderr.decode(), done.stdout) == (2, f"error: {error}\n", b"")
