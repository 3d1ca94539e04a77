"""A cluster's task shows signs of life within an object that takes long."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from jobs.daily_stats import DailyStats
from jobs.engine import progress
from jobs.engine.options import Settings
from jobs.engine.planner import Planner
from jobs.engine.run import Run

READINGS = 300_000


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DailyStats:
    """A map task of Hadoop's, whose plan is one compressed object."""
    log = tmp_path / "a.csv.gz"
    lines = (b"2026-03-01T%02d:%02d:%02dZ,d,m,1\n" % (i // 3600 % 24, i // 60 % 60, i % 60) for i in range(READINGS))
    log.write_bytes(gzip.compress(b"timestamp,device_id,metric,value\n" + b"".join(lines), 1))
    settings = Settings((str(log),), job=(("quantiles", None), ("quantile_error", 0.01), ("by", "device")))
    planner = Planner(settings, 1)
    [split] = planner.plan().splits
    run = Run(
        "r", "daily_stats", 2_000_000_000_000_000, settings, planner.dialects, (), str(tmp_path), 1, "inline", False
    )
    run.save(tmp_path / "run.json")
    monkeypatch.setenv("mapreduce_job_id", "job_1795900000000_0001")
    made = DailyStats(["--mapper", "--run-file", str(tmp_path / "run.json")])
    made.sandbox(io.BytesIO(split.dumps().encode() + b"\n"), io.BytesIO(), io.BytesIO())
    return made


@pytest.mark.parametrize(("seconds", "often"), [(0.0, True), (1000.0, False)])
def test_status_while_an_object_is_read(
    job: DailyStats, monkeypatch: pytest.MonkeyPatch, seconds: float, often: bool
) -> None:
    monkeypatch.setattr(progress, "PULSE_SECONDS", seconds)
    try:
        job.execute()
    finally:
        progress.watch(None)
    told = [line for line in job.stderr.getvalue().decode().splitlines() if line.startswith("reporter:status:")]
    assert told[-1] == f"reporter:status:{READINGS:,} readings"
    assert (len(set(told)) > 2) is often


@pytest.mark.parametrize(("seconds", "often"), [(0.0, True), (1000.0, False)])
def test_status_while_blocks_are_merged(
    job: DailyStats, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, often: bool
) -> None:
    job.execute()
    monkeypatch.setattr(progress, "PULSE_SECONDS", seconds)
    reducer = DailyStats(["--reducer", "--run-file", str(tmp_path / "run.json")])
    reducer.sandbox(io.BytesIO(job.stdout.getvalue()), io.BytesIO(), io.BytesIO())
    try:
        reducer.execute()
    finally:
        progress.watch(None)
    assert b"rows\t" in reducer.stdout.getvalue()
    assert (reducer.stderr.getvalue().count(b"reporter:status:merging\n") > 1) is often
