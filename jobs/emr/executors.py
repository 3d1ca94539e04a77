"""Spark's containers on a planned cluster: two a node, of which the driver's is one, each half JVM and half Python."""

from __future__ import annotations

from jobs.emr.outlook import Outlook

_A_NODE = 2  # so that a single node has room for the driver and an executor
_OF_JVM = 0.5  # of a container's memory; the rest is its Python's


def conf(planned: Outlook) -> dict[str, str]:
    """Spark's settings for containers of the size that the plan's nodes have room for."""
    cores = max(1, planned.of_node // _A_NODE)
    memory = planned.of_node * planned.memory_mb // _A_NODE
    jvm = round(memory * _OF_JVM)
    each = {"memory": f"{jvm}m", "memoryOverhead": f"{memory - jvm}m"}
    sized = {f"spark.{role}.{name}": value for role in ("driver", "executor") for name, value in each.items()}
    most = max(1, _A_NODE * planned.nodes - 1)
    return {**sized, "spark.executor.cores": str(cores), "spark.dynamicAllocation.maxExecutors": str(most)}
