"""Kinds of clusters: how many nodes each has, and the properties that stand above those of `configuration`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Properties = Mapping[str, object]


@dataclass(frozen=True)
class Profile:
    """What a cluster is for; how many NodeManagers and DataNodes it has; properties, by configuration file."""

    name: str
    purpose: str
    node_managers: int = 2
    data_nodes: int = 1
    properties: Mapping[str, Properties] = field(default_factory=dict)


DEFAULT = Profile("default", "to try jobs out: small and quick")
FAULTS = Profile(
    "faults",
    "to break things: losses are noticed within seconds, and survived",
    data_nodes=2,
    properties={
        "hdfs-site.xml": {
            "dfs.replication": 2,
            "dfs.namenode.heartbeat.recheck-interval": 1000,  # ms; a DataNode is dead after twice this and 10 beats
            "dfs.namenode.redundancy.interval.seconds": 1,
            "dfs.client.retry.window.base": 100,  # ms; how long a reader waits for a block that no DataNode gives
            "dfs.client.block.write.replace-datanode-on-failure.enable": "false",  # there is no third one
        },
        "yarn-site.xml": {
            "yarn.resourcemanager.am.max-attempts": 2,
            "yarn.nm.liveness-monitor.expiry-interval-ms": 10_000,
            "yarn.client.nodemanager-connect.max-wait-ms": 10_000,  # how long a dead one is asked to end containers
            "yarn.client.nodemanager-connect.retry-interval-ms": 500,
            "yarn.nodemanager.pmem-check-enabled": "true",
            "yarn.nodemanager.resource.memory.enforced": "false",  # else the check is left to control groups
            "yarn.nodemanager.container-monitor.interval-ms": 500,
            "yarn.nodemanager.disk-health-checker.interval-ms": 1000,
            "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": 90,
        },
        "mapred-site.xml": {
            "yarn.app.mapreduce.am.history.complete-event-flush-timeout": 100,  # ms; what another master goes by
            **{
                f"mapreduce.{role}.{key}": value
                for role in ("map", "reduce")
                for key, value in (("maxattempts", 4), ("speculative", "true"))
            },
        },
    },
)

PROFILES = {profile.name: profile for profile in (DEFAULT, FAULTS)}
