"""What a run that was left has given stays until its result is out: whatever kept us from that, the next `status` does
it."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from jobs.lake.durable import KILL
from tests.clusters import Rehearsal
from tests.emr.runs import fill, keys
from tests.emr.test_leaving import assert_published, leave, left, publish_here, status
from tests.emr.test_refused import closed
from tests.lake.faulty_proxy import faulty_proxy
from tests.outcomes.commands import command, environment, told

pytestmark = [pytest.mark.hadoop, pytest.mark.slow, pytest.mark.xdist_group("emr")]


def published(emr: Rehearsal) -> Any:
    """What `_SUCCESS` says but for the time; None where it is not there."""
    if "stats/_SUCCESS" not in keys(emr, "stats/"):
        return None
    found = json.loads(emr.client().get_object(Bucket="lake", Key="stats/_SUCCESS")["Body"].read())
    return {name: value for name, value in found.items() if name != "published"}


def assert_waits(emr: Rehearsal) -> None:
    assert len(left()) == 1
    assert any("/output/part-" in key for key in keys(emr, ".sensor-jobs/runs/"))


@pytest.mark.full
def test_a_result_waits_until_it_is_out(emr: Rehearsal, tmp_path: Path) -> None:
    """The bucket refuses it, the process is killed before and after the put that publishes it, what it is printed to is
    full."""
    fill(emr)
    publish_here(tmp_path)
    cluster = leave(tmp_path, "daily_stats", "--cat-output")
    with faulty_proxy(emr.url) as faults:
        faults.pattern, faults.faults = "PUT /lake/stats/", [closed]
        done = status(tmp_path, cluster, env={"AWS_ENDPOINT_URL": faults.url})
    assert (faults.happened, done.status, published(emr)) == (1, 1, None), done.errors
    kept, error = done.errors.splitlines()[-2:]
    assert kept == f"its output is kept; receive its result: python -m jobs.emr status {cluster} --region us-east-1"
    assert error.startswith("error: s3://lake/stats: ")
    assert_waits(emr)

    assert status(tmp_path, cluster, env={KILL: "publish.put_success:before"}).status == -signal.SIGKILL
    assert published(emr) is None
    assert_waits(emr)

    assert status(tmp_path, cluster, env={KILL: "publish.put_success:after"}).status == -signal.SIGKILL
    first = published(emr)
    assert left()[0].name == f"{cluster}.{first['run']}"
    assert_waits(emr)

    asking = command("status", cluster, module="jobs.emr")
    with Path("/dev/full").open("wb") as full:
        said = subprocess.run(asking, cwd=tmp_path, env=environment(), stdout=full, stderr=subprocess.PIPE, check=False)
    assert said.returncode == 1
    assert b"error: cannot write: No space left on device; " in said.stderr
    assert_waits(emr)

    done = status(tmp_path, cluster)
    assert (done.status, done.output.count("\n") > 1) == (0, True), done.errors
    assert published(emr) == first
    assert_published(emr, tmp_path)
    (_, run, _) = told(tmp_path, "costs", module="jobs.emr").output.splitlines()
    assert run.startswith("daily_stats  ")


@pytest.mark.full
@pytest.mark.parametrize(("option", "value", "expected"), [("--metric", "none", 3), ("--max-rejects", "0", 4)])
def test_what_would_be_told_again_does_not_wait(
    emr: Rehearsal, tmp_path: Path, option: str, value: str, expected: int
) -> None:
    fill(emr)
    cluster = leave(tmp_path, "daily_stats", option, value)
    done = status(tmp_path, cluster)
    assert (done.status, published(emr)) == (expected, None), done.errors
    assert option in done.errors.splitlines()[-1]
    assert (keys(emr, ".sensor-jobs/runs/"), left()) == ([], [])
