"""How real values are spread, and what is unusual among them: sorted and counted again by plain Python."""

from __future__ import annotations

import csv
import statistics
from bisect import bisect_right
from collections import defaultdict
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pytest

from jobs import api
from jobs.partials.unusual import PARAMETERS, Series
from tests.data import plain
from tests.data.plain import Reading
from tests.jobs.oracle import by_bucket, same

pytestmark = pytest.mark.shared_data

BEIJING = "uci_beijing_prsa/PRSA_Data_*.csv"
YEAR = "2014-03-01"
TAXIS = "nab/data/realKnownCause/nyc_taxi.csv"
MACHINE = "nab/data/realKnownCause/ambient_temperature_system_failure.csv"


@pytest.fixture(scope="module")
def dust(shared_data: Path) -> dict[str, list[float]]:
    """A year of fine dust at Beijing's stations, each one's in ascending order."""
    found: dict[str, list[float]] = defaultdict(list)
    for reading in plain.beijing(shared_data, "PM2.5", until=YEAR):
        found[reading.device_id].append(reading.value)
    return {station: sorted(values) for station, values in found.items()}


@pytest.fixture(scope="module")
def rides(shared_data: Path) -> list[Reading]:
    return list(plain.nab(shared_data / TAXIS))


@pytest.mark.parametrize("by", ["device", "metric"])
def test_dust_by_the_steps_of_the_air_quality_index(shared_data: Path, dust: dict[str, list[float]], by: str) -> None:
    """Values of whole µg/m³ lie on the edges, and belong to the bin above; there is dust beyond the last edge."""
    edges = [0.0, 35.0, 75.0, 115.0, 150.0, 250.0]
    options: dict[str, Any] = {
        "dialect": "prsa",
        "metric": "PM2.5",
        "until": YEAR,
        "by": by,
        "edges": "0,35,75,115,150,250",
    }
    rows = api.run("histogram", [shared_data / BEIJING], split_size="1M", **options).to_pylist()
    expected: list[tuple[object, ...]] = []
    groups = dust if by == "device" else {"": [value for values in dust.values() for value in values]}
    for station, values in sorted(groups.items()):
        bins = [bisect_right(edges, value) - 1 if value != edges[-1] else len(edges) - 2 for value in values]
        counts = [bins.count(number) for number in range(-1, len(edges))]
        bounds = list(pairwise([None, *edges, None]))
        for number, ((low, high), count, below) in enumerate(zip(bounds, counts, accumulate(counts), strict=True), -1):
            if count or 0 <= number < len(edges) - 1:
                shares = count, count / len(values), below / len(values)
                expected.append(
                    (*([station] if by == "device" else []), "PM2.5", plain.DUST, number, low, high, *shares)
                )
    assert [tuple(row.values()) for row in rows] == expected
    assert {row["bin"] for row in rows} >= {0, 5}


def test_dust_in_bins_of_equal_width(shared_data: Path, dust: dict[str, list[float]]) -> None:
    options: dict[str, Any] = {"dialect": "prsa", "metric": "PM2.5", "until": YEAR, "bins": 40}
    rows = api.run("histogram", [shared_data / BEIJING], **options).to_pylist()
    low, high = min(values[0] for values in dust.values()), max(values[-1] for values in dust.values())
    edges = [low + number * ((high - low) / 40) for number in range(40)] + [high]
    for station, values in dust.items():
        own = [row for row in rows if row["device_id"] == station]
        assert [(row["low"], row["high"]) for row in own] == list(pairwise(edges))
        found = [min(bisect_right(edges, value) - 1, 39) for value in values]
        assert [row["count"] for row in own] == [found.count(number) for number in range(40)]
    assert len(rows) == 12 * 40


def test_quantiles_of_dust_lie_within_the_error(shared_data: Path, dust: dict[str, list[float]]) -> None:
    """Of the value of their rank; and each bucket of the sketch holds the values between its ends."""
    options: dict[str, Any] = {
        "dialect": "prsa",
        "metric": "PM2.5",
        "until": YEAR,
        "quantiles": "0.05,0.5,0.99",
        "quantile_error": 0.01,
    }
    rows = api.run("histogram", [shared_data / BEIJING], **options).to_pylist()
    assert {row["device_id"] for row in rows} == set(dust)
    for row in rows:
        values = dust[row["device_id"]]
        assert row["count"] == sum(row["low"] <= value < row["high"] for value in values)
        for quantile in (0.05, 0.5, 0.99):
            of_rank = values[int(quantile * (len(values) - 1))]
            assert row[f"q{quantile}"] == pytest.approx(of_rank, rel=0.01, abs=0)
    assert sum(row["count"] for row in rows) == sum(map(len, dust.values()))


@pytest.mark.parametrize("period", ["hour-of-week", "hour-of-day"])
def test_the_week_of_taxis(shared_data: Path, rides: list[Reading], period: str) -> None:
    """Statistics to the last bit, quantiles within their error of the value of that rank."""
    rows = api.run("hourly_profile", [shared_data / TAXIS], dialect="nab", period=period, split_size="20K").to_pylist()
    cells: dict[tuple[int | None, int], list[Reading]] = defaultdict(list)
    for ride in rides:
        time = ride.timestamp
        cells[time.isoweekday() if period == "hour-of-week" else None, time.hour].append(ride)
    assert [(row.get("day_of_week"), row["hour"]) for row in rows] == sorted(cells, key=lambda c: (c[0] or 0, c[1]))
    for row in rows:
        held = cells[row.get("day_of_week"), row["hour"]]
        (want,) = by_bucket(plain.table(held), lambda instant: None).values()
        same(row | {"sum": want.sum}, want)
        values = sorted(ride.value for ride in held)
        for name, quantile in (("q0.25", 0.25), ("q0.5", 0.5), ("q0.75", 0.75)):
            assert row[name] == pytest.approx(values[int(quantile * (len(values) - 1))], rel=0.01, abs=0)


def test_taxis_beside_quartiles_made_elsewhere(shared_data: Path, rides: list[Reading], tmp_path: Path) -> None:
    """A baseline of the standard library's quartiles of the first 15 weeks, and every later half hour's z-score."""
    normal = [ride for ride in rides if ride.timestamp.isoformat() < "2014-10-15"]
    cells: dict[tuple[int, int], list[float]] = defaultdict(list)
    for ride in normal:
        cells[ride.timestamp.isoweekday(), ride.timestamp.hour].append(ride.value)
    quartiles = {cell: statistics.quantiles(values, n=4) for cell, values in cells.items()}
    names = ["device_id", "metric", "unit", "day_of_week", "hour", "q0.25", "q0.5", "q0.75"]
    with (tmp_path / "normal.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [names, *(["nyc_taxi", "value", "", *cell, *quarters] for cell, quarters in quartiles.items())]
        )
    options: dict[str, Any] = {
        "dialect": "nab",
        "since": "2014-10-15",
        "baseline": str(tmp_path / "normal.csv"),
        "show": "all",
    }
    rows = api.run("anomalies", [shared_data / TAXIS], **options).to_pylist()
    later = rides[len(normal) :]
    assert [(row["timestamp"], row["value"]) for row in rows] == [(ride.timestamp, ride.value) for ride in later]
    for row in rows:
        low, median, high = quartiles[row["timestamp"].isoweekday(), row["timestamp"].hour]
        z = abs(row["value"] - median) / ((high - low) / (2 * statistics.NormalDist().inv_cdf(0.75)))
        assert row["score"] == pytest.approx(z / (z + 3.5), rel=1e-12, abs=1e-15)
    assert sum(row["score"] >= 0.5 for row in rows) > 200


def test_a_machine_is_judged_by_its_past_alone(shared_data: Path, tmp_path: Path) -> None:
    """Each score is that of the definition in plain Python, and the log's end changes no earlier one."""
    readings = list(plain.nab(shared_data / MACHINE))
    state, expected = Series(), []
    for reading in readings:
        judged = state.judge(reading.micros // 3_600_000_000, reading.value, PARAMETERS)
        scores = ("novelty", judged.novelty), ("seasonal", judged.seasonal)
        expected += [(reading.timestamp, reading.value, score, detector) for detector, score in scores]
    cut = tmp_path / Path(MACHINE).name
    with (shared_data / MACHINE).open() as lines:
        cut.write_text("".join(line for _, line in zip(range(4001), lines, strict=False)))
    for log, count in ((shared_data / MACHINE, len(readings)), (cut, 4000)):
        table = api.run("anomalies", [log], dialect="nab", detector="novelty,seasonal", show="all", split_size="40K")
        rows = [tuple(row[name] for name in ("timestamp", "value", "score", "detector")) for row in table.to_pylist()]
        assert rows == expected[: 2 * count]
    assert sum(score >= 0.5 for _, _, score, _ in expected) > 0
