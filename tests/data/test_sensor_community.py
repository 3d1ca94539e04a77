"""Sensor.Community's archive: 4,010 files of particle sensors in Aberdeen, against figures computed elsewhere."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.data.real_sets import Printed, Row, agrees, by, daily, reference

pytestmark = [pytest.mark.shared_data, pytest.mark.slow]


@pytest.fixture(scope="module")
def printed(shared_data: Path) -> Printed:
    return daily(shared_data, "sensor_community")


def test_counts(printed: Printed) -> None:
    assert printed.summary == (
        "4,010 objects (145.6 MB) · 4,377,761 readings · 5 missing · 1 reject (field_count 1) · kernel 100.0%\n"
        "  reject: sensor_community/luftdaten/5331/2019-01-17_sds011_sensor_5331.csv line 126: field_count:"
        " 5331;SDS011;3121;\n"
    )
    counts = {metric: _count(rows) for (metric,), rows in by(printed.rows, "metric").items()}
    assert counts == {"P1": 2_188_882, "P2": 2_188_879}
    assert {row["unit"] for row in printed.rows} == {"µg/m³"}


def test_every_sensor(shared_data: Path, printed: Printed) -> None:
    expected = reference(shared_data / "sensor_community/reference/by_sensor.csv")
    found = by(printed.rows, "device_id", "metric")
    assert {sensor for sensor, _ in found} == {row["sensor_id"] for row in expected}
    for row in expected:
        for metric in ("p1", "p2"):
            rows = found[row["sensor_id"], metric.upper()]
            count, total = _count(rows), sum((Decimal(r["sum"]) for r in rows), Decimal(0))
            assert str(count) == row[f"{metric}_n"]
            assert min(float(r["min"]) for r in rows) == float(row[f"{metric}_min"])
            assert max(float(r["max"]) for r in rows) == float(row[f"{metric}_max"])
            assert agrees(total, row[f"{metric}_sum"])
            assert agrees(total / count, row[f"{metric}_mean"])
    # each record gave a P1 and a P2, or a missing value, or it is the rejected one
    assert 2 * sum(int(row["rows"]) for row in expected) == _count(printed.rows) + 5 + 2


def test_every_day(shared_data: Path, printed: Printed) -> None:
    expected = reference(shared_data / "sensor_community/reference/daily_p1_mean.csv")
    found = by(printed.rows, "metric", "device_id", "date")
    assert sum(metric == "P1" for metric, _, _ in found) == len(expected) == 4010
    for row in expected:
        (day,) = found["P1", row["sensor_id"], row["utc_day"]]
        assert day["count"] == row["p1_n"]
        assert agrees(Decimal(day["sum"]), row["p1_sum"])
        assert agrees(Decimal(day["mean"]), row["p1_mean"])
        assert float(day["mean"]) == float(day["sum"]) / int(day["count"])


def _count(rows: list[Row]) -> int:
    return sum(int(row["count"]) for row in rows)
