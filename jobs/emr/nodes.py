"""The nodes that clusters had, each for as long as it was there, and what they cost by the prices of a plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jobs.emr.cluster import TYPES
from jobs.emr.outlook import Fleet, Outlook, disk_hour, requests
from jobs.emr.prices import LEAST_SECONDS, PriceTable
from jobs.errors import UsageError


@dataclass(frozen=True, slots=True)
class Stay:
    """A node of a cluster. role: that of its fleet; seconds: from when it was asked for to its end."""

    role: str
    type: str
    spot: bool
    seconds: float


def stays(client: Any, clusters: Sequence[str], roles: Sequence[str]) -> tuple[Stay, ...] | None:
    """All nodes of these roles that clusters had, whose end is now where they are there still; None where EMR does not
    tell."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return tuple(stay for cluster in clusters for role in roles for stay in _of_fleet(client, cluster, role))
    except (BotoCoreError, ClientError):
        return None


def spent(planned: Outlook, prices: PriceTable, seconds: float, had: Iterable[Stay] | None = None) -> float:
    """USD of a run: of these nodes, or of the planned ones in so many seconds, and of its requests to S3. Spot costs
    the middle of its usual range."""
    fleets: dict[str, Fleet] = {fleet.role: fleet for fleet in planned.fleets}
    usual = tuple(_planned(planned.fleets, seconds))
    try:
        total = sum(_price(stay, fleets, prices, planned.region) for stay in (usual if had is None else had))
    except (KeyError, UsageError):  # the user has had another cluster made
        total = sum(_price(stay, fleets, prices, planned.region) for stay in usual)
    return total + requests(planned.work, prices.region(planned.region))


def _of_fleet(client: Any, cluster: str, role: str) -> Iterator[Stay]:
    pages = client.get_paginator("list_instances").paginate(ClusterId=cluster, InstanceFleetType=TYPES[role])
    for node in (node for page in pages for node in page["Instances"]):
        times = node["Status"]["Timeline"]
        if begun := times.get("CreationDateTime"):
            ended = times.get("EndDateTime") or datetime.now(UTC)
            yield Stay(role, node["InstanceType"], node["Market"] == "SPOT", (ended - begun).total_seconds())


def _planned(fleets: Iterable[Fleet], seconds: float) -> Iterator[Stay]:
    """Nodes of the first type."""
    for fleet in fleets:
        for spot, count in ((False, fleet.on_demand), (True, fleet.spot)):
            yield from (Stay(fleet.role, fleet.types[0], spot, seconds) for _ in range(count))


def _price(stay: Stay, fleets: Mapping[str, Fleet], prices: PriceTable, region: str) -> float:
    node = prices.node(region, stay.type)
    share = sum(node.spot) / 2 if stay.spot else 1.0
    hourly = share * node.on_demand + node.emr + disk_hour(fleets[stay.role], prices.region(region))
    return hourly * max(LEAST_SECONDS, stay.seconds) / 3600
