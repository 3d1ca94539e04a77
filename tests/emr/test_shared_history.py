"""What runs took lies in the lake too, from where any machine's next plan has it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from botocore.exceptions import ClientError

from jobs.emr import shared_history
from jobs.emr.history import SPARK, Entry, named
from jobs.lake import s3_client
from tests.emr.test_history import RUN
from tests.servers import S3Server

pytestmark = pytest.mark.s3

BASE = "s3://lake/.sensor-jobs/"
TODAY = datetime.now(UTC)


def _of(days: float, name: str = "r", job: str = "daily_stats") -> Entry:
    started = (TODAY - timedelta(days=days)).isoformat(timespec="seconds")
    return replace(RUN, run=name, job=job, started=started)


def test_what_is_kept_is_read_by_job(s3: S3Server) -> None:
    s3.client().create_bucket(Bucket="lake")
    assert shared_history.read(BASE, "daily_stats") == ()
    runs = [_of(2, "b"), _of(3, "a"), _of(1, "c"), _of(1, "t", named("daily_stats", SPARK)), _of(1, "o", "daily")]
    for run in runs:
        shared_history.put(BASE, run)
    s3.client().put_object(Bucket="lake", Key=f".sensor-jobs/history/daily_stats/{TODAY:%Y-%m-%d}T99", Body=b"none")
    assert [run.run for run in shared_history.read(BASE, "daily_stats")] == ["a", "b", "c"]
    assert [run.run for run in shared_history.read(BASE, named("daily_stats", SPARK))] == ["t"]


def test_the_last_ones_of_a_quarter_are_read(s3: S3Server) -> None:
    s3.client().create_bucket(Bucket="lake")
    for number in range(25):
        shared_history.put(BASE, _of(25 - number, f"r{number:02}"))
    shared_history.put(BASE, _of(92, "old"))
    assert [run.run for run in shared_history.read(BASE, "daily_stats")] == [f"r{number:02}" for number in range(5, 25)]


@pytest.mark.slow
def test_of_more_runs_than_s3_lists_at_once_the_last_are_read(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a job that runs every hour, by listing no more than a few days of it, or all."""
    s3.client().create_bucket(Bucket="lake")
    runs = [_of(hours / 24, f"r{hours:04}") for hours in range(1020)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(partial(shared_history.put, BASE), runs))
    last = [f"r{hours:04}" for hours in range(19, -1, -1)]
    listed: list[object] = []
    s3_client.client().meta.events.register("after-call.s3.ListObjectsV2", lambda parsed, **_: listed.append(parsed))
    assert [run.run for run in shared_history.read(BASE, "daily_stats")] == last
    assert len(listed) == 1
    monkeypatch.setattr(shared_history, "_DAYS", (90,))
    assert [run.run for run in shared_history.read(BASE, "daily_stats")] == last
    assert len(listed) == 3


def test_a_bucket_that_is_not_there(s3: S3Server) -> None:
    with pytest.raises(ClientError):
        shared_history.read(BASE, "daily_stats")
