"""Ctrl-C on a terminal: a job's cluster goes on alone, and its result is received later; or it ends."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobs.emr import aws
from jobs.engine import hadoop_pages
from jobs.engine.applications import UNDER_WAY
from jobs.engine.cache import cache_folder
from jobs.engine.hadoop_watch import managers
from tests.clusters import Rehearsal
from tests.emr.runs import ON_EMR, fill, keys, states
from tests.emr.test_commands import expired
from tests.outcomes.commands import Outcome, command, told
from tests.terminals import Terminal, terminal

pytestmark = [pytest.mark.hadoop, pytest.mark.slow, pytest.mark.xdist_group("emr")]

RUNNING = rb"step s-\w+ .*: running\r\n(?s:.*?)(\d s of |%\|)"
"""Followed by the clock or the bar: an interrupt within the answer that tells of the step may go under, where Python
drops what is raised while it frees the answer."""
PUBLISHED = ("--output-dir", "s3://lake/stats")
ONE_STEP, TWO_STEPS = ("daily_stats", (), 1), ("correlations", ("--between", "devices"), 2)
"""A job, its options and how many steps it has."""


@contextmanager
def asked(folder: Path, job: str, *options: str) -> Iterator[Terminal]:
    """A run whose step has begun, interrupted on a terminal, which now asks."""
    with terminal(folder, "s3://lake/logs/", *ON_EMR, *PUBLISHED, *options, module=f"jobs.{job}") as shown:
        shown.until(RUNNING)
        shown.interrupt()
        shown.until(rb"\[y/N\] ")
        yield shown


def leave(folder: Path, job: str, *options: str, asks: bytes = b"leave cluster j-") -> str:
    """Leave a run; its cluster, as what is told receives the result."""
    with asked(folder, job, *options) as shown:
        assert asks in shown.shown, shown.shown
        shown.answer(b"y\n")
        assert shown.status() == 130, shown.shown.decode()
    receive = re.search(rb"receive its result: python -m jobs.emr status (j-\w+) --region us-east-1\r\n", shown.shown)
    assert receive, shown.shown
    assert states() == ["RUNNING"]
    return receive[1].decode()


def status(folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Outcome:
    return told(folder, "status", *arguments, module="jobs.emr", env=env)


def left() -> list[Path]:
    return list((cache_folder() / "emr" / "left").glob("*"))


def publish_here(folder: Path, job: str = "daily_stats", *options: str) -> None:
    """Publish what a run that is left is to give."""
    done = told(folder, "s3://lake/logs/", "-r", "inline", "--output-dir", "here", *options, module=f"jobs.{job}")
    assert done.status == 0, done.errors


def assert_published(emr: Rehearsal, folder: Path, prefix: str = "stats/") -> None:
    """The same bytes as here, and nothing else is left of what gave them."""
    (part,) = [key for key in keys(emr, prefix) if key.endswith(".parquet")]
    (expected,) = (folder / "here").glob("*.parquet")
    assert emr.client().get_object(Bucket="lake", Key=part)["Body"].read() == expected.read_bytes()
    assert (keys(emr, ".sensor-jobs/runs/"), left()) == ([], [])


@pytest.mark.parametrize(
    ("job", "options", "steps"), [ONE_STEP, pytest.param(*TWO_STEPS, marks=pytest.mark.full)], ids=["1 step", "2 steps"]
)
def test_what_was_left_is_received(
    emr: Rehearsal, tmp_path: Path, job: str, options: tuple[str, ...], steps: int
) -> None:
    """The same bytes, under the name of the run that was left; nothing stays."""
    fill(emr)
    publish_here(tmp_path, job, *options)
    expired(cache_folder() / "emr" / "left" / "j-OLD.run")
    cluster = leave(tmp_path, job, *options)
    (place,) = left()
    assert place.name.startswith(f"{cluster}.{job}-")
    assert keys(emr, "stats/") == []
    assert keys(emr, ".sensor-jobs/runs/") != []
    done = status(tmp_path, cluster)
    assert (done.status, done.output) == (0, ""), done.errors
    for step in range(1, steps + 1):
        assert re.search(rf"^step s-\w+ \(Step {step} of {steps}\): completed$", done.errors, re.MULTILINE)
    assert re.search(r"^ +planned +actual$", done.errors, re.MULTILINE)
    assert "published in s3://lake/stats " in done.errors
    assert_published(emr, tmp_path)
    success = emr.client().get_object(Bucket="lake", Key="stats/_SUCCESS")["Body"].read()
    of_run, of_here = json.loads(success), json.loads((tmp_path / "here" / "_SUCCESS").read_text())
    assert f"{cluster}.{of_run['run']}" == place.name
    for name in ("job", "version", "options", "input", "counts", "rejects", "damage", "time_zones", "rows", "parts"):
        assert of_run[name] == of_here[name], name
    assert set(states()) == {"TERMINATED"}
    again = status(tmp_path, cluster)
    assert (again.status, again.errors) == (0, "")
    assert again.output.startswith(f"{cluster}  terminated  ")
    (_, run, _) = told(tmp_path, "costs", module="jobs.emr").output.splitlines()
    assert run.startswith(f"{job}  ")


def test_what_is_not_left_ends(emr: Rehearsal, tmp_path: Path) -> None:
    fill(emr)
    with asked(tmp_path, "daily_stats") as shown:
        shown.answer(b"n\n")
        assert shown.status() == 130, shown.shown.decode()
    assert states() == ["TERMINATED"]
    assert (keys(emr, ".sensor-jobs/runs/"), keys(emr, "stats/"), left()) == ([], [], [])


@pytest.mark.full
def test_who_asks_may_be_interrupted_and_a_cluster_ended(emr: Rehearsal, tmp_path: Path) -> None:
    """An interrupt ends nothing; what failed is told with the command that was left, and nothing stays."""
    fill(emr)
    cluster = leave(tmp_path, "daily_stats")
    with terminal(tmp_path, "status", cluster, module="jobs.emr") as shown:
        shown.until(RUNNING)
        shown.interrupt()
        assert shown.status() == 130, shown.shown.decode()
    assert b"it goes on; receive its result: python -m jobs.emr status " in shown.shown
    assert (states(), len(left())) == (["RUNNING"], 1)
    assert told(tmp_path, "terminate", cluster, module="jobs.emr").status == 0
    done = status(tmp_path)
    assert (done.status, done.output) == (1, "")
    again = shlex.join(command("s3://lake/logs/", *ON_EMR, *PUBLISHED))
    assert re.search(rf"^error: step s-\w+: was cancelled; .*; run it again: {re.escape(again)}$", done.errors, re.M)
    assert (keys(emr, ".sensor-jobs/runs/"), keys(emr, "stats/"), left()) == ([], [], [])


@pytest.mark.full
def test_what_is_gone_is_told_and_not_published(emr: Rehearsal, tmp_path: Path) -> None:
    fill(emr)
    cluster = leave(tmp_path, "daily_stats")
    deadline = time.monotonic() + 120
    while states() != ["TERMINATED"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    (part,) = [key for key in keys(emr, ".sensor-jobs/runs/") if "/output/part-" in key]
    emr.client().delete_object(Bucket="lake", Key=part)
    done = status(tmp_path, cluster)
    assert (done.status, done.output, keys(emr, "stats/")) == (1, "", [])
    (place,) = left()
    assert "1 of 1 parts of what the run gave are not there any more; run it again: " in done.errors
    assert done.errors.endswith(f"; forget this one: rm -r {place}\n")


@pytest.mark.full
def test_a_first_of_two_clusters_is_not_left(emr: Rehearsal, tmp_path: Path) -> None:
    """Its result is what the second one begins with."""
    fill(emr)
    with terminal(tmp_path, "s3://lake/logs/", *ON_EMR, "--bins", "4", module="jobs.histogram") as shown:
        shown.until(RUNNING)
        shown.interrupt()
        assert shown.status() == 130, shown.shown.decode()
    assert re.search(rb"cluster j-\w+ ends: the run after this one needs its result\r\n", shown.shown)
    assert states() == ["TERMINATED"]
    assert (keys(emr, ".sensor-jobs/runs/"), left()) == ([], [])


@pytest.mark.full
def test_a_cluster_of_others_stays(emr: Rehearsal, tmp_path: Path) -> None:
    """One of a pool, which a run started, is given to another one; both are left there, and received together."""
    fill(emr)
    publish_here(tmp_path)
    pooled = ("--pool-clusters", "--max-mins-idle", "10")
    given = ("--output-dir", "s3://lake/others", "--cluster-id")
    cluster = leave(tmp_path, "daily_stats", *pooled, asks=b"leave the run on cluster j-")
    assert leave(tmp_path, "daily_stats", *given, cluster, asks=b"leave the run on cluster j-") == cluster
    assert len(left()) == 2
    done = status(tmp_path, cluster)
    assert (done.status, done.output) == (0, ""), done.errors
    for prefix in ("stats/", "others/"):
        assert_published(emr, tmp_path, prefix)
    assert states() == ["WAITING"]
    assert told(tmp_path, "terminate", cluster, module="jobs.emr").status == 0


@pytest.mark.full
@pytest.mark.parametrize(
    ("job", "options", "steps"),
    [ONE_STEP, TWO_STEPS, pytest.param("spark.daily_stats", (), 1, marks=pytest.mark.spark)],
    ids=["1 step", "2 steps", "twin"],
)
def test_on_a_cluster_of_others_what_is_not_left_ends(
    emr: Rehearsal, tmp_path: Path, job: str, options: tuple[str, ...], steps: int
) -> None:
    """Steps, those that wait too, and what they have started on YARN; the cluster waits for others."""
    fill(emr)
    with asked(tmp_path, job, *options, "--pool-clusters", "--max-mins-idle", "10") as shown:
        assert b"leave the run on cluster j-" in shown.shown, shown.shown
        client = aws.client("emr")
        (cluster,) = client.list_clusters()["Clusters"]
        (manager,) = managers(client.describe_cluster(ClusterId=cluster["Id"])["Cluster"]["MasterPublicDnsName"])
        deadline = time.monotonic() + 120
        while not (begun := under_way(manager)):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        shown.answer(b"n\n")
        assert shown.status() == 130, shown.shown.decode()
    assert b"may go on" not in shown.shown, shown.shown
    assert under_way(manager) == []
    (application,) = begun
    assert hadoop_pages.asked(f"{manager}/ws/v1/cluster/apps/{application}")["app"]["finalStatus"] == "KILLED"
    found = client.list_steps(ClusterId=cluster["Id"])["Steps"]
    assert [step["Status"]["State"] for step in found] == ["CANCELLED"] * steps
    assert states() == ["WAITING"]
    assert (keys(emr, ".sensor-jobs/runs/"), keys(emr, "stats/"), left()) == ([], [], [])
    assert told(tmp_path, "terminate", cluster["Id"], module="jobs.emr").status == 0


def under_way(manager: str) -> list[str]:
    """Applications of a resource manager that have not ended."""
    found = hadoop_pages.listed(f"{manager}/ws/v1/cluster/apps?states={UNDER_WAY}", "app")
    return [one["id"] for one in found]


@pytest.mark.full
def test_a_cluster_of_several_jobs_is_not_left(emr: Rehearsal, tmp_path: Path) -> None:
    fill(emr)
    given = ("daily_stats", "availability", "s3://lake/logs/", *ON_EMR[2:], "--output-dir", "s3://lake/out")
    with terminal(tmp_path, "run", *given, module="jobs.emr") as shown:
        shown.until(RUNNING)
        shown.interrupt()
        assert shown.status() == 130, shown.shown.decode()
    assert re.search(rb"cluster j-\w+ ends: it is shared by several jobs\r\n", shown.shown)
    assert states() == ["TERMINATED"]
    assert (keys(emr, ".sensor-jobs/runs/"), keys(emr, "out/"), left()) == ([], [], [])
