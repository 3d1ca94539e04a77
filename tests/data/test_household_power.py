"""A household's power, a reading a minute: parts of the four years, against daily sums that two others published.

Both references filled the minutes that the log lacks ("?") with the readings of the day before. The first was summed
in single precision, the second in double.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from jobs import api
from tests.command_line import run
from tests.data.real_sets import POWER, Printed, Row, by, daily, reference

pytestmark = pytest.mark.shared_data

FOLDER = "uci_household_power"
METRICS = (
    "global_active_power",
    "global_reactive_power",
    "voltage",
    "global_intensity",
    "sub_metering_1",
    "sub_metering_2",
    "sub_metering_3",
)
WHOLE = [f"2006-12-{day}" for day in (17, 18, 19, 20, 22, 23, 24, 25, 26)]
"""The days that the log of 1 MiB has from midnight to midnight, without a missing minute."""


@pytest.fixture(scope="module", params=["a", "b"])
def sums(request: pytest.FixtureRequest, shared_data: Path) -> tuple[dict[str, Row], float]:
    """The published sums by day, and how far they may be off: by the rounding of the sums themselves."""
    path = shared_data / FOLDER / f"reference_daily_sums_{request.param}/household_power_consumption_days.csv"
    return {row["datetime"]: row for row in reference(path)}, 1e-7 if request.param == "a" else 1e-13


def test_summaries(shared_data: Path) -> None:
    cut = f"  reject: {POWER} line {{}}: field_count: {{}}\n"
    assert daily(shared_data, "power_1MiB").summary == (
        "1 object (1.0 MB) · 111,440 readings · 14 missing · 1 reject (field_count 1) · kernel 100.0%\n"
        + cut.format("head_1MiB_cut_midline", 15924, "27/12/2006;18:46:00;1.688;0.000;238.2")
    )
    assert daily(shared_data, "power_1545_rows").summary == (
        "1 object (100.9 kB) · 10,808 readings · 1 reject (field_count 1) · kernel 99.9%\n"
        + cut.format("head_1545rows_cut", 1546, "17/12/2006;19:08:00;2.398;0.368;231.700;10.400;0.000;0.00")
    )
    assert daily(shared_data, "power_slice").summary == (
        "1 object (48.3 kB) · 3,094 readings · 4,081 missing · 0 rejects · kernel 100.0%\n"
    )
    assert daily(shared_data, "power_two_days").summary == (
        "1 object (183.4 kB) · 20,160 readings · 0 rejects · kernel 100.0%\n"
    )


def test_whole_days_have_the_published_sums(shared_data: Path, sums: tuple[dict[str, Row], float]) -> None:
    """Also the log's first day, which begins at 17:24 for everybody."""
    published, precision = sums
    days = _by_day(daily(shared_data, "power_1MiB")) | _by_day(daily(shared_data, "power_two_days"))
    compared = ["2006-12-16", *WHOLE, "2007-02-01", "2007-02-02"]
    for date in compared:
        for metric, row in days[date].items():
            assert row["count"] == ("396" if date == "2006-12-16" else "1440")
            assert float(row["sum"]) == pytest.approx(float(published[date][_column(metric)]), rel=precision)
        assert days[date].keys() == set(METRICS)
    assert days.keys() - set(compared) == {"2006-12-21", "2006-12-27"}


def test_the_day_with_missing_minutes_differs_by_what_was_filled_in(
    shared_data: Path, sums: tuple[dict[str, Row], float]
) -> None:
    """11:23 and 11:24 of December 21 are missing; the published sums have the readings of December 20 instead."""
    published, precision = sums
    day = _by_day(daily(shared_data, "power_1MiB"))["2006-12-21"]
    log = [shared_data / POWER.format("head_1MiB_cut_midline")]
    before = api.run("extract", log, dialect="uci_household_power", since="2006-12-20T11:23", until="2006-12-20T11:25")
    filled = dict.fromkeys(METRICS, Decimal(0))
    for metric, value in zip(before["metric"].to_pylist(), before["value"].to_pylist(), strict=True):
        filled[metric] += Decimal(repr(value))
    assert {metric: str(total) for metric, total in filled.items()} == {
        "global_active_power": "6.664",
        "global_reactive_power": "0.268",
        "voltage": "480.10",
        "global_intensity": "27.8",
        "sub_metering_1": "0.0",
        "sub_metering_2": "69.0",
        "sub_metering_3": "35.0",
    }
    for metric, row in day.items():
        assert row["count"] == "1438"
        total = float(Decimal(row["sum"]) + filled[metric])
        assert total == pytest.approx(float(published["2006-12-21"][_column(metric)]), rel=precision)


def test_days_that_a_log_has_in_part_stay_below_the_published_sums(
    shared_data: Path, sums: tuple[dict[str, Row], float]
) -> None:
    published, _ = sums
    found = {
        (name, date): {row["count"] for row in rows.values()}
        for name in ("power_1MiB", "power_1545_rows", "power_slice")
        for date, rows in _by_day(daily(shared_data, name)).items()
        if date not in [*WHOLE, "2006-12-21"] or name != "power_1MiB"
    }
    assert found == {
        ("power_1MiB", "2006-12-16"): {"396"},
        ("power_1MiB", "2006-12-27"): {"1126"},  # cut at 18:46
        ("power_1545_rows", "2006-12-16"): {"396"},
        ("power_1545_rows", "2006-12-17"): {"1148"},  # cut at 19:08
        ("power_slice", "2006-12-16"): {"248"},
        ("power_slice", "2007-04-30"): {"194"},  # and 583 minutes missing
    }
    for name, date in found:
        for metric, row in _by_day(daily(shared_data, name))[date].items():
            assert float(row["sum"]) <= float(published[date][_column(metric)]) * (1 + 1e-7)


def test_a_cut_log_agrees_with_the_longer_one(shared_data: Path) -> None:
    one, other = (_by_day(daily(shared_data, name)) for name in ("power_1545_rows", "power_1MiB"))
    assert one["2006-12-16"] == other["2006-12-16"]


OWN_DIALECT = """
[delimited]
delimiter = " "
header = false
skip_rows = 1 # of names, one column fewer than the rows have
columns = ["row", "date", "day", "time", "active", "reactive", "voltage", "intensity", "sub_1", "sub_2", "sub_3"]

[timestamp]
columns = ["day", "time"]
formats = ["%Y-%m-%d", "%H:%M:%S"]

[device]
constant = "household"
"""


def test_the_same_two_days_as_a_statistics_program_wrote_them(shared_data: Path, tmp_path: Path) -> None:
    """The shipped dialect does not fit and says so; a few lines of TOML do, and then every row is the same."""
    path = POWER.format("two_days_R_write_table")
    refused = run("jobs.daily_stats", path, "--dialect", "uci_household_power", cwd=shared_data)
    header = '"Date" "Time" "Global_active_power" "Global_reactive_power" "Voltage" "Global_in'
    assert refused.stderr.decode() == f"error: {path}: its header has a stray quote: {header.encode()!r}\n"
    assert refused.returncode == 3

    names = ("active", "reactive", "voltage", "intensity", "sub_1", "sub_2", "sub_3")
    units = ("kW", "kW", "V", "A", "Wh", "Wh", "Wh")
    wide = (
        f'\n[[wide]]\ncolumn = "{n}"\nmetric = "{m}"\nunit = "{u}"\n'
        for n, m, u in zip(names, METRICS, units, strict=True)
    )
    dialect = tmp_path / "written_by_r.toml"
    dialect.write_text(OWN_DIALECT + "".join(wide), encoding="utf-8")
    done = run("jobs.daily_stats", path, "--dialect", dialect, "--output-format", "csv", "-q", cwd=shared_data)
    assert done.stderr == b""
    assert done.stdout == daily(shared_data, "power_two_days").output


def _by_day(printed: Printed) -> dict[str, dict[str, Row]]:
    days = by(printed.rows, "date")
    return {date: {row["metric"]: row for row in rows} for (date,), rows in days.items()}


def _column(metric: str) -> str:
    return metric[0].upper() + metric[1:]
