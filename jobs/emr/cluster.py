"""What a cluster is made of, as mrjob's options: whatever the user sets of them stands above these."""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

RELEASE = "emr-7.9.0"
"""Of 2025, with Hadoop 3.4 and Spark 3.5; --release-label names another."""
NODE_PROFILE, SERVICE_ROLE = "EMR_EC2_DefaultRole", "EMR_DefaultRole"
"""The roles that `aws emr create-default-roles` makes."""
SUITE, NAME = "application", "sensor-jobs"
"""The tag that tells the suite's clusters from others."""
IDLE_SECONDS = 600
SPOT_WAIT_MINUTES = 10

Role = Literal["primary", "core", "task"]
_TYPES: Mapping[Role, str] = {"primary": "MASTER", "core": "CORE", "task": "TASK"}
_CLASSIFICATIONS: Mapping[str, Mapping[str, str]] = {
    "mapred-site": {"mapreduce.map.maxattempts": "4", "mapreduce.reduce.maxattempts": "4"},
    "emrfs-site": {"fs.s3.optimized.committer.enabled": "true"},
    "spark-defaults": {"spark.sql.parquet.fs.optimized.committer.optimization-enabled": "true"},
    "yarn-site": {  # masters stay off nodes that may be taken away
        "yarn.node-labels.enabled": "true",
        "yarn.node-labels.am.default-node-label-expression": "CORE",
    },
}


class Fleet(Protocol):
    """Nodes of one role: interchangeable types, how many on demand and spot, EBS of each in GB (2^30 bytes)."""

    @property
    def role(self) -> Role: ...
    @property
    def types(self) -> tuple[str, ...]: ...
    @property
    def on_demand(self) -> int: ...
    @property
    def spot(self) -> int: ...
    @property
    def ebs_gb(self) -> int: ...


@dataclass(frozen=True, slots=True)
class GivenFleet:
    """A fleet, given."""

    role: Role
    types: tuple[str, ...]
    on_demand: int = 0
    spot: int = 0
    ebs_gb: int = 0


SMALL: tuple[Fleet, ...] = (
    GivenFleet("primary", ("m7i.xlarge", "m6i.xlarge", "m5.xlarge"), on_demand=1),
    GivenFleet("core", ("m7i.xlarge", "m6i.xlarge", "m5.xlarge"), on_demand=1, ebs_gb=64),
)
"""The smallest cluster that runs every job, of x86-64."""


def options(
    fleets: Sequence[Fleet], home: str, region: str, tags: Mapping[str, str], *, release: str = RELEASE
) -> dict[str, Any]:
    """mrjob's options for a cluster of these fleets. home: the S3 folder of runs and logs."""
    return {
        "region": region,
        "release_label": release,
        "image_version": release.removeprefix("emr-"),
        "applications": ["Hadoop", "Spark"],
        "instance_fleets": [instance_fleet(fleet) for fleet in fleets],
        "iam_instance_profile": NODE_PROFILE,
        "iam_service_role": SERVICE_ROLE,
        "cloud_tmp_dir": f"{home}runs/",
        "cloud_log_dir": f"{home}logs/",
        "emr_configurations": [
            {"Classification": name, "Properties": dict(values)} for name, values in _CLASSIFICATIONS.items()
        ],
        "tags": {SUITE: NAME, "owner": getpass.getuser(), **tags},
        "extra_cluster_params": {
            "AutoTerminationPolicy": {"IdleTimeout": IDLE_SECONDS},
            "ManagedScalingPolicy": {"ComputeLimits": limits(fleets)},
        },
    }


def instance_fleet(fleet: Fleet) -> dict[str, Any]:
    """A fleet as `run_job_flow` wants it: a node of whatever type counts as one."""
    configuration: dict[str, Any] = {"WeightedCapacity": 1}
    if fleet.role == "primary":
        del configuration["WeightedCapacity"]  # refused there
    if fleet.ebs_gb:
        volume = {"VolumeSpecification": {"VolumeType": "gp3", "SizeInGB": fleet.ebs_gb}, "VolumesPerInstance": 1}
        configuration["EbsConfiguration"] = {"EbsBlockDeviceConfigs": [volume]}
    made: dict[str, Any] = {
        "Name": fleet.role,
        "InstanceFleetType": _TYPES[fleet.role],
        "TargetOnDemandCapacity": fleet.on_demand,
        "TargetSpotCapacity": fleet.spot,
        "InstanceTypeConfigs": [{"InstanceType": name, **configuration} for name in fleet.types],
    }
    if fleet.spot:
        made["LaunchSpecifications"] = {
            "SpotSpecification": {
                "AllocationStrategy": "capacity-optimized",
                "TimeoutAction": "SWITCH_TO_ON_DEMAND",
                "TimeoutDurationMinutes": SPOT_WAIT_MINUTES,
            }
        }
    return made


def limits(fleets: Sequence[Fleet]) -> dict[str, Any]:
    """Between which sizes EMR may scale: from one core node to all that was planned."""
    core = sum(fleet.on_demand + fleet.spot for fleet in fleets if fleet.role == "core")
    task = sum(fleet.on_demand + fleet.spot for fleet in fleets if fleet.role == "task")
    on_demand = sum(fleet.on_demand for fleet in fleets if fleet.role != "primary")
    return {
        "UnitType": "InstanceFleetUnits",
        "MinimumCapacityUnits": 1,
        "MaximumCapacityUnits": max(1, core + task),
        "MaximumCoreCapacityUnits": max(1, core),
        "MaximumOnDemandCapacityUnits": max(1, on_demand),
    }
