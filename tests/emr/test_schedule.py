"""A night whose job runs on a cluster of its own: published as elsewhere, and what it cost stands in the ledger."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from jobs.lake.published import open_published
from jobs.schedule import config
from jobs.schedule.ledger.store import Ledger
from tests.clusters import Rehearsal
from tests.emr.runs import states
from tests.outcomes.commands import told
from tests.schedule.nights import log

pytestmark = [pytest.mark.hadoop, pytest.mark.slow, pytest.mark.xdist_group("emr")]

SCHEDULE = f"""
[schedule]
start = 2026-03-01
[inputs.logs]
paths = ["s3://lake/logs/dt={{date}}/"]
[jobs.daily_stats]
input = "logs"
output = "s3://lake/stats/{{partition}}/"
engine = "emr"
options = {{ yes = true, max_cost = 50, architecture = "{platform.machine()}", check_cluster_every = 0.3 }}
"""


@pytest.mark.full
def test_a_night_on_a_cluster_of_its_own(emr: Rehearsal, tmp_path: Path) -> None:
    file = tmp_path / "schedule.toml"
    file.write_text(SCHEDULE)
    emr.client().put_object(Bucket="lake", Key="logs/dt=2026-03-01/a.csv", Body=log("2026-03-01").encode())
    done = told(tmp_path, "run", "--date", "2026-03-01", module="jobs.schedule")
    assert done.status == 0, done.errors
    assert "daily_stats 2026-03-01: published, 3 readings" in done.errors
    assert sum(table.num_rows for table in open_published("s3://lake/stats/2026-03-01/")) == 1
    assert set(states()) == {"TERMINATED"}
    schedule = config.load(file)
    ledger = Ledger(schedule.ledger, names=schedule.names)
    (row,), (attempt,) = ledger.partitions().values(), ledger.history(5)
    ledger.close()
    assert attempt.engine == "emr"
    assert row.cost is not None
    assert row.planned_cost is not None
    assert row.cost > 0
    assert 0 < row.planned_cost <= 50
