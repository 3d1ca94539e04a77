"""How large a cluster a plan wants, how long it takes there and what it costs, before anything is spent."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from jobs.emr import containers, disks
from jobs.emr.disks import Disks
from jobs.emr.planned import Forecast
from jobs.emr.prices import LEAST_SECONDS, Node, PriceTable
from jobs.emr.rates import Rate, Rates
from jobs.emr.work import MOST_NODES, Work
from jobs.lake.s3_reader import FIRST_RANGE, RANGE

RELEASE = "emr-7.13.0"
"""The newest release that is known to fit: Spark 3.5, Python 3.11."""

ARCHITECTURE = "aarch64"  # Graviton: the cheapest vCPU, and the suite has a kernel for it
_FAMILIES = {
    ("aarch64", False): ("m7g", "c7g", "m6g", "c6g"),
    ("aarch64", True): ("m7g", "r7g", "m6g", "r6g"),
    ("x86_64", False): ("m7i", "c7i", "m6i", "c6i"),
    ("x86_64", True): ("m7i", "r7i", "m6i", "r6i"),
}
"""What fleets are made of, by architecture and whether readings are shuffled: several pools of spot nodes."""
_SIZES = ("xlarge", "2xlarge", "4xlarge")
_OF_YARN, _OF_YARN_LEAN = 0.75, 0.6875  # of a node's memory, as EMR's guide lists it: 5,632 of 8,192 MB of c6i.xlarge
_LEAN = 2  # GiB a vCPU
MAP_SECONDS = 1200.0  # what map tasks should take together: well more than the cluster's start, well less than a night
_FEW = 2  # nodes that are all on demand
_CORE_SHARE = {False: 0.25, True: 0.5}  # nodes that hold what was shuffled; of readings there is much to lose
_HOURS_A_MONTH = 730
_MOST_A_REDUCE = 64e9  # bytes of input, where readings are shuffled, before a user should know
_SPLIT_REQUESTS = 2  # an object's head, where the driver did not look, and the first range, which is short


@dataclass(frozen=True, slots=True)
class Fleet:
    """Nodes of one role. types: any of which EMR may take, the first is what was reckoned with; ebs_gb: of each of the
    volumes of each."""

    role: Literal["primary", "core", "task"]
    types: tuple[str, ...]
    on_demand: int
    spot: int
    ebs_gb: int
    volumes: int = 1

    @property
    def nodes(self) -> int:
        return self.on_demand + self.spot


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook(Forecast):
    """A cluster, and what a run will take on it. slots: map tasks at once; of_node: containers on a node; vcpus: of all
    nodes, on demand and on spot; memory_mb: of each container; waves: how often all slots take a task; lines: splits a
    map task; disks: of core and task nodes."""

    fleets: tuple[Fleet, ...]
    disks: Disks
    slots: int
    of_node: int
    vcpus: tuple[int, int]
    memory_mb: int
    lines: int
    map_tasks: int
    reduce_tasks: int
    waves: int

    starts: ClassVar = "a cluster"

    @property
    def nodes(self) -> int:
        """Core and task nodes."""
        return sum(fleet.nodes for fleet in self.fleets if fleet.role != "primary")


def outlook(
    work: Work,
    prices: PriceTable,
    rates: Rates,
    *,
    region: str,
    architecture: str | None = None,
    max_nodes: int = MOST_NODES,
) -> Outlook:
    """Size a cluster for a run. architecture: of the nodes; None: Graviton's.

    Raises UsageError for a region or type without a price.
    """
    architecture = architecture or ARCHITECTURE
    rate = rates.of(work.job, work.bytes, readings=work.readings, packed=work.packed)
    size, count, wanted = _sized(work, prices, rate, region, architecture, max_nodes)
    names = tuple(f"{family}.{size}" for family in _FAMILIES[architecture, work.readings])
    nodes = [prices.node(region, name) for name in names]
    of_node = min(_slots(node, work.readings) for node in nodes)
    slots = max(1, count * of_node - 1)  # the application master has one
    lines, maps, waves = dealt(work, slots)
    reduces = containers.reduce_tasks(work.bytes, work.partitions, work.tasks, ordered=work.ordered)
    volumes = disks.sized(*disks.shuffled(work, rates), count, nodes[0].vcpu)
    fleets = _fleets(work, names, count, volumes)
    parts = _parts(work, rates, rate, slots=slots, maps=maps, reduces=reduces, mb_s=count * min(n.mb_s for n in nodes))
    phases: list[float] = []  # of earlier runs disks had their part in what was seen
    if not rate.is_seen:
        phases = [seconds / work.passes for _, seconds in parts]
        parts = tuple((name, max(seconds, work.passes * volumes.seconds / 2)) for name, seconds in parts)
    start_low, start_high = (work.passes * each for each in rates.cluster["start_s"])  # a cluster each time
    busy = sum(seconds for _, seconds in parts)
    seconds = (start_low + busy, start_high + busy * rates.slower(rate))
    return Outlook(
        work=work,
        region=region,
        release=RELEASE,
        architecture=architecture,
        fleets=fleets,
        disks=volumes,
        slots=slots,
        of_node=of_node,
        vcpus=_vcpus(fleets, prices, region),
        memory_mb=containers.MEMORY_MB[work.readings],
        lines=lines,
        map_tasks=maps,
        reduce_tasks=reduces,
        waves=waves,
        seconds=seconds,
        dollars=price(work, fleets, prices, region, seconds),
        parts=(("start", start_low), *parts),
        limits=(*_limits(work, rate, maps, count, wanted, max_nodes), *disks.limits(volumes, phases)),
        sources=_sources(prices, rates, rate, region),
    )


def dealt(work: Work, slots: int) -> tuple[int, int, int]:
    """Splits for each map task, map tasks, and how often all slots take one."""
    lines = containers.lines_per_map(work.bytes, work.splits, slots, work.tasks)
    maps = max(1, -(-work.splits // lines))
    return lines, maps, -(-maps // slots)


def types(architecture: str | None, *, readings: bool) -> tuple[str, ...]:
    """All instance types that a cluster may be made of. readings: whether these are shuffled."""
    families = _FAMILIES[architecture or ARCHITECTURE, readings]
    return tuple(f"{family}.{size}" for family in families for size in _SIZES)


def _sized(
    work: Work, prices: PriceTable, rate: Rate, region: str, architecture: str, most: int
) -> tuple[str, int, int]:
    """The size of nodes and how many; and how many it would be without a limit."""
    family = _FAMILIES[architecture, work.readings]
    total = work.bytes / 1e6
    for size in _SIZES:
        nodes = [prices.node(region, f"{name}.{size}") for name in family]
        mb_s = min(min(_slots(node, work.readings) * rate.task_mb_s, node.mb_s) for node in nodes)
        wanted = max(1, math.ceil(total / mb_s / MAP_SECONDS))
        if work.tasks:
            containers_wanted = work.tasks + 1  # with the application master's
            wanted = min(wanted, -(-containers_wanted // min(_slots(node, work.readings) for node in nodes)))
        if wanted <= max(most / 4, min(most, _FEW)) or size == _SIZES[-1]:
            break
    return size, min(wanted, most), wanted


def _slots(node: Node, readings: bool) -> int:
    """Containers that run on a node at once."""
    share = _OF_YARN_LEAN if node.gib <= _LEAN * node.vcpu else _OF_YARN
    return max(1, min(node.vcpu, int(node.gib * 1024 * share / containers.MEMORY_MB[readings])))


def _vcpus(fleets: tuple[Fleet, ...], prices: PriceTable, region: str) -> tuple[int, int]:
    """Of all nodes: on demand, and on spot."""
    each = [(fleet, prices.node(region, fleet.types[0]).vcpu) for fleet in fleets]
    return sum(fleet.on_demand * vcpu for fleet, vcpu in each), sum(fleet.spot * vcpu for fleet, vcpu in each)


def _fleets(work: Work, types: tuple[str, ...], count: int, volumes: Disks) -> tuple[Fleet, ...]:
    """Core nodes are on demand, as HDFS and what was shuffled is there; task nodes are spot."""
    core = count if count <= _FEW else max(1, math.ceil(count * _CORE_SHARE[work.readings]))
    # the primary runs the daemons that follow every node and container
    primary = tuple(name for name in types if not name.startswith("c"))
    if work.bytes < 1e12:
        primary = tuple(f"{name.partition('.')[0]}.xlarge" for name in primary)
    of_node = (volumes.gb, volumes.volumes)
    fleets = [Fleet("primary", primary, 1, 0, disks.LEAST_GB), Fleet("core", types, core, 0, *of_node)]
    return (*fleets, Fleet("task", types, 0, count - core, *of_node)) if count > core else tuple(fleets)


def with_disks(fleet: Fleet, volumes: Disks) -> Fleet:
    """The fleet with other disks, where what is shuffled lies on them."""
    return fleet if fleet.role == "primary" else replace(fleet, ebs_gb=volumes.gb, volumes=volumes.volumes)


def _parts(
    work: Work, rates: Rates, rate: Rate, *, slots: int, maps: int, reduces: int, mb_s: float
) -> tuple[tuple[str, float], ...]:
    """Seconds of map and reduce tasks on nodes whose network takes `mb_s` together."""
    total, container = work.bytes / 1e6, rates.cluster["container_s"]
    at_once = max(1, min(slots, maps))
    waves = -(-maps // slots)
    if rate.is_seen:
        return (("tasks", work.passes * max(total / at_once / rate.task_mb_s, work.largest / 1e6 / rate.task_mb_s)),)
    map_cpu = rate.core_s * (0.5 if work.readings else 1.0)
    per_task = max(total / at_once / rate.task_mb_s, total * map_cpu / at_once)
    longest = work.largest / 1e6 / rate.task_mb_s
    reading = max(per_task, longest, total / mb_s) + waves * container
    reducers = max(1, min(slots, reduces))
    reduced = total * (rate.core_s - map_cpu) / reducers
    merging = work.stages * -(-reduces // slots) * container + reduced
    return ("map", work.passes * reading), ("reduce", work.passes * merging)


def price(
    work: Work, fleets: tuple[Fleet, ...], prices: PriceTable, region: str, seconds: tuple[float, float]
) -> tuple[float, float]:
    """USD: the cheapest types, spot at its lowest; and the dearest, on demand where there is no spot left."""
    table = prices.region(region)
    low = high = requests(work, table)
    for fleet in fleets:
        nodes = [prices.node(region, name) for name in fleet.types]
        hours_low, hours_high = (max(LEAST_SECONDS, each) / 3600 for each in seconds)
        disk = fleet.nodes * disk_hour(fleet, table)
        low += hours_low * (
            disk
            + min(
                fleet.on_demand * (node.on_demand + node.emr) + fleet.spot * (node.on_demand * node.spot[0] + node.emr)
                for node in nodes
            )
        )
        high += hours_high * (disk + max(fleet.nodes * (node.on_demand + node.emr) for node in nodes))
    return low, high


def requests(work: Work, table: Mapping[str, Any]) -> float:
    """USD of reading from S3 and writing to it."""
    ranges = -(-max(0, work.bytes // max(1, work.splits) - FIRST_RANGE) // RANGE)
    gets, puts = work.passes * work.splits * (_SPLIT_REQUESTS + ranges), work.partitions
    return float(gets * table["s3_1000_get"] + puts * table["s3_1000_put"]) / 1000


def disk_hour(fleet: Fleet, table: Mapping[str, Any]) -> float:
    """USD of a node's disks, an hour."""
    return float(fleet.volumes * fleet.ebs_gb * table["ebs_gb_month"] / _HOURS_A_MONTH)


def _limits(work: Work, rate: Rate, maps: int, count: int, wanted: int, most: int) -> Iterator[str]:
    """What would have broken, and what was done about it."""
    if work.splits > containers.MOST_MAPS and not work.tasks:
        yield (
            f"{work.splits:,} containers are more than an application master can follow, and dear to start:"
            f" {maps:,} map tasks take several splits each"
        )
    if wanted > count:
        yield f"{wanted:,} nodes would be done with map in {MAP_SECONDS / 60:.0f} minutes; {most} are the most"
    if (longest := work.largest / 1e6 / rate.task_mb_s) > MAP_SECONDS:
        yield (
            f"one task reads {work.largest / 1e9:,.0f} GB that cannot be cut, for {longest / 60:.0f} minutes: smaller"
            " or uncompressed objects would be faster"
        )
    if work.readings and (each := work.bytes / work.partitions) > _MOST_A_REDUCE:
        yield f"readings of {each / 1e9:,.0f} GB go through one reduce task: faster is a run for fewer days at a time"


def _sources(prices: PriceTable, rates: Rates, rate: Rate, region: str) -> tuple[str, ...]:
    cluster, tables = rates.cluster, prices.tables
    spot_low, spot_high = tables["spot"]["share"]
    start_low, start_high = cluster["start_s"]
    fee = "" if prices.region(region).get("emr") else f"; {tables['emr']['source']}"
    return (
        f"rate      {rate.source}",
        f"reading   at most {cluster['s3_mb_s']:g} MB/s a task: {cluster['s3_source']}",
        f"container {cluster['container_s']:g} s to start: {cluster['container_source']}",
        f"cluster   {start_low / 60:g} to {start_high / 60:g} min to start: {cluster['start_source']}",
        f"range     up to {rates.slower(rate):g} times slower: an assumption",
        f"disks     {disks.source(rates)}",
        f"prices    {prices.source(region)}{fee}; check them before you rely on them",
        f"spot      {spot_low:.0%} to {spot_high:.0%} of the on-demand price: {tables['spot']['source']}",
    )
