"""What the generator knows of its logs, whatever faults they have, asked of the jobs that it can be asked of: rows of
statistics.csv added up in plain Python. `correlations` it cannot tell of."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import Any

import pytest

from jobs import api
from scripts.sample_data_generator import answer
from scripts.sample_data_generator.draw import Spec
from scripts.sample_data_generator.faults import KINDS
from scripts.sample_data_generator.generate import Output, generate

Row = dict[str, Any]
SERIES = ("device_id", "metric", "unit")


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("known") / "logs"
    generate(Spec(lines=6_000, devices=8, days=3, seed=5), Output(folder, "csv", "none", 3), frozenset(KINDS[:-2]))
    return folder


@pytest.fixture(scope="module")
def known(logs: Path) -> list[Row]:
    """A row for each device, metric, unit and day."""
    rows: list[Row] = answer.read(logs / "_expected" / "statistics.csv").to_pylist()
    return rows


def _run(job: str, logs: Path, **options: Any) -> list[Row]:
    rows: list[Row] = api.run(job, [logs], max_rejects="1", **options).to_pylist()
    return rows


def _of(
    rows: Iterable[Row], *names: str, value: str = "count", by: Callable[[list[Any]], Any] = sum
) -> dict[Hashable, Any]:
    """A value of rows, added up by these columns."""
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(row[name] for name in names)].append(row[value])
    return {key: by(values) for key, values in groups.items()}


def test_rollup(logs: Path, known: list[Row]) -> None:
    found = _run("rollup", logs, window="1d")
    assert [row["window_start"].date() for row in found] == [row["date"] for row in known]
    for name in (*SERIES, "count", "mean", "min", "max", "sum", "first_timestamp", "last_timestamp"):
        assert [row[name] for row in found] == [row[name] for row in known], name


@pytest.mark.parametrize(("job", "options"), [("hourly_profile", {}), ("histogram", {}), ("histogram", {"bins": "7"})])
def test_counts_of_each_series(logs: Path, known: list[Row], job: str, options: dict[str, str]) -> None:
    assert _of(_run(job, logs, **options), *SERIES) == _of(known, *SERIES)


def test_extremes_of_each_series_in_a_profile(logs: Path, known: list[Row]) -> None:
    found = _run("hourly_profile", logs)
    for name, by in (("min", min), ("max", max)):
        assert _of(found, *SERIES, value=name, by=by) == _of(known, *SERIES, value=name, by=by)


def test_extract(logs: Path, known: list[Row]) -> None:
    assert Counter(tuple(row[name] for name in SERIES) for row in _run("extract", logs)) == _of(known, *SERIES)


def test_anomalies(logs: Path, known: list[Row]) -> None:
    """Every reading is scored."""
    found = _run("anomalies", logs, show="all")
    assert Counter(tuple(row[name] for name in SERIES) for row in found) == _of(known, *SERIES)


def test_compact(logs: Path, known: list[Row]) -> None:
    found = _run("compact", logs)
    assert _of(found, "date", value="readings") == _of(known, "date")
    for name, of in (("devices", "device_id"), ("metrics", "metric")):
        distinct = _of(known, "date", value=of, by=lambda values: len(set(values)))
        assert _of(found, "date", value=name) == distinct


def test_distinct_devices(logs: Path, known: list[Row]) -> None:
    found = [row for row in _run("distinct_devices", logs) if row["devices"]]
    expected = _of(known, "metric", "date", value="device_id", by=lambda devices: len(set(devices)))
    assert _of(found, "metric", "date", value="devices") == expected


def test_top_devices(logs: Path, known: list[Row]) -> None:
    found = _run("top_devices", logs, per="day", top="3", statistic="max")
    days = defaultdict(list)
    for row in known:
        days[row["metric"], row["unit"], row["date"]].append((-row["max"], row["device_id"].encode(), row["count"]))
    expected = {
        key: [(-high, device.decode(), n) for high, device, n in sorted(all_)[:3]] for key, all_ in days.items()
    }
    ranked = defaultdict(list)
    for row in found:
        ranked[row["metric"], row["unit"], row["date"]].append((row["max"], row["device_id"], row["count"]))
    assert ranked == expected


def test_site_stats(logs: Path, known: list[Row], tmp_path: Path) -> None:
    places = {device: f"site {n % 3}" for n, device in enumerate(sorted({row["device_id"] for row in known}))}
    metadata = tmp_path / "devices.csv"
    metadata.write_text("device_id,site\n" + "".join(f"{device},{site}\n" for device, site in places.items()))
    found = _run("site_stats", logs, devices=str(metadata))
    placed = [row | {"site": places[row["device_id"]]} for row in known]
    keys = ("site", "metric", "unit", "date")
    assert _of(found, *keys) == _of(placed, *keys)
    for name, by in (("min", min), ("max", max)):
        assert _of(found, *keys, value=name, by=by) == _of(placed, *keys, value=name, by=by)
    devices = _of(placed, *keys, value="device_id", by=lambda values: len(set(values)))
    assert _of(found, *keys, value="devices") == devices


def test_energy(logs: Path, known: list[Row]) -> None:
    found = [row for row in _run("energy", logs) if row["readings"]]
    power = [row for row in known if row["metric"] == "power"]
    assert _of(found, *SERIES, "date", value="readings") == _of(power, *SERIES, "date")


def test_threshold_events(logs: Path, known: list[Row]) -> None:
    """Above what no value is below, every reading is of an event, and a series' highest is the highest peak."""
    found = _run("threshold_events", logs, above="-1e300")
    assert _of(found, *SERIES, value="readings") == _of(known, *SERIES)
    assert _of(found, *SERIES, value="peak", by=max) == _of(known, *SERIES, value="max", by=max)
