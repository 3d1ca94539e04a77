"""What EMR and a run's nodes are asked for, in whatever surroundings."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs.daily_stats import DailyStats
from jobs.emr import aws, cluster
from jobs.engine.spark_on_serverless import _settings
from jobs.errors import JobError
from tests.emr.test_cluster import TB, planned
from tests.emr.test_refused import lake
from tests.servers import S3Server

Runner = Callable[..., Any]
HERE, THERE = "s3://lake/.sensor-jobs/packages/0123456789abcdef", "fedcba9876543210"


@pytest.fixture
def runner(s3: S3Server, tmp_path: Path) -> Runner:
    """Makes mrjob's runner of daily_stats of a terabyte, with these options."""
    lake(s3)

    def make(*options: str) -> Any:
        job = DailyStats(args=["-r", "emr", *options, "s3://lake/a.csv"])
        for name in ("plan", "run.json"):
            (tmp_path / name).touch()
        files = (str(tmp_path / "plan"), str(tmp_path / "run.json"), str(tmp_path))
        job.prepare("emr", *files, 1, 1, {}, {"planned": planned(TB), "base": "s3://lake/.sensor-jobs/", "tags": {}})
        return job.make_runner()

    return make


def test_nodes_work_in_the_runs_region(monkeypatch: pytest.MonkeyPatch, runner: Runner) -> None:
    """Not in that of the shell, which their network may not reach."""
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    names = ("AWS_REGION", "AWS_DEFAULT_REGION")
    env = runner("--region", "us-east-1", "--python-bin", "python3")._cmdenv()
    assert [env[name] for name in names] == ["us-east-1"] * 2
    env = runner("--python-bin", "python3", "--cmdenv", "AWS_REGION=us-west-2")._cmdenv()
    assert env["AWS_REGION"] == "us-west-2"
    spark = _settings("s3://lake/x", "us-east-1")
    for place in ("emr-serverless.driverEnv", "executorEnv"):
        assert [spark[f"spark.{place}.{name}"] for name in names] == ["us-east-1"] * 2


@pytest.mark.parametrize(
    ("options", "label"),
    [
        ((), "emr-7.13.0"),
        (("--image-version", "7.9.0"), "emr-7.9.0"),
        (("--image-version", "7.9.0", "--release-label", "emr-7.10.0"), "emr-7.10.0"),
    ],
)
def test_the_release_is_the_users(runner: Runner, options: tuple[str, ...], label: str) -> None:
    assert runner(*options)._opts["release_label"] == label


@pytest.mark.parametrize(("options", "minutes"), [((), cluster.BATCH_MINUTES), (("--max-mins-idle", "30"), 30)])
def test_a_batchs_cluster_waits_while_a_result_is_published(
    runner: Runner, options: tuple[str, ...], minutes: int
) -> None:
    made = runner("--python-bin", "python3", *options)
    made._add_bootstrap_files_for_upload(persistent=True)
    assert made._cluster_kwargs(persistent=True)["AutoTerminationPolicy"] == {"IdleTimeout": 60 * minutes}


@pytest.mark.parametrize(
    ("there", "what"),
    [(None, "nothing of the suite"), (THERE, "another version of the suite"), (HERE.rpartition("/")[2], None)],
)
def test_nodes_of_a_cluster_that_is_there_have_the_same_version(
    monkeypatch: pytest.MonkeyPatch, runner: Runner, there: str | None, what: str | None
) -> None:
    """As results of a driver and nodes of different versions would be of neither."""
    tags = [{"Key": cluster.PACKAGES, "Value": there}] if there else []
    instances = {"KeepJobFlowAliveWhenNoSteps": True, "MasterInstanceType": "m7g.xlarge", "InstanceCount": 1}
    roles = {"JobFlowRole": "EMR_EC2_DefaultRole", "ServiceRole": "EMR_DefaultRole"}
    name = aws.client("emr").run_job_flow(Name="x", Instances=instances, Tags=tags, **roles)["JobFlowId"]
    monkeypatch.setattr("jobs.emr.packages.for_nodes", lambda *given: HERE)
    made = runner("--cluster-id", name)
    if what is None:
        made._stage()
        return
    with pytest.raises(JobError) as raised:
        made._stage()
    fix = "with --python-bin, which names a Python of theirs, it travels with the run"
    assert str(raised.value) == f"--cluster-id {name}: its nodes have {what}; {fix}"


def test_a_cluster_says_what_its_nodes_have(monkeypatch: pytest.MonkeyPatch, runner: Runner) -> None:
    monkeypatch.setattr("jobs.emr.packages.for_nodes", lambda *given: HERE)
    made = runner()
    made._stage()
    made._add_bootstrap_files_for_upload()
    assert {"Key": cluster.PACKAGES, "Value": HERE.rpartition("/")[2]} in made._cluster_kwargs()["Tags"]


def test_a_driver_is_heard_and_none_before_it(s3: S3Server, monkeypatch: pytest.MonkeyPatch, runner: Runner) -> None:
    """On a cluster that ran another twin, whose logs are there too."""
    logs = {
        "steps/s-1/stderr.gz": b"Submitted application application_1_0001\n",
        "steps/s-2/stderr.gz": b"Submitted application application_1_0002\n",
        "containers/application_1_0001/container_1_0001_01_000001/stdout": b"error: 12 of 13 records were rejected\n",
        "containers/application_1_0002/container_1_0002_01_000001/stdout": b"published\n",
        "containers/application_1_0002/container_1_0002_01_000002/stdout": b"an executor\n",
    }
    for name, content in logs.items():
        body = gzip.compress(content) if name.endswith(".gz") else content
        s3.client().put_object(Bucket="lake", Key=f"logs/j-1/{name}", Body=body)
    made = runner("--cluster-id", "j-1")
    monkeypatch.setattr(made, "_wait_for_logs_on_s3", lambda: None)
    monkeypatch.setattr(made, "_s3_log_dir", lambda: "s3://lake/logs/j-1/")
    made._step_ids = ["s-2"]
    assert made.driver_said("stdout") == "published\n"
    made._step_ids = ["s-3"]
    assert made.driver_said("stdout") == ""
