"""Energy of a household with a reading a minute, the mean of that minute.

Published are the sums of each day's readings, which are 60 times its kWh.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs import api
from tests.data.real_sets import POWER, reference

pytestmark = pytest.mark.shared_data

LOG = POWER.format("head_1MiB_cut_midline")
POWER_METRIC = "global_active_power"
WHOLE = [f"2006-12-{day}" for day in (17, 18, 19, 20, 22, 23, 24, 25, 26)]
"""The days that the log has from midnight to midnight, without a missing minute."""


def energy(shared_data: Path, method: str) -> dict[str, dict[str, Any]]:
    found = api.run(
        "energy", [shared_data / LOG], dialect="uci_household_power", power_metric=POWER_METRIC, method=method
    )
    return {str(row["date"]): row for row in found.to_pylist()}


def test_by_left_days_are_the_published_sums(shared_data: Path) -> None:
    """Within the precision of the reference, which adds doubles in turn."""
    folder = shared_data / "uci_household_power/reference_daily_sums_b"
    published = {row["datetime"]: row for row in reference(folder / "household_power_consumption_days.csv")}
    days = energy(shared_data, "left")
    for date in WHOLE:
        assert (days[date]["covered_hours"], days[date]["energy_unit"]) == (24.0, "kWh")
        assert days[date]["energy"] == pytest.approx(float(published[date]["Global_active_power"]) / 60, rel=1e-13)


def test_by_left_days_are_the_sums_of_their_minutes(shared_data: Path) -> None:
    """Each is rounded once, and divided once: they are the same to the last bit."""
    options = {"dialect": "uci_household_power", "metric": POWER_METRIC}
    daily = api.run("daily_stats", [shared_data / LOG], engine="inline", **options)
    sums = {str(row["date"]): row["sum"] for row in daily.to_pylist()}
    days = energy(shared_data, "left")
    assert {date: days[date]["energy"] for date in WHOLE} == {
        date: pytest.approx(sums[date] / 60, rel=2.3e-16, abs=0) for date in WHOLE
    }


def test_by_trapezoid_they_differ_by_half_a_minute_at_each_midnight(shared_data: Path) -> None:
    left, trapezoid = (energy(shared_data, method) for method in ("left", "trapezoid"))
    options = {"dialect": "uci_household_power", "metric": POWER_METRIC}
    readings = api.run("extract", [shared_data / LOG], engine="inline", **options)
    at_midnight = {
        str(time.date()): value
        for time, value in zip(readings["timestamp"].to_pylist(), readings["value"].to_pylist(), strict=True)
        if time.hour == time.minute == 0
    }
    for date, after in zip(WHOLE, (*WHOLE[1:], "2006-12-27"), strict=True):
        if date != "2006-12-20":  # the day after it, two minutes are missing
            half = (at_midnight[after] - at_midnight[date]) / 120
            assert trapezoid[date]["energy"] - left[date]["energy"] == pytest.approx(half, abs=1e-12)


def test_missing_minutes_lie_in_a_gap(shared_data: Path) -> None:
    """11:23 and 11:24 are missing: within the usual limit the reading of 11:22 holds, below it they count nothing."""
    assert energy(shared_data, "left")["2006-12-21"]["covered_hours"] == 24.0
    options = {"dialect": "uci_household_power", "power_metric": POWER_METRIC, "max_gap": "2m"}
    rows = api.run("energy", [shared_data / LOG], engine="inline", **options).to_pylist()
    (day,) = (row for row in rows if str(row["date"]) == "2006-12-21")
    assert (day["uncovered_seconds"], day["covered_hours"]) == (180.0, 24 - 0.05)
