"""Missing values and rejects of the real sets, by series and day and by object, counted again by the csv module."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest

from jobs import api
from jobs.readings import dialect_file
from tests.data.real_sets import SETS

pytestmark = [pytest.mark.shared_data, pytest.mark.slow]

Fields = dict[str, str]


def day_of_beijing(row: Fields) -> date:
    return date(*(int(row[name]) for name in ("year", "month", "day")))


def day_of_date(row: Fields) -> date:
    return datetime.strptime(row["Date"], "%d/%m/%Y").date()


@pytest.mark.parametrize(
    ("name", "path", "delimiter", "missing", "day", "counts"),
    [
        (
            "beijing",
            "uci_beijing_prsa/PRSA_Data_Aotizhongxin_20130301-20170228.csv",
            ",",
            {"NA"},
            day_of_beijing,
            (7_189, 1),
        ),
        (
            "power_slice",
            "uci_household_power/slice_crlf_noeol/household_power_consumption.txt",
            ";",
            {"?", ""},
            day_of_date,
            (4_081, 0),
        ),
        ("air_quality", "uci_air_quality/original_semicolon", ";", {"-200", "-200,0"}, day_of_date, (16_701, 0)),
    ],
)
def test_every_day(
    shared_data: Path,
    name: str,
    path: str,
    delimiter: str,
    missing: set[str],
    day: Callable[[Fields], date],
    counts: tuple[int, int],
) -> None:
    dialect = dialect_file.load(SETS[name].dialect)
    expected: Counter[tuple[str, date]] = Counter()
    found = shared_data / path
    for file in [found] if found.is_file() else sorted(found.glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines, delimiter=delimiter):
                if any(row.values()):
                    for value in dialect.wide:
                        expected[value.metric, day(row)] += row[value.column] in missing
    rows = api.run("data_quality", [found], dialect=SETS[name].dialect, split_size="300K").to_pylist()
    assert {(row["metric"], row["date"]): row["missing"] for row in rows} == expected
    assert (sum(row["missing"] for row in rows), sum(row["rejects"] for row in rows)) == counts
    rejected = [(row["metric"], row["date"], row["rejects"]) for row in rows if row["rejects"]]
    assert rejected == ([("SO2", date(2013, 3, 4), 1)] if name == "beijing" else [])
    for row in rows:
        values = row["readings"] + row["missing"] + row["rejects"]
        faults = row["duplicates"] + row["conflicts"] + row["out_of_order"] + row["future"] + row["stuck"]
        assert row["score"] == 100 * max(row["readings"] - faults, 0) / values


def test_objects_of_particle_sensors(shared_data: Path) -> None:
    folder = shared_data / "sensor_community/luftdaten"
    rows = api.run("data_quality", [folder], dialect="sensor_community", per="object").to_pylist()
    assert len(rows) == 4010
    told = {row["object"]: row for row in rows}
    odd = {path: (row["missing"], row["rejects"], row["field_count"]) for path, row in told.items() if row["missing"]}
    odd |= {path: (row["missing"], row["rejects"], row["field_count"]) for path, row in told.items() if row["rejects"]}
    assert {Path(path).name: counts for path, counts in odd.items()} == {
        "2018-07-10_sds011_sensor_8733.csv": (1, 0, 0),
        "2019-01-17_sds011_sensor_5331.csv": (0, 1, 1),
        "2019-03-09_sds011_sensor_22885.csv": (2, 0, 0),
        "2019-05-10_sds011_sensor_22523.csv": (1, 0, 0),
        "2019-05-20_sds011_sensor_22068.csv": (1, 0, 0),
    }
    for path, row in told.items():
        lines = Path(path).read_bytes().split(b"\n")
        assert row["records"] == sum(bool(line) for line in lines[1:])
        assert row["bytes"] == Path(path).stat().st_size
    series = api.run("data_quality", list(odd), dialect="sensor_community").to_pylist()
    assert sum(row["missing"] for row in series) == 5
    assert sum(row["rejects"] for row in series) == 0  # a line that is too short tells no metric
