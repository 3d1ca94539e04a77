"""Jobs that compare or join devices, on real sets read again by the csv module."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs import api
from tests.data import plain
from tests.data.plain import Reading
from tests.jobs.oracle import daily, same

pytestmark = pytest.mark.shared_data

BEIJING = "uci_beijing_prsa/PRSA_Data_*.csv"
SPRING = "2013-06-01"
SUBURBAN = {"Changping", "Dingling", "Huairou", "Shunyi"}


def _mean(values: list[float]) -> float:
    return float(sum(map(Fraction, values), Fraction(0))) / len(values)


_OF: dict[str, Callable[[list[float]], float]] = {"mean": _mean, "max": max, "count": len}


@pytest.fixture(scope="module")
def spring(shared_data: Path) -> list[Reading]:
    return list(plain.beijing(shared_data, "PM2.5", "CO", until=SPRING))


@pytest.mark.parametrize("lowest", [False, True])
@pytest.mark.parametrize("statistic", ["mean", "max", "count"])
def test_stations_by_day(shared_data: Path, spring: list[Reading], statistic: str, lowest: bool) -> None:
    """The three highest and lowest of each metric and day; equal maxima and counts go by name."""
    options: dict[str, Any] = {"dialect": "prsa", "until": SPRING, "statistic": statistic, "lowest": lowest}
    table = api.run(
        "top_devices", [shared_data / BEIJING], metric=["PM2.5", "CO"], per="day", top=3, split_size="1M", **options
    )
    groups: dict[tuple[str, date], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for r in spring:
        groups[r.metric, r.timestamp.date()][r.device_id].append(r.value)
    of = _OF[statistic]
    expected: list[tuple[object, ...]] = []
    ties = 0
    for (metric, day), devices in sorted(groups.items()):
        found = {device: of(values) for device, values in devices.items()}
        ranked = sorted(found, key=lambda d: (found[d] if lowest else -found[d], d))
        ties += len(set(found.values())) < len(found)
        expected += [
            (metric, plain.DUST, day, rank, device, found[device], len(devices[device]))
            for rank, device in enumerate(ranked[:3], 1)
        ]
    if statistic == "count":  # which is its own column
        expected = [row[:-1] for row in expected]
    assert [tuple(row.values()) for row in table.to_pylist()] == expected
    assert ties > 50 or statistic == "mean"


@pytest.fixture
def kinds(spring: list[Reading], tmp_path: Path) -> Path:
    """Metadata with a station that is urban from noon of 1 April on, and without another."""
    rows = [
        "device_id,site,valid_from,valid_to",
        "Shunyi,suburban,,2013-04-01T12:00:00Z",
        "Shunyi,urban,2013-04-01T12:00:00Z,",
    ]
    stations = sorted({r.device_id for r in spring} - {"Shunyi", "Wanliu"})
    rows += [f"{station},{'suburban' if station in SUBURBAN else 'urban'},," for station in stations]
    (tmp_path / "stations.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "stations.csv"


def site(r: Reading) -> str:
    if r.device_id == "Wanliu":
        return "(unmatched)"
    moved = r.device_id == "Shunyi" and r.timestamp >= datetime(2013, 4, 1, 12, tzinfo=UTC)
    return "suburban" if r.device_id in SUBURBAN and not moved else "urban"


@pytest.mark.parametrize("statistic", ["mean", "max"])
def test_stations_by_kind(shared_data: Path, spring: list[Reading], kinds: Path, statistic: str) -> None:
    """The station that moved ranks among both kinds, by its readings as either."""
    options: dict[str, Any] = {"dialect": "prsa", "until": SPRING, "statistic": statistic, "devices": str(kinds)}
    table = api.run("top_devices", [shared_data / BEIJING], metric="PM2.5", per="site", top=20, tasks=3, **options)
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for r in spring:
        if r.metric == "PM2.5":
            values[site(r)][r.device_id].append(r.value)
    of = _OF[statistic]
    expected: list[tuple[object, ...]] = []
    for kind, stations in sorted(values.items()):
        found = {station: of(own) for station, own in stations.items()}
        ranked = sorted(found, key=lambda station: (-found[station], station))
        expected += [
            ("PM2.5", plain.DUST, kind, rank, station, found[station], len(stations[station]))
            for rank, station in enumerate(ranked, 1)
        ]
    assert [tuple(row.values()) for row in table.to_pylist()] == expected
    assert [len(values[kind]) for kind in ("(unmatched)", "suburban", "urban")] == [1, 4, 8]


@pytest.mark.parametrize("join", ["broadcast", "reduce"])
def test_kinds_of_stations(shared_data: Path, spring: list[Reading], kinds: Path, join: str) -> None:
    """The statistics of each kind and day, and how many stations they are of."""
    expected = daily(plain.table(r._replace(device_id=site(r)) for r in spring))
    devices: dict[tuple[str, str, date], set[str]] = defaultdict(set)
    for r in spring:
        devices[site(r), r.metric, r.timestamp.date()].add(r.device_id)
    table = api.run(
        "site_stats",
        [shared_data / BEIJING],
        dialect="prsa",
        metric=["PM2.5", "CO"],
        until=SPRING,
        devices=str(kinds),
        join=join,
    ).to_pylist()
    assert {(row["site"], row["metric"], row["unit"], row["date"]) for row in table} == set(expected)
    assert len(table) == len(expected)
    for row in table:
        want = expected[row["site"], row["metric"], row["unit"], row["date"]]
        same(row, want)
        assert (row["first_timestamp"], row["last_timestamp"]) == (want.first, want.last)
        assert row["devices"] == len(devices[row["site"], row["metric"], row["date"]])


@pytest.mark.slow
def test_a_network_that_grows(shared_data: Path) -> None:
    """Which of Aberdeen's sensors reported on which day: those that are new, that came back and that were lost."""
    folder = shared_data / "sensor_community/luftdaten"
    table = api.run("distinct_devices", [folder], dialect="sensor_community", per="day").to_pylist()
    seen: dict[date, set[str]] = defaultdict(set)
    for path in folder.rglob("*.csv"):
        for line in path.read_text("utf-8").splitlines()[1:]:
            fields = line.split(";")
            if len(fields) == 12 and (fields[6] or fields[9]):
                seen[date.fromisoformat(fields[5][:10])].add(fields[0])
    assert [tuple(row.values()) for row in table] == list(_presence(seen))
    assert sum(row["new"] for row in table) == 24
    assert min(sum(row[name] for row in table) for name in ("returning", "lost")) > 20


@pytest.mark.parametrize("lag", [0, 3])
def test_what_moves_with_dust(shared_data: Path, lag: int) -> None:
    """Pairs of a station's metrics, an hour a window, against NumPy's correlations of the file's own lines."""
    metrics = ["CO", "NO2", "O3", "PM2.5"]
    log = shared_data / "uci_beijing_prsa/PRSA_Data_Dingling_20130301-20170228.csv"
    hours: dict[str, dict[int, float]] = defaultdict(dict)
    for r in plain.beijing(shared_data, *metrics, until="2014-03-01"):
        if r.device_id == "Dingling":
            hours[r.metric][r.micros // 3_600_000_000] = r.value
    found = api.run(
        "correlations", [log], dialect="prsa", metric=metrics, until="2014-03-01", lag=lag, split_size="200K"
    ).to_pylist()
    assert [(row["metric_1"], row["metric_2"]) for row in found] == list(combinations(metrics, 2))
    for row in found:
        one, other = hours[row["metric_1"]], hours[row["metric_2"]]
        x, y = zip(*((value, other[hour + lag]) for hour, value in one.items() if hour + lag in other), strict=True)
        assert (row["device_id"], row["lag"], row["n"]) == ("Dingling", lag, len(x))
        assert row["r"] == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-12)
        assert row["covariance"] == pytest.approx(np.cov(x, y)[0, 1], rel=1e-9)
    told = {(row["metric_1"], row["metric_2"]): row["r"] for row in found}
    assert told["CO", "PM2.5"] > 0.5 > 0 > told["NO2", "O3"]


def _presence(seen: dict[date, set[str]]) -> Iterator[tuple[date, int, int, int, int]]:
    """date, devices, new, returning, lost."""
    known: set[str] = set()
    before: set[str] = set()
    for number in range((max(seen) - min(seen)).days + 1):
        day = min(seen) + timedelta(number)
        now = seen.get(day, set())
        if now or before:
            yield day, len(now), len(now - known), len((now & known) - before), len(before - now)
        known |= now
        before = now
