"""energy end to end: against the oracle, and the same bytes however it is run."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from jobs import api
from tests.command_line import Twin, result, run
from tests.jobs.energy_oracle import MINUTE, Reading, energy

ENERGY, TWIN = "jobs.energy", "jobs.spark.energy"
SAMPLE = Path("sample_data")
FLAGS = ("--output-format", "csv", "--time-zone", "Europe/Berlin", "--max-gap", "20m")
HEADER = "timestamp,device_id,metric,value,unit\n"


@pytest.fixture(scope="module")
def expected() -> bytes:
    return result(ENERGY, SAMPLE, "-r", "inline", *FLAGS)


@pytest.mark.parametrize(
    "flags",
    [
        ["-r", "local", "--tasks", "1"],
        ["-r", "local", "--tasks", "7", "--split-size", "10007"],
        ["-r", "local", "--tasks", "2", "--split-size", "1K"],
        ["-r", "inline", "--split-size", "333"],
    ],
    ids=" ".join,
)
def test_the_same_bytes_for_any_tasks_and_splits(expected: bytes, flags: list[str]) -> None:
    assert result(ENERGY, SAMPLE, *flags, *FLAGS) == expected


def test_the_same_bytes_for_any_order_of_the_input_and_without_the_kernel(expected: bytes) -> None:
    folders = sorted(SAMPLE.rglob("dt=*"), reverse=True)
    assert result(ENERGY, SAMPLE / "wide", *folders, *FLAGS, env={"JOBS_KERNEL": "off"}) == expected


@pytest.mark.spark
@pytest.mark.slow
def test_the_same_bytes_on_spark(expected: bytes, twin: Twin) -> None:
    batches = ["--conf", "spark.sql.execution.arrow.maxRecordsPerBatch=37"]  # whose edges cut days
    assert twin(TWIN, SAMPLE, "--tasks", "2", "--split-size", "50K", *batches, *FLAGS) == expected


@pytest.mark.parametrize("method", ["trapezoid", "left"])
def test_every_row_is_the_oracles(method: str) -> None:
    chosen = partial(api.run, since="2026-03-28", until="2026-03-30", time_zone="Europe/Berlin", device="north-*")
    table = chosen("energy", [SAMPLE], max_gap="20m", method=method)
    readings = chosen("extract", [SAMPLE], metric="power")
    series: dict[str, list[Reading]] = {}
    times = readings["timestamp"].cast("int64").to_pylist()
    for device, time, value in zip(
        readings["device_id"].to_pylist(), times, readings["value"].to_pylist(), strict=True
    ):
        series.setdefault(device, []).append((time, value))
    rows = {(row["device_id"], row["date"]): row for row in table.to_pylist()}
    assert len(rows) == 8
    for device, found in series.items():
        for date, day in energy(found, "Europe/Berlin", 15 * MINUTE, 20 * MINUTE, method).items():
            row = rows.pop((device, date))
            assert row["energy"] == float(day.integral) / 7.2e9
            assert row["mean_power"] == float(day.integral) / (2 * day.covered)
            assert (row["covered_hours"], row["uncovered_seconds"]) == (day.covered / 3.6e9, day.uncovered / 1e6)
            assert row["peak_demand"] == max(map(float, day.windows.values())) / (2 * 15 * MINUTE)
    assert not rows


def told(tmp_path: Path, rows: str, *flags: str) -> str:
    log = tmp_path / "log.csv"
    log.write_text(HEADER + rows)
    return result(ENERGY, log, "--output-format", "csv", *flags).decode().split("\n", 1)[1]


def test_a_constant_kilowatt_over_two_midnights(tmp_path: Path) -> None:
    rows = "2026-03-01T18:00:00Z,meter,power,1,kW\n2026-03-03T06:00:00Z,meter,power,1,kW\n"
    assert told(tmp_path, rows, "--max-gap", "2d") == (
        "meter,power,kW,2026-03-01,6,kWh,1,1,2026-03-01T18:00:00Z,6,0,1\n"
        "meter,power,kW,2026-03-02,24,kWh,1,1,2026-03-02T00:00:00Z,24,0,0\n"
        "meter,power,kW,2026-03-03,6,kWh,1,1,2026-03-03T00:00:00Z,6,0,1\n"
    )


def test_a_day_of_23_hours(tmp_path: Path) -> None:
    rows = "".join(f"2026-03-{d}T{h:02}:00:00Z,meter,power,500,W\n" for d in (28, 29) for h in range(24))
    found = told(tmp_path, rows, "--time-zone", "Europe/Berlin", "--demand-window", "1h")
    assert ",W,2026-03-29,11.5,kWh,500,500,2026-03-28T23:00:00Z,23,0,23\n" in found


def test_a_rise_splits_at_midnight_as_a_line_does(tmp_path: Path) -> None:
    rows = "2026-03-01T23:30:00Z,meter,power,0,kW\n2026-03-02T00:30:00Z,meter,power,4,kW\n"
    assert told(tmp_path, rows, "--demand-window", "30m") == (
        "meter,power,kW,2026-03-01,0.5,kWh,1,1,2026-03-01T23:30:00Z,0.5,0,1\n"
        "meter,power,kW,2026-03-02,1.5,kWh,3,3,2026-03-02T00:00:00Z,0.5,0,1\n"
    )
    assert told(tmp_path, rows, "--method", "left", "--demand-window", "30m").count(",0,kWh,0,0,") == 2


def test_long_gaps_count_nothing_and_equal_times_no_area(tmp_path: Path) -> None:
    late = (
        "2026-03-09T01:00:00Z,meter,power,3",
        "2026-03-09T01:00:00Z,meter,power,1",
        "2026-03-09T02:00:00Z,meter,power,3",
    )
    rows = "".join(f"{row},\n" for row in ("2026-03-01T23:00:00Z,meter,power,1", *late))
    assert told(tmp_path, rows) == (
        "meter,power,,2026-03-01,,value·h,,,,0,3600,1\n"
        "meter,power,,2026-03-09,3,value·h,3,3,2026-03-09T01:00:00Z,1,3600,3\n"
    )
    assert ",3,kWh,3,3," in told(tmp_path, rows, "--power-unit", "kW")


def test_what_is_a_double_is_told_though_its_integral_is_none(tmp_path: Path) -> None:
    values = zip((0, 15, 30, 45), ("10", "1e308", "20", "-5"), strict=True)
    rows = "".join(f"2026-03-01T00:{minute:02}:00Z,meter,power,{value},{{}}\n" for minute, value in values)
    powers = "3.333333333333333e+307,5e+307,2026-03-01T00:00:00Z,0.75,0,4\n"
    assert told(tmp_path, rows.format(*[""] * 4)) == f"meter,power,,2026-03-01,2.5e+307,value·h,{powers}"
    assert told(tmp_path, rows.format(*["GW"] * 4)) == f"meter,power,GW,2026-03-01,inf,kWh,{powers}"


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        ("--method right", "--method right: 'right' is no method; it is trapezoid or left"),
        ("--max-gap 0m", "--max-gap 0m: '0m' is no length of time up to 366d; write it as 30s, 15m, 1h or 1d"),
        ("--demand-window 7h", "--demand-window 7h: 7h does not divide a day; use 15m, 30m, 1h or the like"),
        (
            "--demand-window 2d",
            "--demand-window 2d: '2d' is no length of time up to 1d; write it as 30s, 15m, 1h or 1d",
        ),
        ("--power-unit hp", "--power-unit hp: 'hp' is no unit of power; it is one of mW, W, kW, MW, GW"),
        ("--power-metric power,", "--power-metric power,: a glob is empty; write it as power,*_kw"),
    ],
)
def test_bad_options(flags: str, error: str) -> None:
    done = run(ENERGY, SAMPLE, *flags.split())
    assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", f"error: {error}\n")
