"""Instance fleets of clusters, which moto takes and forgets: who joins a cluster of a pool asks for them, and who
tells what a cluster cost for their nodes.

All that was asked for is there, but of a cluster that waits: managed scaling has taken what it may take.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from moto.core.responses import ActionResult
from moto.emr.responses import ElasticMapReduceResponse

_LEAST = "ManagedScalingPolicy.ComputeLimits.MinimumCapacityUnits"
_run_job_flow = ElasticMapReduceResponse.run_job_flow


def install() -> None:
    """Have moto keep and tell them."""
    moto: Any = ElasticMapReduceResponse
    moto.run_job_flow, moto.list_instance_fleets, moto.list_instances = _run_and_keep, _list, _list_nodes


def told(fleets: list[dict[str, Any]], least: int | None) -> Iterator[dict[str, Any]]:
    """Fleets as EMR tells of them. least: units that scaling has left of core and task nodes; None: all are there."""
    for fleet in sorted(fleets, key=lambda one: str(one["InstanceFleetType"])):  # core nodes are taken after task nodes
        there = {kind: int(fleet.get(f"Target{kind}Capacity", 0)) for kind in ("OnDemand", "Spot")}
        if least is not None and fleet["InstanceFleetType"] != "MASTER":
            for kind, units in there.items():
                there[kind] = min(units, least)
                least -= there[kind]
        names = ("Name", "InstanceFleetType", "TargetOnDemandCapacity", "TargetSpotCapacity", "LaunchSpecifications")
        yield {
            **{name: fleet[name] for name in names if name in fleet},
            **{f"Provisioned{kind}Capacity": units for kind, units in there.items()},
            "InstanceTypeSpecifications": [_specification(one) for one in fleet["InstanceTypeConfigs"]],
        }


def _run_and_keep(response: Any) -> ActionResult:
    answer = _run_job_flow(response)
    made: Any = answer.result
    kept = response.backend.clusters[made["JobFlowId"]]
    kept.fleets = response._get_param("Instances.InstanceFleets", [])
    kept.least = response._get_param(_LEAST)
    return answer


def _list(response: Any) -> ActionResult:
    cluster: Any = response.backend.clusters[response._get_param("ClusterId")]
    least = cluster.least if cluster.state == "WAITING" else None
    return ActionResult({"InstanceFleets": list(told(cluster.fleets, least))})


def _list_nodes(response: Any) -> ActionResult:
    """As many as was asked for, of each fleet's first type, while the cluster is there; one that cannot be has none."""
    cluster: Any = response.backend.clusters[response._get_param("ClusterId")]
    kind, can_be = response._get_param("InstanceFleetType"), getattr(cluster, "reason_code", "") != "VALIDATION_ERROR"
    times = {"CreationDateTime": cluster.creation_datetime, "EndDateTime": cluster.end_datetime}
    status = {"State": "TERMINATED" if cluster.end_datetime else "RUNNING", "Timeline": times}
    found = [
        {"Market": market, "InstanceType": fleet["InstanceTypeConfigs"][0]["InstanceType"], "Status": status}
        for fleet in cluster.fleets
        if fleet["InstanceFleetType"] == kind and can_be
        for market, target in (("ON_DEMAND", "TargetOnDemandCapacity"), ("SPOT", "TargetSpotCapacity"))
        for _ in range(int(fleet.get(target, 0)))
    ]
    return ActionResult({"Instances": found})


def _specification(given: Mapping[str, Any]) -> dict[str, Any]:
    volumes = given.get("EbsConfiguration", {}).get("EbsBlockDeviceConfigs", [])
    devices = [
        {"VolumeSpecification": one["VolumeSpecification"], "Device": f"/dev/sd{chr(ord('b') + number)}"}
        for one in volumes
        for number in range(int(one.get("VolumesPerInstance", 1)))
    ]
    told = {"InstanceType": given["InstanceType"], "EbsBlockDevices": devices}
    return told | ({"WeightedCapacity": given["WeightedCapacity"]} if "WeightedCapacity" in given else {})
