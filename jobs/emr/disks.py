"""Disks of nodes: what is shuffled lies there several times over, on volumes that EMR and EBS have."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jobs.emr.rates import Rates
from jobs.emr.work import Work

LEAST_GB = 64  # of each node, for all that is not shuffled
_VOLUME_GB = 1024  # of a volume: what EMR's VolumeSpecification takes; gp3 itself has up to 16 TiB
_NODE_VOLUMES, _CLUSTER_VOLUMES = 25, 2500  # the most that EMR attaches to a node, and that EBS starts at once
_VOLUME_MB_S = 131.0  # 125 MiB/s, of each gp3 volume, whatever its size: more volumes are faster and cost no more
EBS_MB_S = 37.1  # for each vCPU, of a node's link to EBS: the least baseline of its types, 4.75 Gbit/s of m6g.4xlarge
_ACCOUNT_TIB = 50  # of gp3 in a region: the default of EBS's quota L-7A658B76 in the AWS General Reference
_UNEVEN = 1.5  # times the average on the fullest node: an assumption, as devices differ and few reduce tasks pack
_FULL = 0.9  # of a disk; YARN gives up one that is fuller
_UNITS = (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3))
_PASSES = 2  # over each byte at best: written by map tasks and by reduce tasks, and read while it is still in memory
_MATTERS = 0.1  # of a run's time, by which disks make it longer, before a user should know


@dataclass(frozen=True, slots=True)
class Disks:
    """Of each core and task node. shuffled: bytes in all; copies: of them at once; volumes: of gb each; mb_s: what they
    carry together; seconds: what they take at best, half of them for map tasks; short: GB that are wanted and cannot
    be had."""

    shuffled: float
    copies: int
    nodes: int
    volumes: int
    gb: int
    mb_s: float
    seconds: float
    short: int


def shuffled(work: Work, rates: Rates) -> tuple[float, int]:
    """Bytes that a run shuffles, and how many copies of them lie on disks at once."""
    table = rates.tables["shuffled"]
    kind = table[work.shuffles]
    return kind["bytes"] * (work.bytes + work.packed * (table["packed"] - 1)), kind["copies"]


def sized(shuffled: float, copies: int, nodes: int, vcpu: int) -> Disks:
    """The disks that hold what is shuffled, on so many nodes of so many vCPU."""
    each, link = shuffled / nodes, EBS_MB_S * vcpu
    wanted = LEAST_GB + math.ceil(each * copies * _UNEVEN / _FULL / 1e9)
    most = max(1, min(_NODE_VOLUMES, _CLUSTER_VOLUMES // nodes))
    fast = min(math.ceil(link / _VOLUME_MB_S), wanted // LEAST_GB)
    volumes = min(most, max(math.ceil(wanted / _VOLUME_GB), fast))
    gb = min(_VOLUME_GB, math.ceil(wanted / volumes))
    mb_s = min(link, volumes * _VOLUME_MB_S)
    return Disks(shuffled, copies, nodes, volumes, gb, mb_s, each * _PASSES / 1e6 / mb_s, max(0, wanted - volumes * gb))


def shared(each: Sequence[Disks], nodes: int, vcpu: int) -> Disks:
    """Disks for jobs that run one after the other, each of which leaves them empty."""
    most = max(each, key=lambda one: one.shuffled * one.copies)
    return sized(most.shuffled, most.copies, nodes, vcpu)


def why(disks: Disks) -> str:
    """What the disks are for, in a line."""
    size, unit = next((disks.shuffled / of, unit) for unit, of in _UNITS if disks.shuffled >= of or of == 1e3)
    return (
        f"{size:,.0f} {unit} shuffled, {disks.copies} copies, up to {_UNEVEN:g} times as much on a node: "
        f"{disks.volumes * disks.gb:,} GB each, at {disks.mb_s:.0f} MB/s"
    )


def limits(disks: Disks, phases: Sequence[float]) -> Iterator[str]:
    """Where disks are too small or too slow. phases: seconds of map and reduce tasks, were there no disks."""
    if disks.short:
        yield (
            f"what is shuffled may want {disks.short:,} GB more than the {disks.volumes} volumes that EMR gives a node:"
            " run it for fewer days at a time"
        )
    longer = sum(max(0.0, disks.seconds / 2 - phase) for phase in phases)
    if longer > _MATTERS * sum(phases):
        yield f"tasks wait {longer / 60:.0f} minutes for disks of {disks.mb_s:.0f} MB/s a node: more nodes are faster"
    if (tib := disks.nodes * disks.volumes * disks.gb / 1024) > _ACCOUNT_TIB:
        yield (
            f"disks have {tib:,.0f} TiB together, and an account {_ACCOUNT_TIB} where AWS has not raised its quota of"
            " gp3 (L-7A658B76): ask for more, or run it for fewer days at a time"
        )


def source(rates: Rates) -> str:
    """Where the figures of disks are from."""
    table = rates.tables["shuffled"]
    kinds = {name: kind["bytes"] for name, kind in table.items() if isinstance(kind, dict)}
    return (
        f"{kinds['partials']:g} bytes shuffled for each of CSV, {kinds['ordered']:g} where readings are, "
        f"{table['packed']:g} times as many of gzip or Parquet: {table['source']}"
    )
