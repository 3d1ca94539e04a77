"""availability end to end: against an oracle, known gaps, and the same bytes however it is run."""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from jobs import api
from jobs.engine.measure import measure
from jobs.partials import availability_rows
from tests.command_line import ROOT, Twin, result, run
from tests.jobs.availability_oracle import Asked, Row, day_rows, gap_rows

JOB, TWIN = "jobs.availability", "jobs.spark.availability"
SAMPLE = Path("sample_data")
MINUTE = 60_000_000
HEADER = "timestamp,device_id,metric,value\n"
ASKED = [
    ({}, Asked()),
    (
        {"interval": "15m", "gap_after": "30m", "time_zone": "Europe/Berlin"},
        Asked("Europe/Berlin", 15 * MINUTE, 30 * MINUTE),
    ),
    (
        {"interval": "1h", "since": "2026-03-25", "until": "2026-04-02", "time_zone": "America/St_Johns"},
        Asked(
            "America/St_Johns",
            60 * MINUTE,
            None,
            int(datetime(2026, 3, 25, 2, 30, tzinfo=UTC).timestamp()) * 1_000_000,
            int(datetime(2026, 4, 2, 2, 30, tzinfo=UTC).timestamp()) * 1_000_000,
        ),
    ),
]
FLAGS = ("--output-format", "csv", "--from", "2026-03-26", "--time-zone", "Europe/Berlin")


@pytest.fixture(scope="module", params=["days", "gaps"])
def expected(request: pytest.FixtureRequest) -> tuple[str, bytes]:
    """What is shown, and what is printed of the sample, by inline."""
    return request.param, result(JOB, SAMPLE, "-r", "inline", "--show", request.param, *FLAGS)


@pytest.mark.parametrize(("options", "asked"), ASKED)
def test_every_row_is_the_oracles(options: dict[str, Any], asked: Asked) -> None:
    between = {name: options[name] for name in ("since", "until", "time_zone") if name in options}
    readings = api.run("extract", [SAMPLE], **between)
    assert api.run("availability", [SAMPLE], **options).to_pylist() == day_rows(readings, asked)
    found = api.run("availability", [SAMPLE], show="gaps", **options)
    assert _in_utc(found) == gap_rows(readings, asked)


@pytest.mark.parametrize(
    "flags",
    [
        ["-r", "local", "--tasks", "1"],
        ["-r", "local", "--tasks", "3", "--split-size", "10007"],
        ["-r", "inline", "--split-size", "3333"],
        ["-r", "inline", "--deduplicate"],
    ],
    ids=" ".join,
)
def test_the_same_bytes_for_any_tasks_and_splits(expected: tuple[str, bytes], flags: list[str]) -> None:
    assert result(JOB, SAMPLE, *flags, "--show", expected[0], *FLAGS) == expected[1]


def test_the_same_bytes_for_any_order_of_the_input(expected: tuple[str, bytes]) -> None:
    found = [p for p in SAMPLE.rglob("*") if p.is_file() and not any(x.startswith(("_", ".")) for x in p.parts)]
    shuffled = random.Random(7).sample(found, len(found))
    assert result(JOB, *shuffled, "--show", expected[0], *FLAGS) == expected[1]


@pytest.mark.spark
@pytest.mark.slow
def test_the_same_bytes_on_spark(expected: tuple[str, bytes], twin: Twin) -> None:
    flags = ["--tasks", "3", "--split-size", "50000", "--show", expected[0], *FLAGS]
    assert twin(TWIN, SAMPLE, *flags) == expected[1]


@pytest.mark.spark
@pytest.mark.slow
def test_the_same_bytes_on_spark_with_a_given_interval(twin: Twin) -> None:
    flags = ["--interval", "15m", "--gap-after", "40m", "--to", "2026-04-03", "--output-format", "csv"]
    assert twin(TWIN, SAMPLE, *flags) == result(JOB, SAMPLE, *flags)


def test_the_gaps_of_the_sample_are_found() -> None:
    ledger = [json.loads(line) for line in (SAMPLE / "_expected" / "faults.jsonl").read_text("utf-8").splitlines()]
    holes = [entry for entry in ledger if entry["kind"] == "gap"]
    found = _in_utc(api.run("availability", [SAMPLE], show="gaps", interval="15m", gap_after="1h"))
    assert len(holes) == 3
    for hole in holes:
        begin, end = (datetime.fromtimestamp(hole[name] / 1000, UTC) for name in ("from", "to"))
        inside = [row for row in found if row["device_id"] == hole["device_id"] and row["start"] < end <= row["end"]]
        assert {row["metric"] for row in inside} >= {"temperature", "humidity", "pressure"}
        assert all(row["start"] - timedelta(minutes=15) <= begin for row in inside)


def test_a_gap_over_midnight_is_one_gap_shared_by_its_days(tmp_path: Path) -> None:
    times = ["01T22:00", "01T22:30", "01T23:00", "03T02:00", "03T02:30"]
    log = _log(tmp_path, times)
    rows = api.run("availability", [log]).to_pylist()
    shown = ("expected", "received", "missing", "gaps", "gap_seconds", "longest_gap_seconds", "mtbf_seconds")
    assert [[row[name] for name in shown] for row in rows] == [
        [4, 3, 1, 1, 1800.0, 95400.0, 5400.0],
        [48, 0, 48, 0, 86400.0, None, None],
        [6, 2, 4, 0, 7200.0, None, None],
    ]
    assert [row["completeness"] for row in rows] == [75.0, 0.0, 100 * 2 / 6]
    (gap,) = _in_utc(api.run("availability", [log], show="gaps"))
    assert (gap["start"].hour, gap["start"].minute, gap["end"].hour, gap["missing"]) == (23, 30, 2, 53)


def test_days_are_due_from_since_until_until(tmp_path: Path) -> None:
    log = _log(tmp_path, ["02T12:00", "02T12:30", "02T13:00"])
    rows = api.run("availability", [log], since="2026-03-01", until="2026-03-04").to_pylist()
    assert [(row["date"].day, row["expected"], row["received"], row["gaps"]) for row in rows] == [
        (1, 48, 0, 1),
        (2, 48, 3, 1),
        (3, 48, 0, 0),
    ]
    assert [row["gap_seconds"] for row in rows] == [86400.0, 81000.0, 86400.0]


def test_a_day_that_a_zone_left_out_has_no_row(tmp_path: Path) -> None:
    """Within a silence that is shared out by its ends: Samoa had no 30 December 2011."""
    times = [f"2011-12-25T{hour:02}:00:00" for hour in (0, 6, 12, 18)] + [f"2012-01-10T{h:02}:00:00" for h in (0, 6)]
    log = tmp_path / "log.csv"
    log.write_text(HEADER + "".join(f"{time}Z,d,t,1\n" for time in times))
    rows = api.run("availability", [log], time_zone="Pacific/Apia").to_pylist()
    assert rows == day_rows(api.run("extract", [log]), Asked("Pacific/Apia"))
    assert not any(row["date"] == date(2011, 12, 30) for row in rows)


@pytest.fixture
def wrong_clock(tmp_path: Path) -> Path:
    """A device whose clock stood in 1970 once, and one that was silent for 400 days, beside one for 300."""
    days = [f"{n:02}T{h:02}:30:00Z,{d},t,{n}\n" for d in ("boots", "rests", "goes") for n in (5, 6) for h in range(24)]
    later = "".join(f"2026-03-{line}" for line in days)
    early = "1970-01-01T00:00:07Z,boots,t,0\n2025-01-29T04:00:00Z,rests,t,0\n2025-05-09T04:00:00Z,goes,t,0\n"
    (tmp_path / "log.csv").write_text(HEADER + later + early)
    return tmp_path / "log.csv"


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/St_Johns"])
def test_of_a_silence_of_more_than_a_year_the_first_and_the_last_day_have_rows(wrong_clock: Path, zone: str) -> None:
    readings = api.run("extract", [wrong_clock])
    rows = api.run("availability", [wrong_clock], time_zone=zone).to_pylist()
    assert rows == day_rows(readings, Asked(zone))
    days = Counter(row["device_id"] for row in rows)
    assert days["boots"] == days["rests"] < 5 < 300 < days["goes"]
    first = next(row for row in rows if row["device_id"] == "boots")
    assert (first["gaps"], first["received"]) == (1, 1)
    assert 20_516 < first["longest_gap_seconds"] / 86_400 < 20_518


def test_a_note_names_the_longest_silence(wrong_clock: Path) -> None:
    done = run(JOB, wrong_clock, "--output-format", "csv", "-r", "inline")
    (note,) = (line for line in done.stderr.decode().splitlines() if line.startswith("note: "))
    assert note == (
        "note: 2 gaps of more than a year, the longest 20,517 days (boots t from 1970-01-01 on): the days within have"
        " no rows; where a clock was wrong, --from and --to leave its readings out"
    )
    mended = run(JOB, wrong_clock, "--from", "2026-03-05", "--output-format", "csv", "-r", "inline")
    assert b"note: " not in mended.stderr
    assert len(mended.stdout.splitlines()) == 1 + 3 * 2


@pytest.mark.parametrize(
    ("zone", "gap_after"), [("Europe/Berlin", None), ("America/St_Johns", None), ("America/St_Johns", "40d")]
)
def test_between_from_and_to_every_day_has_a_row(
    tmp_path: Path, zone: str, gap_after: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the days on which clocks of St John's were set back over midnight, and a minute of the next one was over."""
    monkeypatch.setattr(availability_rows, "_PIECE_ROWS", 500)
    times = [f"1987-10-20T{hour:02}:00:00" for hour in range(24)]
    lines = [f"{t}Z,{d},t,1\n" for d in "ab" for t in (*times, "1988-10-30T02:30:30")]
    (tmp_path / "log.csv").write_text(HEADER + "".join(lines))
    between: dict[str, Any] = {"since": "1987-10-01", "until": "1989-12-01", "time_zone": zone}
    readings = api.run("extract", [tmp_path / "log.csv"], **between)
    found = api.run("availability", [tmp_path / "log.csv"], engine="inline", gap_after=gap_after, **between)
    midnights = (datetime.fromisoformat(between[name]).replace(tzinfo=ZoneInfo(zone)) for name in ("since", "until"))
    edges = (int(midnight.timestamp()) * 1_000_000 for midnight in midnights)
    asked = Asked(zone, None, 40 * 1440 * MINUTE if gap_after else None, *edges)
    assert found.to_pylist() == day_rows(readings, asked)
    assert len(found) == 2 * 792


@pytest.mark.slow
def test_so_many_days_are_not_held(wrong_clock: Path) -> None:
    """Three times as many rows take no more memory."""
    log = wrong_clock.with_name("many.csv")
    head, *lines = wrong_clock.read_text().splitlines(keepends=True)
    log.write_text(head + "".join(line.replace(",t,", f",t{n},") for n in range(20) for line in lines))
    peaks = []
    for since in ("2006-03-01", "1966-03-01"):
        flags = ["--from", since, "--to", "2026-06-01", "--output-format", "csv", "-r", "local", "--tasks", "1"]
        measured = measure([sys.executable, "-m", JOB, str(log), *flags], wrong_clock.with_name("out.csv"), {}, ROOT)
        peaks.append(measured.peak)
    assert peaks[1] < 1.1 * peaks[0]


@pytest.mark.spark
@pytest.mark.slow
def test_a_wrong_clock_on_spark(wrong_clock: Path, twin: Twin) -> None:
    flags = ["--time-zone", "Europe/Berlin", "--output-format", "csv"]
    assert twin(TWIN, wrong_clock, *flags) == result(JOB, wrong_clock, *flags)


NUMBERED = ("--sequence-metric", "seq", "--interval", "10m", "--output-format", "csv")


@pytest.fixture
def numbered(tmp_path: Path) -> Path:
    """Messages with numbers: 3 and 4 are lost before midnight, 6 after it; then the device starts anew and loses 1."""
    sent = [("01T23:30", 1), ("01T23:40", 2), ("01T23:50", 5), ("02T00:00", 7), ("02T00:10", 0), ("02T00:20", 2)]
    lines = [f"2026-03-{at}:00Z,d,{m},{n if m == 'seq' else 9}\n" for at, n in [*sent, sent[-1]] for m in ("seq", "t")]
    random.Random(3).shuffle(lines)
    (tmp_path / "log.csv").write_text(HEADER + "".join(lines))
    return tmp_path / "log.csv"


@pytest.mark.parametrize(
    "flags", [["-r", "inline"], ["-r", "local", "--tasks", "2", "--split-size", "40"]], ids=" ".join
)
def test_sequence_numbers_tell_what_was_lost(numbered: Path, flags: list[str]) -> None:
    lines = result(JOB, numbered, *NUMBERED, *flags).decode().splitlines()
    cells = [line.split(",") for line in lines[1:]]
    assert lines[0].endswith(",lost")
    assert [(row[1], row[3], row[-1]) for row in cells] == [
        ("seq", "2026-03-01", "2"),
        ("seq", "2026-03-02", "2"),
        ("t", "2026-03-01", ""),
        ("t", "2026-03-02", ""),
    ]


@pytest.mark.spark
@pytest.mark.slow
def test_sequence_numbers_on_spark(numbered: Path, twin: Twin) -> None:
    assert twin(TWIN, numbered, *NUMBERED) == result(JOB, numbered, *NUMBERED)


def test_one_reading_tells_no_interval(tmp_path: Path) -> None:
    (row,) = api.run("availability", [_log(tmp_path, ["02T12:00", "02T12:00"])]).to_pylist()
    assert row["received"] == 1
    assert {row[name] for name in row if name.endswith("seconds") or name in ("expected", "completeness")} == {None}


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--interval", "0s"], "--interval 0s: '0s' is no length of time up to 366d; write it as 30s, 15m, 1h or 1d"),
        (
            ["--interval", "5 minutes"],
            "--interval 5 minutes: '5 minutes' is no length of time up to 366d; write it as 30s, 15m, 1h or 1d",
        ),
        (
            ["--gap-after", "400d"],
            "--gap-after 400d: '400d' is no length of time up to 366d; write it as 30s, 15m, 1h or 1d",
        ),
        (["--show", "all"], "--show all: 'all' is neither days nor gaps"),
    ],
)
def test_bad_options_are_refused(flags: list[str], told: str) -> None:
    done = run(JOB, SAMPLE, *flags)
    assert (done.returncode, done.stderr.decode(), done.stdout) == (2, f"error: {told}\n", b"")


@pytest.mark.slow
@pytest.mark.shared_data
def test_particle_sensors_are_the_oracles(shared_data: Path) -> None:
    folders = sorted((shared_data / "sensor_community" / "luftdaten").iterdir())[::4]
    readings = api.run("extract", folders, dialect="sensor_community", metric="P1")
    assert len(readings) > 300_000
    days = api.run("availability", folders, dialect="sensor_community", metric="P1", until="2019-09-01")
    until = int(datetime(2019, 9, 1, tzinfo=UTC).timestamp()) * 1_000_000
    assert days.to_pylist() == day_rows(readings, Asked(until=until))
    gaps = api.run("availability", folders, dialect="sensor_community", metric="P1", show="gaps", gap_after="1h")
    assert _in_utc(gaps) == gap_rows(readings, Asked(gap_after=60 * MINUTE))


@pytest.mark.shared_data
def test_what_is_due_is_what_came_and_what_gaps_lack(shared_data: Path) -> None:
    """With an interval that is off by a hundredth, so is what is due; these sensors report when they are done."""
    folders = sorted((shared_data / "sensor_community" / "luftdaten").iterdir())[::4]
    due, there = Counter[str](), Counter[str]()
    for day in api.run("availability", folders, dialect="sensor_community", metric="P1").to_pylist():
        due[day["device_id"]] += day["expected"]
        there[day["device_id"]] += day["received"]
    for gap in api.run("availability", folders, dialect="sensor_community", metric="P1", show="gaps").to_pylist():
        there[gap["device_id"]] += gap["missing"]
    off = [abs(due[device] / there[device] - 1) for device in due]
    assert len(off) == 6
    assert sum(off) / len(off) < 0.008
    assert max(off) < 0.018


def _log(folder: Path, times: list[str]) -> Path:
    log = folder / "log.csv"
    log.write_text(HEADER + "".join(f"2026-03-{t}:00Z,dev-1,temperature,{i}\n" for i, t in enumerate(times)))
    return log


def _in_utc(table: pa.Table) -> list[Row]:
    rows: list[Row] = table.to_pylist()
    return [{k: v.astimezone(UTC) if isinstance(v, datetime) else v for k, v in row.items()} for row in rows]
