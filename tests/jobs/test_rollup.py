"""rollup end to end: windows against an oracle, and the same bytes however it is run."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from jobs import api
from jobs.lake.contest import ContestWriter
from tests.command_line import Twin, result, run
from tests.jobs.oracle import by_bucket, same

ROLLUP, TWIN = "jobs.rollup", "jobs.spark.rollup"
SAMPLE = Path("sample_data")
DAY = timedelta(days=1)
RUNS = [
    ["--window", "6h", "--time-zone", "Europe/Berlin", "--quantiles", "0.5"],
    ["--window", "week", "--by", "metric"],
    ["--window", "all", "--by", "metric", "--quantiles", "0.1,0.9"],
]


def first_of(window: str, local: datetime) -> datetime:
    """The local time at which the window of a local time begins."""
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "15m": local.replace(minute=local.minute // 15 * 15, second=0, microsecond=0),
        "1h": local.replace(minute=0, second=0, microsecond=0),
        "6h": midnight.replace(hour=local.hour // 6 * 6),
        "week": midnight - local.weekday() * DAY,
        "month": midnight.replace(day=1),
        "year": midnight.replace(day=1, month=1),
    }[window]


def start_of(window: str, zone: str) -> Callable[[datetime], datetime]:
    """The instant at which the window of an instant begins. (Hours set back in Berlin are whole windows.)"""

    def start(instant: datetime) -> datetime:
        local = instant.astimezone(ZoneInfo(zone))
        fold = local.fold if window in ("15m", "1h") else 0
        return first_of(window, local.replace(tzinfo=None)).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)

    return start


@pytest.fixture(scope="module")
def readings() -> pa.Table:
    return api.run("extract", [SAMPLE])


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize("window", ["15m", "6h", "week", "month"])
def test_every_row_is_the_oracles(readings: pa.Table, window: str, zone: str) -> None:
    oracle = by_bucket(readings, start_of(window, zone))
    rows = api.run("rollup", [SAMPLE], window=window, time_zone=zone).to_pylist()
    keys = [(r["device_id"], r["metric"], r["unit"], r["window_start"]) for r in rows]
    assert len(keys) == len(set(keys))
    assert set(keys) == set(oracle)
    for key, row in zip(keys, rows, strict=True):
        same(row, oracle[key])
        assert (row["first_timestamp"], row["last_timestamp"]) == (oracle[key].first, oracle[key].last)
        assert row["window_start"] <= row["first_timestamp"] <= row["last_timestamp"] < row["window_end"]


@pytest.mark.parametrize("window", ["1h", "all"])
def test_all_devices_together(readings: pa.Table, window: str) -> None:
    together = readings.set_column(1, "device_id", pa.array([""] * len(readings)))
    oracle = by_bucket(together, start_of("1h", "UTC") if window == "1h" else lambda _: None)
    table = api.run("rollup", [SAMPLE], window=window, by="metric")
    assert table.column_names[:4] == ["metric", "unit", "window_start", "window_end"]
    rows = table.to_pylist()
    assert [("", r["metric"], r["unit"], r["window_start"]) for r in rows] == sorted(oracle, key=_bytewise)
    for row in rows:
        same(row, oracle["", row["metric"], row["unit"], row["window_start"]])


def _bytewise(key: tuple[object, ...]) -> list[object]:
    return [part.encode() if isinstance(part, str) else b"" if part is None else part for part in key]


def test_days_are_those_of_daily_stats() -> None:
    zone = "America/St_Johns"
    days = api.run("daily_stats", [SAMPLE], time_zone=zone)
    windows = api.run("rollup", [SAMPLE], time_zone=zone, window="1d")
    shared = [name for name in days.column_names if name != "date"]
    assert windows.select(shared).equals(days.select(shared))


def test_the_hour_that_comes_twice_makes_two_windows(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    times = [f"2025-10-2{5 + h // 24}T{h % 24:02}:{m:02}:00Z" for h in range(22, 28) for m in (0, 59)]
    log.write_text("timestamp,device_id,metric,value\n" + "".join(f"{t},d,m,1\n" for t in times))

    def starts(window: str) -> list[tuple[str, int]]:
        rows = api.run("rollup", [log], window=window, time_zone="Europe/Berlin").to_pylist()
        return [(row["window_start"].strftime("%H:%M"), row["count"]) for row in rows]

    assert starts("1h") == [(f"{h % 24:02}:00", 2) for h in range(22, 28)]
    assert starts("6h") == [("22:00", 12)]
    assert starts("3h") == [("22:00", 8), ("02:00", 4)]
    assert starts("1d") == [("22:00", 12)]


@pytest.mark.parametrize("flags", RUNS, ids=" ".join)
def test_the_same_bytes_for_any_tasks_and_splits(flags: list[str]) -> None:
    expected = result(ROLLUP, SAMPLE, "-r", "inline", *flags)
    assert result(ROLLUP, SAMPLE, "-r", "local", "--tasks", "3", "--split-size", "10007", *flags) == expected
    assert result(ROLLUP, SAMPLE, "--split-size", "3K", *flags, env={"JOBS_KERNEL": "off"}) == expected


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.parametrize("flags", RUNS, ids=" ".join)
def test_the_same_bytes_on_spark(flags: list[str], twin: Twin) -> None:
    expected = result(ROLLUP, SAMPLE, *flags)
    assert twin(TWIN, SAMPLE, "--tasks", "2", "--split-size", "50K", *flags) == expected


def test_repeats_are_left_out_before_devices_are_put_together(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    lines = [f"2026-03-01T00:00:00Z,{device},m,1\n" for device in "aabbb"]
    log.write_text("timestamp,device_id,metric,value\n" + "".join(lines))
    for engine in ("inline", "local"):
        (row,) = api.run("rollup", [log], engine=engine, by="metric", deduplicate=True, window="1h").to_pylist()
        assert row["count"] == 2


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (["--window", "0h"], '--window 0h: "0h" is no window: write 1s, 5m, 6h, 1d, …, week, month, year or all'),
        (
            ["--window", "7m"],
            "--window 7m: a window divides a day, so that days hold whole ones, or is a number of whole days",
        ),
        (["--by", "none"], "--by none: must be one of device, metric, site"),
        (["--layout", "x"], "--layout x: the layout is 1brc"),
        (
            ["--layout", "1brc", "--by", "metric"],
            "--layout 1brc --by metric: the contest prints one result for each device",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_options_that_cannot_be(flags: list[str], error: str) -> None:
    done = run(ROLLUP, SAMPLE, *flags)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", f"error: {error}\n")


def test_windows_need_a_time(tmp_path: Path) -> None:
    log = tmp_path / "stations.txt"
    log.write_text("Hamburg;12.0\nBulawayo;8.9\nHamburg;-3.4\n")
    done = run(ROLLUP, log, "--dialect", "onebrc")
    text = "error: --dialect onebrc: rollup needs readings with a time, and this dialect has none\n"
    assert (done.returncode, done.stderr.decode()) == (2, text)
    printed = result(ROLLUP, log, "--dialect", "onebrc", "--window", "all", "--layout", "1brc")
    assert printed.decode() == "{Bulawayo=8.9/8.9/8.9, Hamburg=-3.4/4.3/12.0}\n"
    done = run(ROLLUP, SAMPLE, "--window", "all", "--layout", "1brc")
    assert (done.returncode, done.stdout) == (2, b"")
    assert "--layout 1brc: the contest prints one result for each device, and there are more" in done.stderr.decode()


@pytest.mark.shared_data
def test_the_one_billion_row_challenges_samples(shared_data: Path) -> None:
    """All twelve, byte by byte; their temperatures have one digit, so their sums, rounded or not, are the same."""
    samples = sorted((shared_data / "onebrc/samples").glob("*.txt"))
    assert len(samples) == 12
    for sample in samples:
        table = api.run("rollup", [sample], engine="inline", dialect="onebrc", window="all")
        printed = io.BytesIO()
        with closing(ContestWriter(printed, table.schema)) as writer:
            for at in range(0, len(table), 1000):
                writer.write(table.slice(at, 1000))
        assert printed.getvalue() == sample.with_suffix(".out").read_bytes(), sample.name


@pytest.mark.shared_data
def test_the_highest_temperature_of_each_year(shared_data: Path) -> None:
    flags: dict[str, Any] = {"window": "year", "by": "metric", "metric": "air_temperature", "dialect": "isd"}
    rows = api.run("rollup", [shared_data / "ncdc_hadoop_book/all"], **flags).to_pylist()
    reference = (shared_data / "ncdc_hadoop_book/reference/computed_max_by_year_station.txt").read_text()
    years = re.findall(r"^(\d{4}) max=(\d+) min=(-\d+) n=(\d+)", reference, re.MULTILINE)
    found = [
        (str(r["window_start"].year), f"{r['max'] * 10:.0f}", f"{r['min'] * 10:.0f}", str(r["count"])) for r in rows
    ]
    assert found == years
    assert [row["max"] for row in rows] == [31.7, 24.4]


def test_the_contests_layout_spells_any_sum(tmp_path: Path) -> None:
    lines = [*["A;9e16"] * 20, "B;1e308", "B;1e308", "C;-9.3e17"]
    (tmp_path / "large.txt").write_text("".join(f"{line}\n" for line in lines))
    flags = ("--dialect", "onebrc", "--window", "all", "--layout", "1brc", "-q")
    printed = result("jobs.rollup", tmp_path / "large.txt", *flags).decode()
    large, low = "90000000000000000.0", "-930000000000000000.0"
    assert printed == f"{{A={large}/{large}/{large}, B=Infinity/Infinity/Infinity, C={low}/{low}/{low}}}\n"
