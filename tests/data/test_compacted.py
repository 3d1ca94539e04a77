"""A real archive as a lake: its Parquet files, read by Arrow alone, hold the archive's lines and nothing else."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from jobs import api
from tests.data import plain

pytestmark = pytest.mark.shared_data

COLUMNS = ["device_id", "metric", "unit", "timestamp", "value"]
Row = tuple[object, ...]


def test_a_lake_of_particle_sensors(shared_data: Path, tmp_path: Path) -> None:
    """Three sensors' files of a day each become a folder a day: every reading once, in its own day, sorted."""
    folders = [shared_data / "sensor_community/luftdaten" / sensor for sensor in ("24543", "25095", "25555")]
    paths = [path for folder in folders for path in sorted(folder.iterdir())]
    lake = tmp_path / "lake"
    api.publish("compact", paths, lake, dialect="sensor_community", split_size="50K", tasks=3)
    expected: dict[str, list[Row]] = defaultdict(list)
    for path in paths:
        for r in plain.particles(path, "P1", "P2"):
            expected[f"dt={r.timestamp.date()}"].append((r.device_id, r.metric, r.unit, r.timestamp, r.value))
    found = {folder.name: _rows(folder) for folder in lake.glob("dt=*")}
    assert found == {day: sorted(rows) for day, rows in expected.items()}
    assert (len(paths), sum(map(len, found.values()))) == (84, 2 * (10_541 + 15_631 + 11_753))


def _rows(folder: Path) -> list[Row]:
    """A day's rows in the order of its files."""
    tables = [pq.ParquetFile(file).read(COLUMNS) for file in sorted(folder.glob("*.parquet"))]
    return [tuple(row.values()) for table in tables for row in table.select(COLUMNS).to_pylist()]
