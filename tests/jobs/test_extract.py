"""extract: the readings themselves in the order of the input, and the rejects beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jobs import api
from jobs.errors import UsageError
from jobs.readings.model import SCHEMA
from tests.command_line import Twin, result, run

SAMPLE = Path("sample_data")
LINES = [
    "timestamp,device_id,metric,value,unit",
    "2026-03-01T00:00:02Z,b,temperature,1.5,°C",
    "2026-03-01T00:00:01+01:00,a,temperature,-0.0,°C",
    "yesterday,a,temperature,1,°C",
    "2026-03-01T00:00:03Z,a,humidity,40,",
    "2026-03-01T00:00:03Z,a,humidity,nan,%",
]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text("\n".join(LINES) + "\n")
    return path


def test_readings_come_in_the_order_of_the_log(log: Path) -> None:
    table = api.run("extract", [log], max_rejects=1)
    assert table.schema.types == SCHEMA.types
    rows = [(str(r["timestamp"]), r["device_id"], r["metric"], str(r["value"]), r["unit"]) for r in table.to_pylist()]
    assert rows == [
        ("2026-03-01 00:00:02+00:00", "b", "temperature", "1.5", "°C"),
        ("2026-02-28 23:00:01+00:00", "a", "temperature", "-0.0", "°C"),
        ("2026-03-01 00:00:03+00:00", "a", "humidity", "40.0", None),
    ]


def test_rejects_are_written_with_their_place_and_reason(log: Path, tmp_path: Path) -> None:
    done = run("jobs.extract", log, "--max-rejects", "1", "--rejects", tmp_path / "rejects")
    assert done.returncode == 0, done.stderr.decode()
    (part,) = (tmp_path / "rejects").glob("*.jsonl")
    rejects = [json.loads(line) for line in part.read_text().splitlines()]
    offset = len("\n".join(LINES[:3]).encode()) + 1
    assert rejects == [
        {
            "object": str(log),
            "offset": offset,
            "line": 4,
            "reason": "timestamp",
            "column": "timestamp",
            "text": LINES[3],
        },
        {
            "object": str(log),
            "offset": len("\n".join(LINES[:5]).encode()) + 1,
            "line": 6,
            "reason": "value",
            "column": "value",
            "text": LINES[5],
        },
    ]


@pytest.mark.parametrize(
    "flags", [["-r", "inline", "--split-size", "1K"], ["-r", "local", "--tasks", "3"]], ids=" ".join
)
def test_the_same_bytes_for_any_tasks_and_splits(flags: list[str]) -> None:
    assert result("jobs.extract", SAMPLE, *flags) == result("jobs.extract", SAMPLE)


@pytest.mark.spark
@pytest.mark.slow
def test_the_same_bytes_on_spark(twin: Twin) -> None:
    assert twin("jobs.spark.extract", SAMPLE, "--split-size", "30K") == result("jobs.extract", SAMPLE)


def test_filters_select_the_readings(log: Path) -> None:
    def devices(**options: Any) -> list[str]:
        return list(api.run("extract", [log], max_rejects=1, **options)["device_id"].to_pylist())

    assert devices(device="a") == ["a", "a"]
    assert devices(metric="hum*") == ["a"]
    assert devices(since="2026-03-01", until="2026-03-01T00:00:03Z") == ["b"]
    assert devices(since="2026-03-01", time_zone="Asia/Tokyo") == ["b", "a", "a"]


def test_the_python_interface_refuses_like_the_command_line(log: Path) -> None:
    with pytest.raises(UsageError, match="there is no job 'dayly_stats'"):
        api.run("dayly_stats", [log])
    with pytest.raises(UsageError, match="no-such-option"):
        api.run("extract", [log], no_such_option=1)
