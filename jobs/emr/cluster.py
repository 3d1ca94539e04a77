"""What a cluster is made of, as mrjob's options: whatever the user sets of them stands above these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobs.emr import containers
from jobs.emr.outlook import Fleet, Outlook
from jobs.lake import user

NODE_PROFILE, SERVICE_ROLE = "EMR_EC2_DefaultRole", "EMR_DefaultRole"
"""The roles that `aws emr create-default-roles` makes."""
SUITE, NAME = "application", "sensor-jobs"
"""The tag that tells the suite's clusters from others."""
MANAGED = "for-use-with-amazon-emr-managed-policies"
"""The tag by which EMR's managed policies, and the submitter's of `scripts.infra`, know what they may touch."""
PACKAGES = "packages"
"""The tag that says what its nodes have installed."""
JOB, BATCH = "job", "batch"
"""The tag of what a cluster was started for, and what it says of several jobs."""
BATCH_MINUTES = 120
"""How long a cluster of several jobs may wait for the next, while the result of one is fetched and published."""
FOLDER = ".sensor-jobs"
"""The suite's folder in a bucket."""
SPOT_WAIT_MINUTES = 10
IDLE_MINUTES = (1, 7 * 24 * 60)
"""Between which EMR ends a cluster that waits for more work."""
TYPES = {"primary": "MASTER", "core": "CORE", "task": "TASK"}
"""EMR's words for the roles of fleets."""
ROOT_GB = 15
"""Of each node's root volume: EMR's default, which has to be said where a pool's cluster is to be known again."""

_MASTER_MB, _MASTER_MB_A_TASK = 1024, 0.15  # memory of an application master: generous, not measured
_MASTER_HEAP = 0.8
_BY_CORES = "org.apache.hadoop.yarn.util.resource.DominantResourceCalculator"


def options(planned: Outlook, base: str, tags: Mapping[str, str]) -> dict[str, Any]:
    """mrjob's options for the planned cluster. base: the S3 folder of runs and logs."""
    fleets = planned.fleets
    return {
        "region": planned.region,
        "release_label": planned.release,
        "image_version": planned.release.removeprefix("emr-"),
        "applications": ["Hadoop"],
        "instance_fleets": [instance_fleet(fleet) for fleet in fleets],
        "iam_instance_profile": NODE_PROFILE,
        "iam_service_role": SERVICE_ROLE,
        "cloud_tmp_dir": f"{base}runs/",
        "cloud_log_dir": f"{base}logs/",
        "emr_configurations": [
            {"Classification": name, "Properties": values} for name, values in configurations(planned).items()
        ],
        "tags": {SUITE: NAME, MANAGED: "true", "owner": user.owner(), **tags},
        "extra_cluster_params": {"ManagedScalingPolicy": {"ComputeLimits": limits(fleets)}},
    }


def idle(minutes: float) -> dict[str, Any]:
    """What `run_job_flow` wants of a cluster that waits for more work, and ends after so many minutes without."""
    return {"AutoTerminationPolicy": {"IdleTimeout": round(minutes * 60)}}


def configurations(planned: Outlook) -> dict[str, dict[str, str]]:
    """Hadoop's properties by EMR's name of their file: containers as the plan reckons with them, one a vCPU."""
    memory, tasks = planned.memory_mb, planned.map_tasks + planned.reduce_tasks
    master = max(memory, _MASTER_MB + round(tasks * _MASTER_MB_A_TASK))
    each = containers.memory(memory, "map", "reduce")
    return {
        "mapred-site": {
            **each,
            "yarn.app.mapreduce.am.resource.mb": str(master),
            "yarn.app.mapreduce.am.command-opts": f"-Xmx{int(master * _MASTER_HEAP)}m",
        },
        "yarn-site": {  # masters stay off nodes that may be taken away
            "yarn.node-labels.enabled": "true",
            "yarn.node-labels.am.default-node-label-expression": "CORE",
        },
        "capacity-scheduler": {"yarn.scheduler.capacity.resource-calculator": _BY_CORES},
    }


def instance_fleet(fleet: Fleet) -> dict[str, Any]:
    """A fleet as `run_job_flow` wants it: a node of whatever type counts as one."""
    configuration: dict[str, Any] = {"WeightedCapacity": 1}
    if fleet.role == "primary":
        del configuration["WeightedCapacity"]  # refused there
    if fleet.ebs_gb:
        volume = {"VolumeSpecification": {"VolumeType": "gp3", "SizeInGB": fleet.ebs_gb}}
        each = {"EbsBlockDeviceConfigs": [volume | {"VolumesPerInstance": fleet.volumes}]}
        configuration["EbsConfiguration"] = each
    made: dict[str, Any] = {
        "Name": fleet.role,
        "InstanceFleetType": TYPES[fleet.role],
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
    """Between which sizes EMR may scale: from the core nodes, without which nobody joins a pool's cluster, to all."""
    core = sum(fleet.nodes for fleet in fleets if fleet.role == "core")
    task = sum(fleet.nodes for fleet in fleets if fleet.role == "task")
    on_demand = sum(fleet.on_demand for fleet in fleets if fleet.role != "primary")
    return {
        "UnitType": "InstanceFleetUnits",
        "MinimumCapacityUnits": max(1, core),
        "MaximumCapacityUnits": max(1, core + task),
        "MaximumCoreCapacityUnits": max(1, core),
        "MaximumOnDemandCapacityUnits": max(1, on_demand),
    }
