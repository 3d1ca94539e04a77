"""Air quality of an Italian city, as published (semicolons, decimal comma) and as a spreadsheet saved it."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from jobs import api
from tests.data.real_sets import by, daily
from tests.jobs.oracle import daily as oracle

pytestmark = pytest.mark.shared_data

PUBLISHED = "uci_air_quality/original_semicolon/AirQualityUCI.csv"
SHEET = "uci_air_quality/excel_comma_bom/AirQualityUCI.csv"
COLUMNS = {
    "CO(GT)": ("co", "mg/m³"),
    "PT08.S1(CO)": ("pt08_s1_co", None),
    "NMHC(GT)": ("nmhc", "µg/m³"),
    "C6H6(GT)": ("c6h6", "µg/m³"),
    "PT08.S2(NMHC)": ("pt08_s2_nmhc", None),
    "NOx(GT)": ("nox", "ppb"),
    "PT08.S3(NOx)": ("pt08_s3_nox", None),
    "NO2(GT)": ("no2", "µg/m³"),
    "PT08.S4(NO2)": ("pt08_s4_no2", None),
    "PT08.S5(O3)": ("pt08_s5_o3", None),
    "T": ("temperature", "°C"),
    "RH": ("relative_humidity", "%"),
    "AH": ("absolute_humidity", "g/m³"),
}


@pytest.mark.parametrize(("name", "size"), [("air_quality", "785.1 kB"), ("air_quality_sheet", "851.4 kB")])
def test_summary(shared_data: Path, name: str, size: str) -> None:
    assert daily(shared_data, name).summary == (
        f"1 object ({size}) · 104,940 readings · 16,701 missing · 0 rejects · kernel 100.0%\n"
    )
    assert 9357 * len(COLUMNS) == 104_940 + 16_701


@pytest.mark.slow
def test_every_row_is_what_plain_python_computes(shared_data: Path) -> None:
    expected = oracle(_readings(shared_data / PUBLISHED))
    rows = daily(shared_data, "air_quality").rows
    assert len(rows) == len(expected) == 4560
    for row in rows:
        key = row["device_id"], row["metric"], row["unit"] or None, datetime.fromisoformat(row["date"]).date()
        want = expected[key]
        assert (int(row["count"]), *(float(row[name]) for name in ("mean", "min", "max", "sum"))) == (
            *(want.count, want.mean, want.min, want.max, want.sum),
        )
        stddev = float(row["stddev"]) if row["stddev"] else None
        assert stddev == (None if want.stddev is None else pytest.approx(want.stddev, rel=5e-16, abs=0))
        assert datetime.fromisoformat(row["first_timestamp"]) == want.first
        assert datetime.fromisoformat(row["last_timestamp"]) == want.last


def test_both_files_have_the_same_statistics_but_for_a_lost_comma(shared_data: Path) -> None:
    """The spreadsheet took the decimal comma of 1,0086 for one of thousands; it stands 10,086 in its file."""
    one, other = (by(daily(shared_data, name).rows, "metric", "date") for name in ("air_quality", "air_quality_sheet"))
    assert one.keys() == other.keys()
    differing = {key for key in one if one[key] != other[key]}
    assert {metric for metric, _ in differing} == {"absolute_humidity"}
    assert differing == {key for key in one if key[0] == "absolute_humidity" and float(one[key][0]["max"]) >= 1}
    assert len(differing) == 242


def test_both_files_have_the_same_readings_but_for_a_lost_comma(shared_data: Path) -> None:
    one = api.run("extract", [shared_data / PUBLISHED], dialect="uci_air_quality")
    other = api.run("extract", [shared_data / SHEET], dialect="uci_air_quality_comma")
    assert one.drop_columns(["value"]).equals(other.drop_columns(["value"]))
    changed = [
        (metric, value, sheet)
        for metric, value, sheet in zip(
            *(c.to_pylist() for c in (one["metric"], one["value"], other["value"])), strict=True
        )
        if value != sheet
    ]
    assert len(changed) == 4447
    for metric, value, sheet in changed:
        assert metric == "absolute_humidity"
        assert value >= 1
        assert sheet == float(f"{value * 10:.3f}")


def _readings(path: Path) -> pa.Table:
    """The published file read with nothing but the standard library."""
    columns: dict[str, list[object]] = {n: [] for n in ("timestamp", "device_id", "metric", "unit", "value")}
    with path.open(encoding="ascii", newline="") as lines:
        for row in csv.DictReader(lines, delimiter=";"):
            if not row["Date"]:
                continue
            time = datetime.strptime(f"{row['Date']} {row['Time']}", "%d/%m/%Y %H.%M.%S").replace(tzinfo=UTC)
            for column, (metric, unit) in COLUMNS.items():
                value = float(row[column].replace(",", "."))
                if value != -200:
                    for name, item in zip(columns, (time, "air_quality_station", metric, unit, value), strict=True):
                        columns[name].append(item)
    return pa.table(columns | {"timestamp": pa.array(columns["timestamp"], pa.timestamp("us", "UTC"))})
