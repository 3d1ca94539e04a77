"""How many workers a run on EMR Serverless wants, how long it takes there and what it costs, before it is started."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from jobs.emr import disks
from jobs.emr.executors import of_each, shared
from jobs.emr.outlook import ARCHITECTURE, MAP_SECONDS, RELEASE, requests
from jobs.emr.planned import Forecast
from jobs.emr.prices import LEAST_SECONDS, PriceTable
from jobs.emr.rates import Rate, Rates
from jobs.emr.work import MOST_NODES, Work

_CORES, _MEMORY_GB = 4, 16  # of a worker: a size that EMR Serverless has, with the memory that Spark shuffles in
_FREE_DISK_GB, _MOST_DISK_GB = 20, 200
_COPIES = 2  # of what is shuffled: written by one side, spilled by the other
_USUAL_MINUTES, _USUAL_VCPUS = 720, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers(Forecast):
    """Workers, and what a run will take on them. executors: at most, beside the driver's worker, which is as large;
    cores, memory_gb, disk_gb: of each."""

    executors: int
    cores: int
    memory_gb: int
    disk_gb: int

    starts: ClassVar = "workers"

    @property
    def slots(self) -> int:
        """Tasks that run at once."""
        return self.executors * self.cores

    @property
    def map_tasks(self) -> int:
        return self.work.splits

    @property
    def workers(self) -> int:
        """Executors and driver."""
        return self.executors + 1


@dataclass(frozen=True, slots=True)
class Used:
    """What a run was billed for, in hours."""

    vcpu: float
    memory_gb: float
    disk_gb: float


def workers(
    work: Work,
    prices: PriceTable,
    rates: Rates,
    *,
    region: str,
    architecture: str | None = None,
    most: int = MOST_NODES,
) -> Workers:
    """Size a run. architecture: of the workers; None: Graviton's. most: executors.

    Raises UsageError for a region without prices.
    """
    architecture = architecture or ARCHITECTURE
    rate = rates.of(work.job, work.bytes, readings=work.readings, packed=work.packed)
    total = work.bytes / 1e6
    wanted = max(1, math.ceil(total / (_CORES * rate.task_mb_s) / MAP_SECONDS))
    wanted = min(wanted, -(-work.splits // _CORES), *([-(-work.tasks // _CORES)] if work.tasks else []))
    executors = max(1, min(wanted, most))
    disk = disks.shuffled(work, rates)[0] * _COPIES / executors / 1e9
    disk_gb = min(_MOST_DISK_GB, max(_FREE_DISK_GB, math.ceil(disk)))
    at_once = max(1, min(executors * _CORES, work.splits))
    each = max(total * max(rate.core_s, 1 / rate.task_mb_s) / at_once, work.largest / 1e6 / rate.task_mb_s)
    busy = work.passes * each
    start_low, start_high = rates.serverless["start_s"]
    seconds = (start_low + busy, start_high + busy * rates.slower(rate))
    hourly = (executors + 1) * _worker(prices, region, architecture, disk_gb)
    fixed = requests(work, prices.region(region))
    low, high = (fixed + hourly * max(LEAST_SECONDS, took) / 3600 for took in (busy, seconds[1]))
    return Workers(
        work=work,
        region=region,
        release=RELEASE,
        architecture=architecture,
        executors=executors,
        cores=_CORES,
        memory_gb=_MEMORY_GB,
        disk_gb=disk_gb,
        seconds=seconds,
        dollars=(low, high),
        parts=(("start", start_low), ("tasks", busy)),
        limits=tuple(_limits(wanted, executors, most, disk)),
        sources=_sources(prices, rates, rate, region),
    )


def spent(planned: Workers, prices: PriceTable, used: Used) -> float:
    """USD that a run was billed for, and its requests to S3."""
    of = prices.serverless(planned.region)
    vcpu, memory = _rates(of, planned.architecture)
    hours = used.vcpu * vcpu + used.memory_gb * memory + used.disk_gb * float(of["disk_gb_hour"])
    return hours + requests(planned.work, prices.region(planned.region))


def conf(planned: Workers) -> dict[str, str]:
    """Spark's settings for workers of the planned size."""
    return {
        **of_each({"cores": str(planned.cores), **shared(planned.memory_gb, "g")}),
        "spark.emr-serverless.driver.disk": f"{planned.disk_gb}g",
        "spark.emr-serverless.executor.disk": f"{planned.disk_gb}g",
        "spark.executor.instances": str(planned.executors),
        "spark.dynamicAllocation.enabled": "false",  # it would begin with three, which a smaller plan refuses
    }


def minutes(planned: Workers) -> int:
    """After how many a run is cancelled: EMR Serverless's twelve hours, or twice what it may take."""
    return max(_USUAL_MINUTES, math.ceil(2 * planned.seconds[1] / 60))


def capacity(planned: Workers) -> dict[str, str]:
    """The most that an application may have at once: the planned workers."""
    count = planned.workers
    return {
        "cpu": f"{count * planned.cores} vCPU",
        "memory": f"{count * planned.memory_gb} GB",
        "disk": f"{count * planned.disk_gb} GB",
    }


def _worker(prices: PriceTable, region: str, architecture: str, disk_gb: int) -> float:
    """USD an hour of a worker; as much disk as every worker has is free."""
    of = prices.serverless(region)
    vcpu, memory = _rates(of, architecture)
    return _CORES * vcpu + _MEMORY_GB * memory + (disk_gb - _FREE_DISK_GB) * float(of["disk_gb_hour"])


def _rates(of: Mapping[str, Any], architecture: str) -> tuple[float, float]:
    """USD an hour of a vCPU, and of a GB of memory."""
    return float(of["vcpu_hour"][architecture]), float(of["gb_hour"][architecture])


def _limits(wanted: int, executors: int, most: int, disk: float) -> Iterator[str]:
    if (vcpus := (executors + 1) * _CORES) > _USUAL_VCPUS:
        usual = f"an account has {_USUAL_VCPUS} on EMR Serverless, where AWS has not raised that"
        yield f"{vcpus:,} vCPUs at once: {usual}; ask for more, or give --max-nodes {_USUAL_VCPUS // _CORES - 1}"
    if wanted > most:
        yield f"{wanted:,} executors would be done in {MAP_SECONDS / 60:.0f} minutes; {most} are the most"
    if disk > _MOST_DISK_GB:
        yield "what is shuffled may not fit on the workers' disks: run it for fewer days at a time"


def _sources(prices: PriceTable, rates: Rates, rate: Rate, region: str) -> tuple[str, ...]:
    start_low, start_high = rates.serverless["start_s"]
    of = prices.serverless(region)
    return (
        f"rate      {rate.source}",
        f"reading   at most {rates.cluster['s3_mb_s']:g} MB/s a task: {rates.cluster['s3_source']}",
        f"workers   {start_low / 60:g} to {start_high / 60:g} min to start: {rates.serverless['start_source']}",
        f"range     up to {rates.slower(rate):g} times slower: an assumption",
        f"disks     {disks.source(rates)}",
        f"prices    {of['source']}, {of['date']}{prices.overridden}; check them before you rely on them",
    )
