"""Spark's containers, each half JVM and half Python: on a planned cluster two a node, of which the driver's is one."""

from __future__ import annotations

from collections.abc import Mapping

from jobs.emr.outlook import Outlook

_A_NODE = 2  # so that a single node has room for the driver and an executor
_OF_JVM = 0.5  # of a container's memory; the rest is its Python's


def conf(planned: Outlook) -> dict[str, str]:
    """Spark's settings for containers of the size that the plan's nodes have room for."""
    cores = max(1, planned.of_node // _A_NODE)
    memory = planned.of_node * planned.memory_mb // _A_NODE
    most = max(1, _A_NODE * planned.nodes - 1)
    return {
        **of_each(shared(memory, "m")),
        "spark.executor.cores": str(cores),
        "spark.dynamicAllocation.maxExecutors": str(most),
    }


def shared(memory: int, unit: str) -> dict[str, str]:
    """A container's memory as Spark's settings have it: of its JVM, and of all else in it."""
    jvm = round(memory * _OF_JVM)
    return {"memory": f"{jvm}{unit}", "memoryOverhead": f"{memory - jvm}{unit}"}


def of_each(settings: Mapping[str, str]) -> dict[str, str]:
    """The same settings of the driver and of executors."""
    return {f"spark.{role}.{name}": value for role in ("driver", "executor") for name, value in settings.items()}
