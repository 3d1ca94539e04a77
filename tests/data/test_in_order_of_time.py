"""Time-ordered jobs on real logs, read again by the csv module: silences, faults, events and energy by brute force."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from jobs import api
from tests.data import plain
from tests.data.plain import Reading
from tests.data.real_sets import POWER
from tests.jobs import availability_oracle, energy_oracle, events_oracle, quality_oracle

pytestmark = pytest.mark.shared_data

PARTICLES = "sensor_community/luftdaten"
CUT: dict[str, Any] = {"split_size": "20K", "tasks": 3}
"""Pieces of half a particle sensor's object: series cross splits, objects and tasks."""
MINUTE = 60_000_000


@pytest.mark.slow
def test_silences_of_particle_sensors(shared_data: Path) -> None:
    """One was silent for 116 days, the other for hours, again and again."""
    folders = [shared_data / PARTICLES / sensor for sensor in ("17079", "24543")]
    readings = plain.table(
        reading for folder in folders for path in sorted(folder.iterdir()) for reading in plain.particles(path, "P1")
    )
    chosen: dict[str, Any] = {"dialect": "sensor_community", "metric": "P1", **CUT}
    days = api.run("availability", folders, **chosen).to_pylist()
    assert days == availability_oracle.day_rows(readings, availability_oracle.Asked())
    assert 0 in {day["received"] for day in days}
    gaps = api.run("availability", folders, show="gaps", gap_after="1h", **chosen).to_pylist()
    assert gaps == availability_oracle.gap_rows(readings, availability_oracle.Asked(gap_after=60 * MINUTE))
    assert max(gap["seconds"] for gap in gaps) > 115 * 86_400


def test_faults_of_a_particle_sensor(shared_data: Path, tmp_path: Path) -> None:
    """Its maker promises 0 to 999.9; the archive holds one day's second half before its first."""
    paths = sorted((shared_data / PARTICLES / "8733").iterdir())[:90]
    limits = tmp_path / "limits.toml"
    limits.write_text("[P1]\nmin = 0\nmax = 999.9\nstep = 100\n")
    objects = [
        [(r.device_id, r.metric, r.unit, r.micros, r.value) for r in plain.particles(path, "P1")] for path in paths
    ]
    asked = quality_oracle.Asked(stuck=3, limits={"P1": {"min": 0, "max": 999.9, "step": 100}})
    rows = api.run(
        "data_quality", paths, dialect="sensor_community", metric="P1", limits=str(limits), stuck=3, **CUT
    ).to_pylist()
    assert rows == quality_oracle.quality(objects, asked)
    faults = {name: sum(row[name] for row in rows) for name in ("out_of_order", "stuck", "out_of_range", "jumps")}
    assert min(faults.values()) > 0, faults


@pytest.mark.slow
@pytest.mark.parametrize("sensor", ["17079", "8554"])
def test_when_dust_was_above_the_limit(shared_data: Path, sensor: str) -> None:
    paths = sorted((shared_data / PARTICLES / sensor).iterdir())[:120]
    rows = api.run(
        "threshold_events",
        paths,
        dialect="sensor_community",
        metric="P1",
        above=50,
        hysteresis=10,
        max_gap="5m",
        **CUT,
    ).to_pylist()
    readings = [reading for path in paths for reading in plain.particles(path, "P1")]
    assert rows == list(_events(readings, above=50, hysteresis=10, max_gap=5 * MINUTE))
    assert len(rows) > 100
    assert {row["ended_by"] for row in rows} >= {"return", "gap"}
    assert any(row["start"].date() != row["end"].date() for row in rows)


def test_when_beijing_was_in_smog(shared_data: Path) -> None:
    """Twelve stations' first year, to the last bit of each column."""
    logs = [shared_data / "uci_beijing_prsa/PRSA_Data_*.csv"]
    rows = api.run(
        "threshold_events",
        logs,
        dialect="prsa",
        metric="PM2.5",
        until="2014-03-01",
        above=250,
        max_gap="3h",
        split_size="500K",
        tasks=3,
    ).to_pylist()
    readings = list(plain.beijing(shared_data, "PM2.5", until="2014-03-01"))
    assert rows == list(_events(readings, above=250, hysteresis=0, max_gap=180 * MINUTE))
    assert {row["device_id"] for row in rows} == {reading.device_id for reading in readings}


@pytest.mark.parametrize("method", ["trapezoid", "left"])
def test_energy_of_a_household(shared_data: Path, method: str) -> None:
    """Days, energy and demand of a log with missing minutes, each minute cut by hand."""
    log = shared_data / POWER.format("head_1MiB_cut_midline")
    rows = api.run(
        "energy",
        [log],
        dialect="uci_household_power",
        power_metric="global_active_power",
        max_gap="2m",
        method=method,
        **CUT,
    ).to_pylist()
    readings = [(r.micros, r.value) for r in plain.household(log)]
    days = energy_oracle.energy(readings, "UTC", 15 * MINUTE, 2 * MINUTE, method)
    assert [row["date"] for row in rows] == sorted(days)
    for row in rows:
        day = days[row["date"]]
        assert (row["readings"], row["energy_unit"]) == (day.readings, "kWh")
        assert row["energy"] == float(day.integral) / 7.2e9
        assert row["mean_power"] == float(day.integral) / (2 * day.covered)
        assert (row["covered_hours"], row["uncovered_seconds"]) == (day.covered / 3.6e9, day.uncovered / 1e6)
        peak = max(day.windows.values())
        assert row["peak_demand"] == float(peak) / (2 * 15 * MINUTE)
        assert row["peak_start"] == _moment(min(begin for begin, held in day.windows.items() if held == peak))


def _events(
    readings: Iterable[Reading], *, above: float, hysteresis: float, max_gap: int
) -> Iterable[dict[str, object]]:
    """The rows of the result."""
    series: dict[tuple[str, str, str | None], list[tuple[int, float]]] = defaultdict(list)
    for r in readings:
        series[r.device_id, r.metric, r.unit].append((r.micros, r.value))
    for (device, metric, unit), found in sorted(series.items()):
        for event in events_oracle.events(found, None, above, hysteresis, max_gap):
            (begin, _), (when, peak) = event.readings[0], event.peak(None, above)
            yield {
                "device_id": device,
                "metric": metric,
                "unit": unit,
                "start": _moment(begin),
                "end": _moment(event.end),
                "seconds": (event.end - begin) / 1e6,
                "readings": len(event.readings),
                "peak": peak,
                "peak_time": _moment(when),
                "mean": _exact_sum(value for _, value in event.readings) / len(event.readings),
                "area": float(event.area) / 1e6,
                "ended_by": event.ended_by,
            }


def _exact_sum(values: Iterable[float]) -> float:
    return float(sum(map(Fraction, values), Fraction(0)))


def _moment(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
