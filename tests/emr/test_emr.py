"""`-r emr` from submission to publication, executed for real: nodes install the suite, steps run on a cluster."""

from __future__ import annotations

import gzip
import platform
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobs.emr import aws, clusters, nodes, prices
from tests.clusters import Rehearsal
from tests.command_line import ROOT
from tests.defects import BROKEN
from tests.emr.runs import ON_EMR, READING, SAMPLE, fill, kept, keys, states
from tests.outcomes.commands import Outcome, command, environment, told
from tests.terminals import terminal

pytestmark = [pytest.mark.hadoop, pytest.mark.slow, pytest.mark.xdist_group("emr")]

CONTAINERS = ("--jobconf", "mapreduce.job.ubertask.enable=false")  # else in the application master's


@pytest.mark.full
def test_several_jobs_share_a_cluster(emr: Rehearsal, tmp_path: Path) -> None:
    fill(emr)
    jobs = ("top_devices", "distinct_devices")
    done = told(
        tmp_path, "run", *jobs, "s3://lake/logs/", *ON_EMR[2:], "--output-dir", "s3://lake/out", module="jobs.emr"
    )
    assert done.status == 0, done.errors
    for job in jobs:
        read = told(tmp_path, SAMPLE, "-r", "inline", "--output-dir", job, module=f"jobs.{job}")
        assert read.status == 0
        (expected,) = (tmp_path / job).glob("*.parquet")
        (part,) = [key for key in keys(emr, f"out/{job}/") if key.endswith(".parquet")]
        assert emr.client().get_object(Bucket="lake", Key=part)["Body"].read() == expected.read_bytes()
    assert states() == ["TERMINATED"]
    assert keys(emr, ".sensor-jobs/runs/") == []
    assert re.search(r"^ +planned +actual$", done.errors, re.MULTILINE)


@pytest.mark.full
@pytest.mark.parametrize("options", [(), ("--max-concurrent-steps", "2")])
def test_a_cluster_of_a_pool_is_joined(emr: Rehearsal, tmp_path: Path, options: tuple[str, ...]) -> None:
    emr.client().put_object(Bucket="lake", Key="a.csv", Body=READING)
    for _ in range(2):
        done = told(tmp_path, "s3://lake/a.csv", *ON_EMR, "--pool-clusters", "--max-mins-idle", "10", *options)
        assert done.status == 0, done.errors
        assert done.output.splitlines()[1].startswith("d,m,,2026-03-01,1,")
    assert states() == ["WAITING"]
    (found,) = clusters.listed(aws.client("emr"), [])
    assert [step.state for step in found.steps] == ["COMPLETED"] * 2
    done = told(tmp_path, "terminate", found.id, module="jobs.emr")
    assert (done.status, states()) == (0, ["TERMINATED"])


@pytest.mark.full
def test_a_terminal_shows_what_has_been_read(emr: Rehearsal, tmp_path: Path) -> None:
    """From the resource manager, which can be reached here; by the time the reduce task starts, map tasks are done."""
    fill(emr)
    flags = ("--tasks", "1", "--split-size", "40K", "--cmdenv", "JOBS_KERNEL=off", *CONTAINERS)
    with terminal(tmp_path, "s3://lake/logs/", *ON_EMR, *flags) as shown:
        assert shown.status() == 0, shown.shown
    assert re.search(rb"daily_stats: +[1-9]\d*%\|.* rows/s, [1-9]\d* rejects", shown.shown), shown.shown


@pytest.mark.spark
def test_a_twin_is_a_step_whose_driver_publishes(emr: Rehearsal, tmp_path: Path) -> None:
    fill(emr)
    expected = told(tmp_path, SAMPLE, "-r", "inline").output
    published = ("--output-dir", "s3://lake/stats", "--output-format", "csv")
    conf = ("--conf", "spark.executor.cores=1")
    done = told(tmp_path, "s3://lake/logs/", *ON_EMR, *published, *conf, module="jobs.spark.daily_stats")
    assert (done.status, done.output) == (0, ""), done.errors
    assert "published in s3://lake/stats " in done.errors
    assert re.search(r"^ +planned +actual$", done.errors, re.MULTILINE)
    (part,) = [key for key in keys(emr, "stats/") if key.endswith(".csv")]
    assert emr.client().get_object(Bucket="lake", Key=part)["Body"].read().decode() == expected
    assert states() == ["TERMINATED"]
    assert keys(emr, ".sensor-jobs/runs/") == []
    (cluster,) = aws.client("emr").list_clusters()["Clusters"]
    had = nodes.stays(aws.client("emr"), (cluster["Id"],), ("primary", "core")) or ()
    size = "m7g.xlarge" if platform.machine() == "aarch64" else "m7i.xlarge"
    assert [(stay.role, stay.type, stay.spot) for stay in had] == [("primary", size, False), ("core", size, False)]
    (cost,) = [kept(emr, key).dollars for key in keys(emr, ".sensor-jobs/history/")]
    price = prices.load().node("us-east-1", size)
    minutes = sum(max(1.0, stay.seconds / 60) for stay in had)
    assert cost == pytest.approx(minutes * (price.on_demand + price.emr) / 60, rel=0.2), "disks and requests beside"
    (log,) = [key for key in keys(emr, ".sensor-jobs/logs/") if key.endswith("/controller.gz")]
    submitted = gzip.decompress(emr.client().get_object(Bucket="lake", Key=log)["Body"].read()).decode()
    for setting in ("executor.memoryOverhead=1408m", "dynamicAllocation.maxExecutors=1", "executor.cores=1"):
        assert f"--conf spark.{setting} " in submitted, submitted
    assert "spark.executor.cores=2" not in submitted


@pytest.mark.full
def test_a_python_of_the_nodes_gets_the_suite_with_the_run(emr: Rehearsal, tmp_path: Path) -> None:
    emr.client().put_object(Bucket="lake", Key="a.csv", Body=READING)
    done = told(tmp_path, "s3://lake/a.csv", *ON_EMR, "--python-bin", sys.executable)
    assert (done.status, done.output.splitlines()[1]) == (
        0,
        "d,m,,2026-03-01,1,1,,1,1,1,2026-03-01T00:00:00Z,2026-03-01T00:00:00Z",
    )
    assert keys(emr, ".sensor-jobs/packages/") == []


def broken(emr: Rehearsal, folder: Path, *arguments: object, source: str = BROKEN) -> Outcome:
    (folder / "broken.py").write_text(source)
    emr.client().put_object(Bucket="lake", Key="a.csv", Body=READING)
    env = {"PYTHONPATH": str(ROOT)}
    return told(folder, "s3://lake/a.csv", *ON_EMR, *arguments, module="broken", env=env)


def test_a_step_that_fails_is_told_by_its_task(emr: Rehearsal, tmp_path: Path) -> None:
    done = broken(emr, tmp_path)
    error = done.errors.splitlines()[-1]
    error, _, again = error.partition("; run it again: ")
    assert again == shlex.join(command("s3://lake/a.csv", *ON_EMR, module="broken"))
    head, _, log = error.partition("; the whole log: ")
    assert (done.status, done.output) == (1, "")
    assert head.startswith("error: jobs/engine/tasks.py line ")
    assert head.endswith(": AttributeError: 'object' object has no attribute 'add' in split 0: s3://lake/a.csv")
    assert re.fullmatch(r"s3://lake/\.sensor-jobs/logs/j-\w+/containers/application_\w+/container_\w+/stderr\.gz", log)
    assert "Traceback" not in done.errors
    assert states() == ["TERMINATED_WITH_ERRORS"]
    assert keys(emr, ".sensor-jobs/runs/") == []


LOSING = """
import os, signal
from pathlib import Path
from jobs.daily_stats import DailyStats

class Losing(DailyStats):
    NAME = "losing"

    @classmethod
    def accumulator(cls, run, keys):
        if os.environ["mapreduce_task_attempt_id"].endswith("_m_000000_0"):
            shell = Path("/proc", str(os.getppid()), "stat").read_text().rpartition(")")[2].split()
            os.kill(int(shell[1]), signal.SIGKILL)  # the container's JVM
        return super().accumulator(run, keys)

if __name__ == "__main__":
    Losing.run()
"""


@pytest.mark.full
def test_a_container_that_is_lost_is_started_again(emr: Rehearsal, tmp_path: Path) -> None:
    """As with a spot node that is taken away."""
    done = broken(emr, tmp_path, *CONTAINERS, source=LOSING)
    assert done.status == 0, done.errors
    assert done.output.splitlines()[1].startswith("d,m,,2026-03-01,1,")
    (log,) = [key for key in keys(emr, ".sensor-jobs/logs/") if key.endswith("/syslog.gz") and "/steps/" in key]
    said = gzip.decompress(emr.client().get_object(Bucket="lake", Key=log)["Body"].read()).decode()
    assert re.search(r"attempt_\w+_m_000000_0, Status : FAILED", said), said
    assert states() == ["TERMINATED"]


def test_a_node_that_cannot_be_made_ready(emr: Rehearsal, tmp_path: Path) -> None:
    emr.client().put_object(Bucket="lake", Key="a.csv", Body=READING)
    (tmp_path / "prepare.sh").write_text("#!/bin/sh\necho no room >&2\nexit 7\n")
    done = told(tmp_path, "s3://lake/a.csv", *ON_EMR, "--bootstrap-action", tmp_path / "prepare.sh")
    assert (done.status, done.output) == (1, "")
    error, _, again = done.errors.splitlines()[-1].partition("; run it again: ")
    assert again.endswith(f"--bootstrap-action {tmp_path}/prepare.sh")
    said = (
        r"error: (j-\w+): the cluster ended: On the primary instance \(i-0123456789abcdef0\), bootstrap action 2 "
        r"returned a non-zero return code 7; its logs: s3://lake/\.sensor-jobs/logs/\1/node/"
    )
    assert re.fullmatch(said, error)
    assert states() == ["TERMINATED_WITH_ERRORS"]
    assert keys(emr, ".sensor-jobs/runs/") == []


def test_a_run_that_is_interrupted_leaves_no_cluster(emr: Rehearsal, tmp_path: Path) -> None:
    slow = BROKEN.replace("return object()", "import time; time.sleep(600)")
    assert slow != BROKEN
    (tmp_path / "broken.py").write_text(slow)
    emr.client().put_object(Bucket="lake", Key="a.csv", Body=READING)
    with subprocess.Popen(
        command("s3://lake/a.csv", *ON_EMR, module="broken"),
        cwd=tmp_path,
        env=environment({"PYTHONPATH": str(ROOT)}),
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
    ) as driver:
        deadline = time.monotonic() + 120
        while states() != ["RUNNING"]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        driver.send_signal(signal.SIGINT)
        assert driver.wait(120) == 130
    assert states() == ["TERMINATED"]
    assert keys(emr, ".sensor-jobs/runs/") == []


@pytest.mark.full
@pytest.mark.spark
def test_a_twin_may_go_on_alone(emr: Rehearsal, tmp_path: Path) -> None:
    """The terminal's Ctrl-C asks; the cluster then publishes and ends by itself."""
    fill(emr)
    published = ("--output-dir", "s3://lake/stats", "--output-format", "csv")
    with terminal(tmp_path, "s3://lake/logs/", *ON_EMR, *published, module="jobs.spark.daily_stats") as shown:
        shown.until(rb"step s-\w+ .*: running")
        shown.interrupt()
        shown.until(rb"\[y/N\] ")
        shown.answer(b"y\n")
        assert shown.status() == 130, shown.shown
    assert states() == ["RUNNING"]
    deadline = time.monotonic() + 600
    while states() != ["TERMINATED"]:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert "stats/_SUCCESS" in keys(emr, "stats/")
