"""Clusters of a pool: how large they wait, for how long, and whose steps run there at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs.daily_stats import DailyStats
from jobs.emr import aws, cluster
from tests.emr.test_cluster import TB, planned
from tests.emr.test_ended import ended
from tests.emr.test_refused import ON_EMR, lake, refused
from tests.lake.faulty_proxy import faulty_proxy
from tests.outcomes.commands import Outcome, told
from tests.servers import S3Server


def asked_for(folder: Path, *options: str) -> dict[str, Any]:
    """What EMR is asked for a cluster that daily_stats of a terabyte wants."""
    job = DailyStats(args=["-r", "emr", "--python-bin", "python3", *options, "s3://lake/a.csv"])
    for name in ("plan", "run.json"):
        (folder / name).touch()
    files = (str(folder / "plan"), str(folder / "run.json"), str(folder))
    job.prepare("emr", *files, 1, 1, {}, {"planned": planned(TB), "base": "s3://lake/x/", "tags": {}})
    with job.make_runner() as runner:
        runner._add_bootstrap_files_for_upload()
        asked: dict[str, Any] = runner._cluster_kwargs()
        return asked


@pytest.mark.parametrize(("minutes", "seconds"), [((), 600), (("--max-mins-idle", "30"), 1800)])
def test_it_waits_as_long_as_it_may(s3: S3Server, tmp_path: Path, minutes: tuple[str, ...], seconds: int) -> None:
    asked = asked_for(tmp_path, "--pool-clusters", *minutes)
    assert asked["AutoTerminationPolicy"] == {"IdleTimeout": seconds}


def test_it_is_joined_when_managed_scaling_has_made_it_small(s3: S3Server, tmp_path: Path) -> None:
    """mrjob itself says so; a core node less, and it would not."""
    from mrjob.pool import _instance_fleets_satisfy

    from scripts.emr_rehearsal.fleets import told as left

    asked = asked_for(tmp_path, "--pool-clusters")
    fleets = asked["Instances"]["InstanceFleets"]
    core = next(fleet["TargetOnDemandCapacity"] for fleet in fleets if fleet["Name"] == "core")
    least = asked["ManagedScalingPolicy"]["ComputeLimits"]["MinimumCapacityUnits"]
    assert core > 1
    assert _instance_fleets_satisfy(list(left(fleets, least)), fleets)
    assert not _instance_fleets_satisfy(list(left(fleets, core - 1)), fleets)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), None),
        (("--pool-clusters",), cluster.ROOT_GB),
        (("--pool-clusters", "--ebs-root-volume-gb", "40"), 40),
    ],
)
def test_its_root_volume_is_said(s3: S3Server, tmp_path: Path, options: tuple[str, ...], expected: int | None) -> None:
    """mrjob joins no cluster of which EMR tells a size that was not asked for."""
    assert asked_for(tmp_path, *options).get("EbsRootVolumeSize") == expected


@pytest.mark.parametrize(("given", "place"), [("0", "option"), ("0.5", "configuration"), ("10081", "option")])
def test_how_long_no_cluster_of_emrs_waits(s3: S3Server, tmp_path: Path, given: str, place: str) -> None:
    lake(s3)
    (tmp_path / "mrjob.conf").write_text(f"runners: {{emr: {{max_mins_idle: {given}}}}}")
    options = ("--max-mins-idle", given) if place == "option" else ("--conf-path", "mrjob.conf")
    where = "--max-mins-idle" if place == "option" else "max_mins_idle in mrjob.conf"
    error = f"error: {where}: EMR ends a cluster that waits after 1 to 10,080 minutes; give as many\n"
    assert refused(s3, tmp_path, "s3://lake/a.csv", *options) == Outcome(2, "", error)


def test_steps_at_once_are_for_clusters_that_are_shared(s3: S3Server, tmp_path: Path) -> None:
    lake(s3)
    what = "is for a cluster that several runs share, as each step of a run waits for the one before it"
    error = f"error: --max-concurrent-steps: {what}; add --pool-clusters, or leave it out\n"
    assert refused(s3, tmp_path, "s3://lake/a.csv", "--max-concurrent-steps", "2") == Outcome(2, "", error)
    jobs = ("run", "daily_stats", "rollup", "s3://lake/a.csv", "--yes", "--output-dir", "s3://lake/out")
    done = told(tmp_path, *jobs, "--max-concurrent-steps", "2", module="jobs.emr")
    assert (done, aws.client("emr").list_clusters()["Clusters"]) == (Outcome(2, "", error), [])


@pytest.mark.parametrize(("options", "added"), [((), 2), (("--max-concurrent-steps", "2"), 1)])
def test_a_step_that_reads_what_another_wrote_comes_after_it(
    s3: S3Server, tmp_path: Path, options: tuple[str, ...], added: int
) -> None:
    """Where steps run at once it is added when that has ended, here cancelled; EMR takes no other way to fail."""
    lake(s3)
    given = ("s3://lake/a.csv", "--between", "devices", *ON_EMR, "--check-cluster-every", "0.1", "--pool-clusters")
    with faulty_proxy(s3.url) as faults:
        faults.pattern, faults.faults = "POST / ", [ended("USER_REQUEST", "")] * 90
        done = told(tmp_path, *given, *options, module="jobs.correlations", env={"AWS_ENDPOINT_URL": faults.url})
    assert done.status == 1, done.errors
    emr = aws.client("emr")
    (found,) = emr.list_clusters()["Clusters"]
    steps = emr.list_steps(ClusterId=found["Id"])["Steps"]
    assert [step["ActionOnFailure"] for step in steps] == ["CONTINUE" if options else "CANCEL_AND_WAIT"] * added
    assert emr.describe_cluster(ClusterId=found["Id"])["Cluster"]["StepConcurrencyLevel"] == (2 if options else 1)
