"""Spark twins on EMR Serverless: planned, refused, run for real by the rehearsal, followed and ended."""

from __future__ import annotations

import gzip
import re
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobs.emr import archive, aws, cluster, history, prices, rates, serverless, workers
from jobs.emr.bundle import Bundle
from jobs.emr.serverless import Place, Submission
from jobs.emr.work import Work
from jobs.emr.workers import Used, Workers
from jobs.engine.spark_on_serverless import status_of
from jobs.errors import JobError, UsageError
from tests.clusters import Rehearsal
from tests.emr.runs import ON_EMR, PATIENCE, READING, TWIN, Recorded, applications, fill, kept, keys
from tests.outcomes.commands import Outcome, told
from tests.servers import S3Server
from tests.terminals import terminal

ROLE = "arn:aws:iam::123456789012:role/sensor-jobs-execution"
SERVERLESS = (*ON_EMR, "--serverless", "--execution-role", ROLE)
TB = Work("daily_stats", 1000, 10**12, 15_000, largest=64 << 20)


def plan(work: Work = TB, **options: Any) -> Workers:
    shipped = rates.load(twin=history.SERVERLESS)
    return workers.workers(work, prices.load(), shipped, region="us-east-1", **options)


def test_a_run_is_as_large_as_its_input_wants() -> None:
    small, large = plan(replace(TB, bytes=10**9, splits=15)), plan(replace(TB, bytes=10**14, splits=800_000))
    assert (small.executors, plan().executors, large.executors) == (1, 9, 40)
    assert small.limits == ()
    assert large.limits == (
        "164 vCPUs at once: an account has 16 on EMR Serverless, where AWS has not raised that; ask for more, or give"
        " --max-nodes 3",
        "861 executors would be done in 20 minutes; 40 are the most",
        "what is shuffled may not fit on the workers' disks: run it for fewer days at a time",
    )
    assert plan(most=2).executors == 2
    assert plan(replace(TB, tasks=5)).executors == 2


def test_a_run_gets_workers_that_serverless_has() -> None:
    """Four vCPU have 8 to 30 GB of memory, whole ones."""
    planned = plan(replace(TB, ordered=True))
    conf, most = workers.conf(planned), workers.capacity(planned)
    gb = {name: int(value.removesuffix("g")) for name, value in conf.items() if value.endswith("g")}
    for role in ("driver", "executor"):
        assert conf[f"spark.{role}.cores"] == "4"
        assert gb[f"spark.{role}.memory"] + gb[f"spark.{role}.memoryOverhead"] == 16
        assert 20 <= gb[f"spark.emr-serverless.{role}.disk"] <= 200
    assert conf["spark.executor.instances"] == str(planned.executors)
    assert conf["spark.dynamicAllocation.enabled"] == "false"
    count = planned.executors + 1
    assert most == {
        "cpu": f"{4 * count} vCPU",
        "memory": f"{16 * count} GB",
        "disk": f"{planned.disk_gb * count} GB",
    }


def test_the_price_is_that_of_workers_and_requests() -> None:
    planned, table = plan(), prices.load()
    hourly = 10 * (4 * 0.042094 + 16 * 0.004628 + (planned.disk_gb - 20) * 0.000111)
    asked = 15_000 * (2 + 8) * 0.0004 / 1000 + 0.005 / 1000
    busy = planned.parts[1][1]
    assert planned.seconds == (60 + busy, 180 + 2 * busy)
    assert planned.dollars == pytest.approx((hourly * busy / 3600 + asked, hourly * planned.seconds[1] / 3600 + asked))
    spent = workers.spent(planned, table, Used(8.0, 32.0, 100.0))
    assert spent == pytest.approx(8 * 0.042094 + 32 * 0.004628 + 100 * 0.000111 + asked)
    assert plan(architecture="x86_64").dollars[0] > planned.dollars[0]


def test_a_region_without_prices_is_refused() -> None:
    with pytest.raises(UsageError) as refused:
        workers.workers(TB, prices.load(), rates.load(), region="eu-central-1")
    assert str(refused.value) == (
        "region eu-central-1: no prices of EMR Serverless are known there; "
        "let AWS be asked (pricing:GetProducts), or add [regions.eu-central-1.serverless] in a --price-table"
    )


def test_an_archive_holds_what_wheels_install(tmp_path: Path) -> None:
    made = Bundle(tmp_path / "x86_64-0", "d")
    made.path.mkdir()
    with zipfile.ZipFile(made.path / "a-1-py3-none-any.whl", "w") as wheel:
        for name in ("a/__init__.py", "a-1.data/purelib/b.py", "a-1.data/scripts/a", "a-1.dist-info/RECORD"):
            wheel.writestr(name, name)
    folder = archive.build(made)
    with zipfile.ZipFile(folder / archive.NAME) as packed:
        assert packed.namelist() == ["a/__init__.py", "b.py", "a-1.dist-info/RECORD"]
        assert {info.external_attr >> 16 & 0o777 for info in packed.infolist()} == {0o644}
        assert packed.read("b.py") == b"a-1.data/purelib/b.py"
    assert (folder / archive.LAUNCHER).read_text().startswith('"""python -m jobs.spark NAME')
    assert archive.build(made) == folder
    made.path.rename(tmp_path / "x86_64-1")
    archive.build(Bundle(tmp_path / "x86_64-1", "e"))
    assert not folder.exists()


@pytest.mark.spark
@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            ["-r", "emr", "--serverless"],
            "--serverless: wants a role that its runs have; "
            "give --execution-role ARN, or see: python -m scripts.infra conf",
        ),
        (
            ["-r", "emr", "--serverless", "--execution-role", "me"],
            "--execution-role me: is no ARN of a role; write it as arn:aws:iam::ACCOUNT:role/NAME",
        ),
        (
            ["-r", "emr", "--serverless", "--execution-role", ROLE, "--instance-type", "m7g.xlarge"],
            "--instance-type: is for clusters; leave it out, or run on a cluster: without --serverless",
        ),
        (
            ["-r", "emr", "--serverless", "--execution-role", ROLE],
            "-r emr: starts workers, for $0.01 to $0.02, and there is no terminal to ask on; "
            "say --yes, and --max-cost for a limit; --dry-run shows the plan",
        ),
        (["--serverless"], "--serverless: is for EMR Serverless; add -r emr, or leave it out"),
        (
            ["-r", "emr", "--execution-role", ROLE],
            "--execution-role: is for EMR Serverless; add -r emr --serverless, or leave it out",
        ),
    ],
    ids=["role", "arn", "cluster", "asked", "elsewhere", "without"],
)
def test_what_is_refused(s3: S3Server, tmp_path: Path, arguments: list[str], error: str) -> None:
    s3.client().create_bucket(Bucket="lake")
    s3.client().put_object(Bucket="lake", Key="a.csv", Body=READING)
    done = told(tmp_path, "s3://lake/a.csv", *arguments, "--output-dir", "s3://lake/out", module=TWIN)
    assert done == Outcome(2, "", f"error: {error}\n")
    assert applications() == []


@pytest.mark.spark
def test_the_role_may_stand_in_mrjobs_configuration(s3: S3Server, tmp_path: Path) -> None:
    """Beside the section that leads clusters; the run comes to its question."""
    s3.client().create_bucket(Bucket="lake")
    s3.client().put_object(Bucket="lake", Key="a.csv", Body=READING)
    (tmp_path / "mrjob.conf").write_text(
        f"runners: {{emr: {{region: us-east-1}}, serverless: {{execution_role: '{ROLE}'}}}}"
    )
    options = ("-r", "emr", "--serverless", "--output-dir", "s3://lake/out", "--conf-path", "mrjob.conf")
    done = told(tmp_path, "s3://lake/a.csv", *options, module=TWIN)
    assert (done.status, done.errors.partition(",")[0]) == (2, "error: -r emr: starts workers")


def test_applications_are_listed_and_ended(s3: S3Server, tmp_path: Path) -> None:
    """On a control plane on which nothing moves but what is asked for: runs have succeeded at once."""
    client, place = aws.client("emr-serverless"), Place(ROLE, "s3://lake/logs/")
    tags = {cluster.SUITE: cluster.NAME, "job": "daily_stats", "owner": "ann"}
    assert told(tmp_path, "clusters", module="jobs.emr") == Outcome(0, "", "no cluster runs\n")
    serverless.create(client, plan(), place, "of somebody else", {})
    own = serverless.create(client, plan(), place, "own", tags)
    run = serverless.start(
        client, own, place, Submission("own", "s3://lake/twin.py", ["daily_stats"], workers.conf(plan()), 720), {}
    )
    head, line = told(tmp_path, "clusters", module="jobs.emr").output.splitlines()
    assert head.split() == ["cluster", "state", "job", "owner", "started", "age"]
    assert re.match(rf"{own} +started +daily_stats +ann ", line)
    done = told(tmp_path, "status", own, module="jobs.emr")
    assert (done.status, done.errors) == (0, "")
    assert done.output.splitlines()[0] == f"{own}  started  own"
    assert "logs     s3://lake/logs/\n" in done.output
    assert re.match(rf"{run} +own +success +-", done.output.splitlines()[-1])
    assert told(tmp_path, "terminate", own, module="jobs.emr") == Outcome(0, f"{own}: terminating\n", "")
    assert serverless.state(client, own) == "TERMINATED"
    assert told(tmp_path, "clusters", module="jobs.emr") == Outcome(0, "", "no cluster runs\n")
    error = "error: none: there is no such application in this region; see them with: python -m jobs.emr clusters\n"
    assert told(tmp_path, "status", "none", module="jobs.emr") == Outcome(3, "", error)


def test_a_run_has_the_image_and_the_time_that_it_wants(s3: S3Server) -> None:
    client = aws.client("emr-serverless")
    asked: list[dict[str, Any]] = []
    for operation in ("CreateApplication", "StartJobRun"):
        name = f"before-parameter-build.emr-serverless.{operation}"
        client.meta.events.register(name, lambda params, **_: asked.append(params))
    place, large = Place(ROLE, "s3://lake/logs/", image="an/image"), plan(replace(TB, bytes=10**14), most=1)
    application = serverless.create(client, large, place, "own", {})
    submission = Submission("own", "s3://lake/twin.py", [], workers.conf(large), workers.minutes(large))
    serverless.start(client, application, place, submission, {})
    assert asked[0]["imageConfiguration"] == {"imageUri": "an/image"}
    assert asked[1]["executionTimeoutMinutes"] * 60 == pytest.approx(2 * large.seconds[1], abs=60)
    assert large.seconds[1] > 86_400
    assert workers.minutes(plan()) == 720  # EMR Serverless's own


def test_an_image_without_our_python_is_told(s3: S3Server) -> None:
    said = b'Exception in thread "main" java.io.IOException: Cannot run program "python3.11": error=2, No such file\n'
    s3.client().create_bucket(Bucket="lake")
    key = "logs/applications/a/jobs/r/SPARK_DRIVER/stderr.gz"
    s3.client().put_object(Bucket="lake", Key=key, Body=gzip.compress(said))
    found = {"state": "FAILED", "stateDetails": "Job failed, please check complete logs. ExitCode: 1."}
    with pytest.raises(JobError) as told:
        status_of(Place(ROLE, "s3://lake/logs/"), "a", "r", found, "us-east-1")
    fix = "name an image that has it, as `image` below `serverless` in mrjob.conf"
    assert str(told.value) == f"the image of EMR Serverless has no python3.11; {fix}"


@pytest.mark.hadoop
@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.xdist_group("emr")
def test_a_twin_gives_the_same_bytes_and_leaves_nothing(on_serverless: Recorded) -> None:
    ran, errors = on_serverless.ran, on_serverless.ran.done.errors
    assert (ran.done.status, ran.done.output, ran.given) == (0, "", ran.expected), errors
    assert "published in s3://lake/twin " in errors
    account = r"^ +planned +actual\ntime  .*\n  workers' start .*\nbytes .*\nprice .*$"
    assert re.search(account, errors, re.MULTILINE)
    assert ran.states == {"TERMINATED"}


@pytest.mark.hadoop
@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.full
@pytest.mark.xdist_group("emr")
def test_a_driver_that_refuses_is_told_with_its_status(emr: Rehearsal, tmp_path: Path) -> None:
    emr.client().put_object(Bucket="lake", Key="a.csv", Body=READING + b"nonsense\n" * 9)
    published = ("--output-dir", "s3://lake/out")
    done = told(tmp_path, "s3://lake/a.csv", *SERVERLESS, *published, module=TWIN, seconds=PATIENCE)
    assert (done.status, done.output) == (4, ""), done.errors
    assert re.search(r"^run \w+: failed$", done.errors, re.MULTILINE)
    assert re.search(r"^error: .*rejects? ", done.errors, re.MULTILINE)
    assert applications() == ["TERMINATED"]


@pytest.mark.hadoop
@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.full
@pytest.mark.xdist_group("emr")
@pytest.mark.parametrize("answer", [b"y\n", b"n\n"], ids=["left", "ended"])
def test_a_run_that_is_interrupted(emr: Rehearsal, tmp_path: Path, answer: bytes) -> None:
    """The terminal's Ctrl-C asks; what is left publishes, and its application stops by itself."""
    fill(emr)
    published = ("--output-dir", "s3://lake/stats")
    with terminal(tmp_path, "s3://lake/logs/", *SERVERLESS, *published, module=TWIN) as shown:
        shown.until(rb"run \w+: running")
        shown.interrupt()
        shown.until(rb"\[y/N\] ")
        shown.answer(answer)
        assert shown.status() == 130, shown.shown
    if answer == b"n\n":
        assert applications() == ["TERMINATED"]
        assert keys(emr, "stats/") == []
        (cost,) = [kept(emr, key) for key in keys(emr, ".sensor-jobs/history/")]
        assert cost.failed
        assert cost.dollars > 0, "it was billed all the same"
        return
    deadline = time.monotonic() + PATIENCE
    while applications() != ["STOPPED"]:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert "stats/_SUCCESS" in keys(emr, "stats/")
