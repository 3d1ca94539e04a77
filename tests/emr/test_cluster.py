"""The parameters of a cluster, and what AWS refuses in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError

from jobs.daily_stats import DailyStats
from jobs.emr import aws, cluster, outlook, prices, rates
from jobs.emr.outlook import Fleet, Outlook
from jobs.emr.work import Work
from jobs.engine.emr_engine import EmrEngine
from jobs.engine.settings import settings

FLEETS = (
    Fleet("primary", ("m7i.xlarge",), 1, 0, 0),
    Fleet("core", ("m7i.xlarge", "m6i.xlarge"), 2, 0, 64),
    Fleet("task", ("m7i.xlarge", "m6i.xlarge"), 0, 6, 0),
)
TB = 10**12


def planned(size: int, *, ordered: bool = False) -> Outlook:
    work = Work("daily_stats", 1, size, max(1, min(800_000, size // (64 << 20))), ordered, 1, 256)
    return outlook.outlook(work, prices.load(), rates.load(), region="us-east-1")


def test_fleets_as_the_service_wants_them() -> None:
    primary, core, task = (cluster.instance_fleet(fleet) for fleet in FLEETS)
    assert primary == {
        "Name": "primary",
        "InstanceFleetType": "MASTER",
        "TargetOnDemandCapacity": 1,
        "TargetSpotCapacity": 0,
        "InstanceTypeConfigs": [{"InstanceType": "m7i.xlarge"}],
    }
    assert [each["InstanceType"] for each in core["InstanceTypeConfigs"]] == ["m7i.xlarge", "m6i.xlarge"]
    assert core["InstanceTypeConfigs"][0]["EbsConfiguration"]["EbsBlockDeviceConfigs"][0] == {
        "VolumeSpecification": {"VolumeType": "gp3", "SizeInGB": 64},
        "VolumesPerInstance": 1,
    }
    assert "LaunchSpecifications" not in core
    assert task["LaunchSpecifications"]["SpotSpecification"] == {
        "AllocationStrategy": "capacity-optimized",
        "TimeoutAction": "SWITCH_TO_ON_DEMAND",
        "TimeoutDurationMinutes": 10,
    }


def test_what_a_user_configures_stands_above_the_plans_and_beside_it(tmp_path: Path) -> None:
    given: list[dict[str, Any]] = [
        {
            "Classification": "mapred-site",
            "Properties": {"mapreduce.map.memory.mb": "4096", "mapreduce.task.io.sort.mb": "7"},
        },
        {"Classification": "core-site", "Properties": {"hadoop.tmp.dir": "/mnt"}},
        {"Classification": "yarn-site", "Properties": {}},
    ]
    (tmp_path / "mrjob.conf").write_text(json.dumps({"runners": {"emr": {"emr_configurations": given}}}))
    job = DailyStats(args=["-r", "emr", "s3://lake/a.csv", "--conf-path", str(tmp_path / "mrjob.conf")])
    job.options.region = "us-east-1"
    engine, chosen = EmrEngine(job), settings(job.options, job.OPTIONS)
    engine.planned = planned(TB)
    (tmp_path / "plan").touch()
    empty = str(tmp_path / "plan")
    job.prepare("emr", empty, empty, str(tmp_path), 1, 1, {}, engine.given("r", "j", chosen))
    found = {each["Classification"]: each["Properties"] for each in job.make_runner()._opts["emr_configurations"]}
    ours = cluster.configurations(planned(TB))
    assert found["mapred-site"] == ours["mapred-site"] | given[0]["Properties"]
    assert found["core-site"] == given[1]["Properties"]
    assert "yarn-site" not in found, "an empty one takes ours away, as with mrjob"
    assert found["capacity-scheduler"] == ours["capacity-scheduler"]


def test_scaling_stays_within_what_was_planned() -> None:
    assert cluster.limits(FLEETS) == {
        "UnitType": "InstanceFleetUnits",
        "MinimumCapacityUnits": 2,
        "MaximumCapacityUnits": 8,
        "MaximumCoreCapacityUnits": 2,
        "MaximumOnDemandCapacityUnits": 2,
    }


def test_a_cluster_is_what_was_planned() -> None:
    found = planned(TB)
    options = cluster.options(found, "s3://lake/.sensor-jobs/", {"job": "daily_stats"})
    assert [fleet["Name"] for fleet in options["instance_fleets"]] == [fleet.role for fleet in found.fleets]
    sizes = [fleet["TargetOnDemandCapacity"] + fleet["TargetSpotCapacity"] for fleet in options["instance_fleets"]]
    assert sizes == [fleet.nodes for fleet in found.fleets]
    assert (options["region"], options["release_label"]) == (found.region, found.release)
    assert options["tags"]["for-use-with-amazon-emr-managed-policies"] == "true"
    assert options["tags"]["job"] == "daily_stats"
    assert options["extra_cluster_params"]["ManagedScalingPolicy"]["ComputeLimits"]["MaximumCapacityUnits"] == 6


@pytest.mark.parametrize(
    ("size", "ordered", "container", "heap", "master"),
    [(TB, False, 1408, 469, 1408), (TB, True, 3072, 1024, 3072), (100 * TB, False, 1408, 469, 4062)],
)
def test_containers_are_those_of_the_plan(size: int, ordered: bool, container: int, heap: int, master: int) -> None:
    """A master that follows 20,000 tasks has more memory than they."""
    properties = cluster.configurations(planned(size, ordered=ordered))
    for role in ("map", "reduce"):
        assert properties["mapred-site"][f"mapreduce.{role}.memory.mb"] == str(container)
        assert properties["mapred-site"][f"mapreduce.{role}.java.opts"].startswith(f"-Xmx{heap}m ")
    assert properties["mapred-site"]["yarn.app.mapreduce.am.resource.mb"] == str(master)
    assert properties["yarn-site"]["yarn.node-labels.am.default-node-label-expression"] == "CORE"


def refused(code: str, operation: str = "RunJobFlow") -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"RetryAttempts": 7}}
    return ClientError(answer, operation)


LOGIN = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in with `aws sso login`"


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (
            refused("ExpiredTokenException"),
            1,
            f"EMR: the AWS credentials have expired (ExpiredTokenException); {LOGIN}",
        ),
        (
            refused("ThrottlingException"),
            1,
            "EMR: AWS is too busy (ThrottlingException from RunJobFlow, asked 8 times); run again later, or poll less "
            "often: --check-cluster-every",
        ),
        (
            refused("UnrecognizedClientException"),
            1,
            f"EMR: AWS refuses the credentials (UnrecognizedClientException); {LOGIN}",
        ),
        (
            refused("AccessDeniedException"),
            1,
            "EMR: no permission for RunJobFlow; have it added to the submitting user's policy",
        ),
        (refused("NoSuchBucket"), 2, "EMR: there is no such bucket; check its name and the account"),
        (refused("ValidationException"), 1, "EMR: RunJobFlow: no"),
        (NoRegionError(), 2, "EMR: no AWS region is set; set AWS_REGION"),
        (NoCredentialsError(), 1, f"EMR: no AWS credentials found; {LOGIN}"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_refusals_in_words(error: Exception, status: int, message: str) -> None:
    told = aws.explained(error, "EMR")
    assert told is not None
    assert (told.status, str(told)) == (status, message)


def test_errors_of_others_are_not_explained() -> None:
    assert aws.explained(ValueError("x"), "EMR") is None
