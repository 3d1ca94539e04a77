"""hourly_profile end to end: against an oracle, as a baseline, and the same bytes however it is run."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from jobs import api
from jobs.partials.profile import Baseline
from jobs.readings.model import Keys
from jobs.readings.zones import load
from tests.command_line import Twin, result, run
from tests.jobs.oracle import by_bucket, same
from tests.partials.numbers import batch

PROFILE, TWIN = "jobs.hourly_profile", "jobs.spark.hourly_profile"
SAMPLE = Path("sample_data")
RUNS = [["--time-zone", "Europe/Berlin"], ["--period", "hour-of-day", "--by", "metric", "--quantiles", "0.5"]]


@pytest.fixture(scope="module")
def readings() -> pa.Table:
    return api.run("extract", [SAMPLE])


@pytest.mark.parametrize("period", ["hour-of-week", "hour-of-day"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
def test_every_row_is_the_oracles(readings: pa.Table, zone: str, period: str) -> None:
    def cell(instant: datetime) -> tuple[int | None, int]:
        local = instant.astimezone(ZoneInfo(zone))
        return (local.isoweekday() if period == "hour-of-week" else None), local.hour

    oracle = by_bucket(readings, cell)
    rows = api.run("hourly_profile", [SAMPLE], time_zone=zone, period=period).to_pylist()
    keys = [(r["device_id"], r["metric"], r["unit"], (r.get("day_of_week"), r["hour"])) for r in rows]
    assert len(keys) == len(set(keys))
    assert set(keys) == set(oracle)
    for key, row in zip(keys, rows, strict=True):
        same(row | {"sum": oracle[key].sum}, oracle[key])
        assert row["min"] <= row["q0.25"] <= row["q0.5"] <= row["q0.75"] <= row["max"]


def test_all_devices_together(readings: pa.Table) -> None:
    together = readings.set_column(1, "device_id", pa.array([""] * len(readings)))
    oracle = by_bucket(together, lambda instant: instant.hour)
    rows = api.run("hourly_profile", [SAMPLE], period="hour-of-day", by="metric").to_pylist()
    assert "device_id" not in rows[0]
    assert {("", r["metric"], r["unit"], r["hour"]): r["count"] for r in rows} == {
        k: v.count for k, v in oracle.items()
    }


def test_the_result_is_a_baseline(readings: pa.Table) -> None:
    """Every reading of the profile's own input has a row, whose range holds its value."""
    table = api.run("hourly_profile", [SAMPLE], time_zone="Europe/Berlin")
    times = readings["timestamp"].cast(pa.int64()).to_pylist()
    columns = [readings[name].to_pylist() for name in ("device_id", "metric", "unit", "value")]
    chosen = batch(list(zip(times, *columns, strict=True)), Keys())
    base = Baseline(table, load("Europe/Berlin"))
    assert (base.column("min", chosen) <= chosen.value).all()
    assert (chosen.value <= base.column("max", chosen)).all()
    assert np.bincount(base.rows(chosen)).tolist() == table["count"].to_pylist()


@pytest.mark.parametrize("flags", RUNS, ids=" ".join)
def test_the_same_bytes_for_any_tasks_and_splits(flags: list[str]) -> None:
    expected = result(PROFILE, SAMPLE, "-r", "inline", *flags)
    assert result(PROFILE, SAMPLE, "-r", "local", "--tasks", "3", "--split-size", "10007", *flags) == expected
    assert result(PROFILE, SAMPLE, "--split-size", "3K", *flags, env={"JOBS_KERNEL": "off"}) == expected


@pytest.mark.spark
@pytest.mark.slow
def test_the_same_bytes_on_spark(twin: Twin) -> None:
    for flags in RUNS:
        expected = result(PROFILE, SAMPLE, *flags)
        assert twin(TWIN, SAMPLE, "--tasks", "2", "--split-size", "50K", *flags) == expected


@pytest.mark.shared_data
def test_the_traffic_of_a_week(shared_data: Path) -> None:
    """Carbon monoxide in an Italian street peaks when people drive home, from Monday to Thursday at 19 o'clock."""
    table = api.run(
        "hourly_profile",
        [shared_data / "uci_air_quality/original_semicolon"],
        dialect="uci_air_quality",
        metric="co",
    )
    rows = {(row["day_of_week"], row["hour"]): row["q0.5"] for row in table.to_pylist()}
    assert len(rows) == 168
    assert [max((rows[day, hour], hour) for hour in range(24))[1] for day in range(1, 5)] == [19] * 4
    assert rows[1, 8] > 2 * rows[7, 6]


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (["--period", "week"], "--period week: must be one of hour-of-week, hour-of-day"),
        (["--by", "none"], "--by none: must be one of device, metric, site"),
        (["--quantiles", "2"], "--quantiles 2: a quantile is a number from 0 to 1 of up to 9 decimals, not 2.0"),
    ],
    ids=" ".join,
)
def test_options_that_cannot_be(flags: list[str], error: str) -> None:
    done = run(PROFILE, SAMPLE, *flags)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", f"error: {error}\n")
