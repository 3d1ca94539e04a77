"""Several jobs over the same input on one cluster, one after the other: the cluster, and what of it each job takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from jobs.emr import disks
from jobs.emr.outlook import Outlook, dealt, price, with_disks
from jobs.emr.prices import PriceTable
from jobs.emr.rates import Rates


def together(outlooks: Sequence[Outlook], prices: PriceTable, rates: Rates) -> tuple[Outlook, tuple[Outlook, ...]]:
    """Of the clusters that jobs want the one with the largest containers, and of these the most; and each job's part of
    it, without its start. `parts` of the whole tells of each job; what it reads is what all of them do."""
    chosen = max(outlooks, key=lambda each: (each.memory_mb, each.slots))
    vcpu = prices.node(chosen.region, chosen.fleets[-1].types[0]).vcpu
    volumes = disks.shared([each.disks for each in outlooks], chosen.nodes, vcpu)
    chosen = replace(chosen, disks=volumes, fleets=tuple(with_disks(fleet, volumes) for fleet in chosen.fleets))
    parts = tuple(_part(each, chosen, prices, rates) for each in outlooks)
    low, high = rates.cluster["start_s"]
    seconds = (low + sum(part.seconds[0] for part in parts), high + sum(part.seconds[1] for part in parts))
    work = replace(
        chosen.work,
        passes=sum(each.work.passes for each in outlooks),
        partitions=sum(each.work.partitions for each in outlooks),
    )
    whole = replace(
        chosen,
        work=work,
        seconds=seconds,
        dollars=price(work, chosen.fleets, prices, chosen.region, seconds),
        parts=(("start", float(low)), *((part.work.job, part.seconds[0]) for part in parts)),
        limits=tuple(dict.fromkeys(limit for each in outlooks for limit in each.limits)),
        sources=tuple(_sources(outlooks)),
    )
    return whole, parts


def _part(one: Outlook, cluster: Outlook, prices: PriceTable, rates: Rates) -> Outlook:
    """What a job takes of a cluster that is there; where that is larger than its own, no more than it would have."""
    slower, starts = max(1.0, one.slots / cluster.slots), rates.cluster["start_s"]
    low, high = (slower * (took - one.work.passes * start) for took, start in zip(one.seconds, starts, strict=True))
    lines, maps, waves = dealt(one.work, cluster.slots)
    return replace(
        cluster,
        work=one.work,
        lines=lines,
        map_tasks=maps,
        reduce_tasks=one.reduce_tasks,
        waves=waves,
        seconds=(low, high),
        dollars=price(one.work, cluster.fleets, prices, cluster.region, (low, high)),
        parts=(("start", 0.0), *((name, slower * took) for name, took in one.parts[1:])),
        limits=one.limits,
        sources=one.sources,
    )


def _sources(outlooks: Sequence[Outlook]) -> Iterator[str]:
    """Each job's rate, and all else once."""
    for each in outlooks:
        kind, said = each.sources[0].split(maxsplit=1)
        yield f"{kind:<10}{each.work.job}: {said}" if len(outlooks) > 1 else each.sources[0]
    yield from dict.fromkeys(source for each in outlooks for source in each.sources[1:])
