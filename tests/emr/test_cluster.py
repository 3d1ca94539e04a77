"""The parameters of a cluster, and what AWS refuses in words."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError

from jobs.emr import aws, cluster
from jobs.emr.cluster import GivenFleet

FLEETS = (
    GivenFleet("primary", ("m7i.xlarge",), on_demand=1),
    GivenFleet("core", ("m7i.xlarge", "m6i.xlarge"), on_demand=2, ebs_gb=64),
    GivenFleet("task", ("m7i.xlarge", "m6i.xlarge"), spot=6),
)


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


def test_scaling_stays_within_what_was_planned() -> None:
    assert cluster.limits(FLEETS) == {
        "UnitType": "InstanceFleetUnits",
        "MinimumCapacityUnits": 1,
        "MaximumCapacityUnits": 8,
        "MaximumCoreCapacityUnits": 2,
        "MaximumOnDemandCapacityUnits": 2,
    }


def refused(code: str, operation: str = "RunJobFlow") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"RetryAttempts": 7}}, operation)


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
