"""Instance fleets of clusters, which moto takes and forgets; who joins a cluster of a pool asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.core.responses import ActionResult
from moto.emr.responses import ElasticMapReduceResponse

_run_job_flow = ElasticMapReduceResponse.run_job_flow


def install() -> None:
    """Have moto keep and tell them; all that was asked for is there."""
    moto: Any = ElasticMapReduceResponse
    moto.run_job_flow, moto.list_instance_fleets = _run_and_keep, _list


def _run_and_keep(response: Any) -> ActionResult:
    answer = _run_job_flow(response)
    made: Any = answer.result
    kept = response.backend.clusters[made["JobFlowId"]]
    kept.fleets = response._get_param("Instances.InstanceFleets", [])
    return answer


def _list(response: Any) -> ActionResult:
    cluster: Any = response.backend.clusters[response._get_param("ClusterId")]
    return ActionResult({"InstanceFleets": [_told(fleet) for fleet in cluster.fleets]})


def _told(fleet: Mapping[str, Any]) -> dict[str, Any]:
    """A fleet as EMR tells of it."""
    names = ("Name", "InstanceFleetType", "TargetOnDemandCapacity", "TargetSpotCapacity", "LaunchSpecifications")
    told = {name: fleet[name] for name in names if name in fleet}
    there = {f"Provisioned{kind}Capacity": fleet.get(f"Target{kind}Capacity", 0) for kind in ("OnDemand", "Spot")}
    return told | there | {"InstanceTypeSpecifications": [_specification(one) for one in fleet["InstanceTypeConfigs"]]}


def _specification(given: Mapping[str, Any]) -> dict[str, Any]:
    volumes = given.get("EbsConfiguration", {}).get("EbsBlockDeviceConfigs", [])
    devices = [
        {"VolumeSpecification": one["VolumeSpecification"], "Device": f"/dev/sd{chr(ord('b') + number)}"}
        for one in volumes
        for number in range(int(one.get("VolumesPerInstance", 1)))
    ]
    told = {"InstanceType": given["InstanceType"], "EbsBlockDevices": devices}
    return told | ({"WeightedCapacity": given["WeightedCapacity"]} if "WeightedCapacity" in given else {})
