"""The weather of 1901 and 1902 that "Hadoop: The Definitive Guide" takes its maxima of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.data.real_sets import Row, by, daily

pytestmark = pytest.mark.shared_data

_YEAR = re.compile(r"(\d{4}) max=(-?\d+) min=(-?\d+) n=(\d+) sum=(-?\d+)")
_STATION = re.compile(r"  (\S+) (-?\d+)")


def test_years_and_stations(shared_data: Path) -> None:
    """The reference is in tenths of a degree and leaves out what the quality control did not pass."""
    printed = daily(shared_data, "weather")
    assert printed.summary == (
        "2 objects (148.0 kB) · 51,338 readings · 14,305 missing · 7 excluded by quality · 0 rejects · kernel 100.0%\n"
    )
    temperatures = [row | {"year": row["date"][:4]} for row in printed.rows if row["metric"] == "air_temperature"]
    years = by(temperatures, "year")
    stations = by(temperatures, "year", "device_id")
    year, compared = "", 0
    for line in (shared_data / "ncdc_hadoop_book/reference/computed_max_by_year_station.txt").read_text().splitlines():
        if found := _YEAR.fullmatch(line):
            year, highest, lowest, count, total = found.groups()
            rows = years[year,]
            assert (_highest(rows), _lowest(rows)) == (int(highest) / 10, int(lowest) / 10)
            assert sum(int(row["count"]) for row in rows) == int(count)
            assert round(sum(float(row["sum"]) for row in rows), 1) == int(total) / 10
        else:
            found = _STATION.fullmatch(line)
            assert found, line
            assert _highest(stations.pop((year, found[1]))) == int(found[2]) / 10
        compared += 1
    assert (compared, list(stations)) == (14, [])
    assert (_highest(years["1901",]), _highest(years["1902",])) == (31.7, 24.4)


def test_the_books_sample(shared_data: Path) -> None:
    """Five records, three times: plain, compressed, and in a folder. What is in the input twice counts twice."""
    printed = daily(shared_data, "weather_samples")
    assert printed.summary == "3 objects (1.2 kB) · 45 readings · 30 missing · 0 rejects · kernel 100.0%\n"
    temperatures = [row for row in printed.rows if row["metric"] == "air_temperature"]
    found = {key: (_lowest(rows), _highest(rows)) for key, rows in by(temperatures, "device_id").items()}
    assert found == {("011990-99999",): (-1.1, 2.2), ("012650-99999",): (7.8, 11.1)}
    assert {int(row["count"]) % 3 for row in temperatures} == {0}


def _highest(rows: list[Row]) -> float:
    return max(float(row["max"]) for row in rows)


def _lowest(rows: list[Row]) -> float:
    return min(float(row["min"]) for row in rows)
