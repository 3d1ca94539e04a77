"""Nights over HDFS: jobs on the cluster and on Spark, late readings, and a second run that has nothing to do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from jobs.hadoop.cluster import Cluster
from jobs.lake.published import open_published
from jobs.schedule import config
from jobs.schedule.ledger.store import Ledger
from tests.outcomes.commands import told
from tests.schedule.nights import log

pytestmark = [pytest.mark.hadoop, pytest.mark.spark, pytest.mark.slow, pytest.mark.xdist_group("hadoop-jobs")]

SCHEDULE = """
[schedule]
start = 2026-03-01
[inputs.logs]
paths = ["hdfs:///nightly/logs/dt={date}/"]
[jobs.compact]
input = "logs"
output = "hdfs:///nightly/sorted/{partition}/"
engine = "hadoop"
[jobs.daily_stats]
input = "compact"
output = "hdfs:///nightly/stats/{partition}/"
engine = "spark"
"""


def _arrive(folder: Path, day: str, name: str, text: str) -> None:
    (folder / name).write_text(text)
    place = f"/nightly/logs/dt={day}"
    subprocess.run(["hadoop", "fs", "-mkdir", "-p", place], check=True)
    subprocess.run(["hadoop", "fs", "-put", str(folder / name), place], check=True)


def _devices() -> list[str]:
    return [name for t in open_published("hdfs:///nightly/stats/2026-03-01") for name in t["device_id"].to_pylist()]


@pytest.mark.full
def test_nights_over_hdfs(hadoop: Cluster, tmp_path: Path) -> None:
    (tmp_path / "schedule.toml").write_text(SCHEDULE)
    _arrive(tmp_path, "2026-03-01", "a.csv", log("2026-03-01"))

    def night() -> str:
        done = told(tmp_path, "run", "--date", "2026-03-01", module="jobs.schedule")
        assert done.status == 0, done.errors
        return done.errors

    said = night()
    assert "compact 2026-03-01: published, 3 readings" in said
    assert "daily_stats 2026-03-01: published, 3 readings" in said
    assert _devices() == ["a"]
    _arrive(tmp_path, "2026-03-02", "late.csv", log("2026-03-01", "b"))
    assert "2 made, 0 failed" in night()
    assert _devices() == ["a", "b"]
    assert "nothing to do: all that is due is published" in night()
    schedule = config.load(tmp_path / "schedule.toml")
    ledger = Ledger(schedule.ledger, names=schedule.names)
    engines = {(attempt.task, attempt.engine) for attempt in ledger.history(9)}
    ledger.close()
    assert engines == {("compact", "hadoop"), ("daily_stats", "spark")}
