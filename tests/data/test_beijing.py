"""Beijing's air quality at twelve stations over four years: every station's years, and a copy that pandas wrote."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from jobs import api
from tests.data.real_sets import by, daily, reference

pytestmark = [pytest.mark.shared_data, pytest.mark.slow]

FOLDER = "uci_beijing_prsa"
DONGSI = "PRSA_Data_Dongsi_20130301-20170228.csv"
RECORDS = 12 * 35_064
METRICS = 11


def test_counts(shared_data: Path) -> None:
    assert daily(shared_data, "beijing").summary == (
        "12 objects (32.5 MB) · 4,556,243 readings · 72,204 missing · 1 reject (value 1) · kernel 100.0%\n"
        f"  reject: {FOLDER}/PRSA_Data_Aotizhongxin_20130301-20170228.csv line 76: value in SO2:"
        ' 75,2013,3,4,2,34,62, ,14,300,68,8.1,1016.7,-11.8,0,"N",4.3,"Aotizhongxin"\n'
    )
    assert RECORDS * METRICS == 4_556_243 + 72_204 + 1


def test_every_station_and_year(shared_data: Path) -> None:
    rows = [row | {"year": row["date"][:4]} for row in daily(shared_data, "beijing").rows if row["metric"] == "PM2.5"]
    found = by(rows, "device_id", "year")
    expected = reference(shared_data / FOLDER / "reference/pm25_by_station_year.csv")
    assert len(expected) == 12 * 5
    assert found.keys() == {(row["station"], row["year"]) for row in expected}
    for row in expected:
        days = found[row["station"], row["year"]]
        assert sum(int(day["count"]) for day in days) == int(row["n"])
        assert sum(Decimal(day["sum"]) for day in days) == Decimal(row["sum"])
        assert min(float(day["min"]) for day in days) == float(row["min"])
        assert max(float(day["max"]) for day in days) == float(row["max"])
    assert sum(int(row["n"]) + int(row["na"]) for row in expected) == RECORDS


def test_the_copy_has_the_original_readings(shared_data: Path) -> None:
    one, other = (
        api.run("extract", [shared_data / FOLDER / path], dialect="prsa")
        for path in (DONGSI, f"pandas_rewrite/{DONGSI}")
    )
    assert (len(one), len(other)) == (35_064 * METRICS - 7522, 35_064 * METRICS)
    assert not set(_readings(one)) - set(_readings(other))
    assert {row["metric"] for row in daily(shared_data, "beijing_rewritten").rows} == set(one["metric"].to_pylist())


def test_the_copy_gives_the_same_days_where_nothing_was_filled(shared_data: Path) -> None:
    """It has numbers where the original has none, made up from what is around: those days differ, no others do."""
    whole = by(daily(shared_data, "beijing").rows, "device_id", "metric", "date")
    copy = by(daily(shared_data, "beijing_rewritten").rows, "device_id", "metric", "date")
    station = {key: rows for key, rows in whole.items() if key[0] == "Dongsi"}
    assert len(copy) == 1461 * METRICS
    assert {rows[0]["count"] for rows in copy.values()} == {"24"}
    differing = {key[1:] for key in copy if copy[key] != station.get(key)}
    log = reference(shared_data / FOLDER / DONGSI)
    metrics = {metric for metric, _ in differing}
    lacking = {
        (metric, f"{row['year']}-{row['month']:0>2}-{row['day']:0>2}")
        for row in log
        for metric in metrics
        if row[metric] == "NA"
    }
    assert differing == lacking
    assert (len(metrics), len(lacking)) == (METRICS, 1368)


def _readings(table: pa.Table) -> list[tuple[object, ...]]:
    columns = [table["timestamp"].cast(pa.int64()), table["metric"], table["value"]]
    return list(zip(*(column.to_pylist() for column in columns), strict=True))
