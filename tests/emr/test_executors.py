"""The containers of a Spark twin on a cluster: they fit on whatever nodes EMR takes, with room for Python."""

from __future__ import annotations

import pytest

from jobs.emr import executors, outlook, prices, rates
from jobs.emr.work import Work

GB = 10**9
_OF_YARN = {True: 0.6875, False: 0.75}  # of a node's memory, as EMR configures nodes with 2 GiB a vCPU and others


@pytest.mark.parametrize(
    ("size", "ordered", "cores", "half", "most"),
    [
        (GB, False, 2, 1408, 1),
        (GB, True, 2, 3072, 1),
        (1000 * GB, False, 2, 1408, 11),
        (100_000 * GB, False, 8, 5632, 79),
    ],
)
def test_two_containers_fill_a_node(size: int, ordered: bool, cores: int, half: int, most: int) -> None:
    table = prices.load()
    work = Work("daily_stats", 1, size, max(1, size // (64 << 20)), ordered, 1, 256)
    planned = outlook.outlook(work, table, rates.load(), region="us-east-1")
    found = executors.conf(planned)
    assert found == {
        "spark.driver.memory": f"{half}m",
        "spark.driver.memoryOverhead": f"{half}m",
        "spark.executor.memory": f"{half}m",
        "spark.executor.memoryOverhead": f"{half}m",
        "spark.executor.cores": str(cores),
        "spark.dynamicAllocation.maxExecutors": str(most),
    }
    for name in planned.fleets[-1].types:
        node = table.node("us-east-1", name)
        assert 2 * 2 * half <= node.gib * 1024 * _OF_YARN[node.gib <= 2 * node.vcpu]
        assert 2 * cores <= node.vcpu
