"""What a cluster has given is paid for: whatever keeps a run from printing or publishing it, `status` does it later."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.clusters import Rehearsal
from tests.emr.runs import ON_EMR, READING, fill, keys, states
from tests.emr.test_leaving import PUBLISHED, assert_published, left, publish_here, status
from tests.emr.test_receiving import assert_waits, published
from tests.emr.test_refused import closed
from tests.lake.faulty_proxy import cut_in_half, faulty_proxy
from tests.outcomes.commands import Outcome, command, environment, masked, told

pytestmark = [pytest.mark.hadoop, pytest.mark.slow, pytest.mark.xdist_group("emr")]

FETCHING = r"GET /lake/\.sensor-jobs/runs/\S+/output/part-"


def run(folder: Path, *options: str, env: Mapping[str, str] | None = None) -> Outcome:
    return told(folder, "s3://lake/logs/", *ON_EMR, *options, env=env)


def assert_kept(emr: Rehearsal, errors: str) -> str:
    """It says that the result waits, and nothing counts yet; the cluster, which has ended."""
    kept = r"^its output is kept; receive its result: python -m jobs\.emr status (j-\w+) --region us-east-1$"
    found = re.findall(kept, errors, re.MULTILINE)
    assert len(found) == 1, errors
    assert_waits(emr)
    (place,) = left()
    assert place.name.startswith(f"{found[0]}.daily_stats-")
    assert (states(), published(emr)) == (["TERMINATED"], None)
    return str(found[0])


def assert_one_cost(folder: Path) -> None:
    _, cost, _ = told(folder, "costs", module="jobs.emr").output.splitlines()
    assert cost.startswith("daily_stats  ")


def test_a_result_that_cannot_be_published_waits(emr: Rehearsal, tmp_path: Path) -> None:
    """And a connection that breaks while it is fetched is taken up again."""
    fill(emr)
    publish_here(tmp_path)
    with faulty_proxy(emr.url) as faults:

        def cut(client: socket.socket, answer: bytes) -> None:
            faults.pattern = "PUT /lake/stats/"
            cut_in_half(client, answer)

        faults.pattern, faults.faults = FETCHING, [cut, closed]
        done = run(tmp_path, *PUBLISHED, env={"AWS_ENDPOINT_URL": faults.url})
    fetched = [seen for seen in faults.seen if re.match(FETCHING, seen)]
    assert (faults.happened, len(fetched)) == (2, 2), done.errors
    assert re.search(r" bytes=[1-9]\d*-\d+$", fetched[1]), fetched
    cluster = assert_kept(emr, done.errors)
    assert (done.status, done.output) == (1, "")
    assert done.errors.splitlines()[-1].startswith("error: s3://lake/stats: ")
    assert told(tmp_path, "costs", module="jobs.emr").errors == "no run is kept\n"
    name = left()[0].name
    received = status(tmp_path, cluster)
    assert (received.status, received.output) == (0, ""), received.errors
    assert name == f"{cluster}.{published(emr)['run']}"
    assert_published(emr, tmp_path)
    assert_one_cost(tmp_path)


@pytest.mark.full
def test_a_result_that_cannot_be_fetched_waits(emr: Rehearsal, tmp_path: Path) -> None:
    """Whether it is the run that cannot, or who asks for it later; who only looks meanwhile takes nothing from it."""
    fill(emr)
    publish_here(tmp_path)
    looked: list[Outcome] = []
    with faulty_proxy(emr.url) as faults:

        def look(client: socket.socket, answer: bytes) -> None:
            looked.append(status(tmp_path))
            closed(client, answer)

        env = {"AWS_ENDPOINT_URL": faults.url}
        faults.pattern, faults.faults = FETCHING, [look]
        done = run(tmp_path, *PUBLISHED, env=env)
        cluster = assert_kept(emr, done.errors)
        faults.faults = [closed]
        again = status(tmp_path, cluster, env=env)
        assert faults.happened == 2
    assert [(one.status, one.output.partition(" ")[0], one.errors) for one in looked] == [(0, cluster, "")]
    for failed in (done, again):
        assert (failed.status, failed.output) == (1, "")
        assert re.match(r"error: s3://lake/\S+/output/part-\d+: no permission in S3", failed.errors.splitlines()[-1])
    assert assert_kept(emr, again.errors) == cluster
    assert status(tmp_path, cluster).status == 0
    assert_published(emr, tmp_path)
    assert_one_cost(tmp_path)


@pytest.mark.full
@pytest.mark.parametrize(("number", "expected"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_result_whose_run_is_ended_waits(emr: Rehearsal, tmp_path: Path, number: int, expected: int) -> None:
    fill(emr)
    publish_here(tmp_path)
    with faulty_proxy(emr.url) as faults:

        def end(client: socket.socket, answer: bytes) -> None:
            os.kill(process.pid, number)
            cut_in_half(client, answer)

        faults.pattern, faults.faults = FETCHING, [end]
        with subprocess.Popen(
            command("s3://lake/logs/", *ON_EMR, *PUBLISHED),
            cwd=tmp_path,
            env=environment({"AWS_ENDPOINT_URL": faults.url}),
            stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
        ) as process:
            _, errors = process.communicate(timeout=300)
        assert (faults.happened, process.returncode) == (1, expected), errors
    if number == signal.SIGKILL:
        assert_waits(emr)
        cluster = left()[0].name.partition(".")[0]
    else:
        cluster = assert_kept(emr, masked(errors))
    assert status(tmp_path, cluster).status == 0
    assert_published(emr, tmp_path)
    assert_one_cost(tmp_path)


@pytest.mark.full
def test_a_result_that_cannot_be_printed_waits(emr: Rehearsal, tmp_path: Path) -> None:
    """What was not seen may be asked for again; what it took counts once."""
    emr.client().put_object(Bucket="lake", Key="logs/a.csv", Body=READING)
    asking = command("s3://lake/logs/", *ON_EMR)
    with Path("/dev/full").open("wb") as full:
        said = subprocess.run(asking, cwd=tmp_path, env=environment(), stdout=full, stderr=subprocess.PIPE, check=False)
    assert (said.returncode, b"error: cannot write: No space left on device; " in said.stderr) == (1, True)
    done = status(tmp_path, assert_kept(emr, masked(said.stderr)))
    assert (done.status, done.output.splitlines()[1][:19]) == (0, "d,m,,2026-03-01,1,1"), done.errors
    assert (keys(emr, ".sensor-jobs/runs/"), left()) == ([], [])
    assert_one_cost(tmp_path)
