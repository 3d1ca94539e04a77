"""An outlook for people, before a run and beside what it took."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jobs.emr import disks
from jobs.emr.outlook import Fleet, Outlook
from jobs.emr.planned import Forecast, Planned
from jobs.emr.workers import Workers

_ARCHITECTURES = {"aarch64": "Graviton", "x86_64": "x86-64"}
_STARTS = {"a cluster": "cluster's", "workers": "workers'"}


@dataclass(frozen=True, slots=True)
class Actual:
    """What a run took. seconds: wall time in all; start_seconds: of these until the first step; bytes: of input;
    dollars: by the prices of the plan."""

    seconds: float
    start_seconds: float
    bytes: int
    dollars: float


@dataclass(frozen=True, slots=True)
class Account:
    """What a run took beside what was planned: in lines for people, and in dollars, of which `planned` is the most."""

    lines: tuple[str, ...]
    planned: float
    spent: float


def lines(outlook: Outlook) -> Iterator[str]:
    """Cluster, tasks, time and price, what limits there were, and the source of each figure."""
    kind = _ARCHITECTURES[outlook.architecture]
    yield f"cluster   {outlook.release} in {outlook.region}, {kind}, at most {outlook.slots:,} tasks at once"
    for fleet in outlook.fleets:
        yield f"  {fleet.role:<8}{_fleet(fleet)}"
    on_demand, spot = outlook.vcpus
    yield f"vCPUs     {on_demand:,} on demand (quota L-1216C47A), {spot:,} on spot (quota L-34B43A08)"
    each = f", each of {outlook.lines:,} splits" if outlook.lines > 1 else ""
    waves = "1 wave" if outlook.waves == 1 else f"{outlook.waves:,} waves"
    yield f"tasks     {outlook.map_tasks:,} map{each}, in {waves}; {outlook.reduce_tasks:,} reduce"
    yield f"disks     {disks.why(outlook.disks)}"
    yield from _time_and_price(outlook)


def lines_of_workers(planned: Workers) -> Iterator[str]:
    """The same of a run on EMR Serverless."""
    kind = _ARCHITECTURES[planned.architecture]
    yield f"workers   {planned.release} Serverless in {planned.region}, {kind}, at most {planned.slots:,} tasks at once"
    each = f"{planned.cores} vCPU, {planned.memory_gb} GB of memory and {planned.disk_gb} GB of disk each"
    yield f"  1 for the driver, at most {planned.executors:,} for executors, {each}"
    yield f"tasks     {planned.map_tasks:,} split{'' if planned.map_tasks == 1 else 's'}"
    yield from _time_and_price(planned)


def _time_and_price(planned: Forecast) -> Iterator[str]:
    parts = ", ".join(f"{name} {duration(seconds)}" for name, seconds in planned.parts)
    yield f"time      {between(planned.seconds)} (at best: {parts})"
    low, high = planned.dollars
    yield f"price     {dollars(low)} to {dollars(high)}"
    for limit in planned.limits:
        yield f"limit     {limit}"
    yield "where these figures are from:"
    yield from (f"  {source}" for source in planned.sources)


def compared(outlook: Planned, actual: Actual) -> Iterator[str]:
    """Planned and actual, side by side."""
    low, high = outlook.dollars
    rows = (
        ("", "planned", "actual"),
        ("time", between(outlook.seconds), duration(actual.seconds)),
        (f"  {_STARTS[outlook.starts]} start", duration(outlook.parts[0][1]), duration(actual.start_seconds)),
        ("bytes", _bytes(outlook.work.bytes), _bytes(actual.bytes)),
        ("price", f"{dollars(low)} to {dollars(high)}", dollars(actual.dollars)),
    )
    width = max(len(planned) for _, planned, _ in rows)
    yield from (f"{name:<18}{planned:<{width}}  {took}".rstrip() for name, planned, took in rows)


def duration(seconds: float) -> str:
    """Seconds in the unit that reads best."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def between(seconds: tuple[float, float]) -> str:
    """A range of durations."""
    return f"{duration(seconds[0])} to {duration(seconds[1])}"


def dollars(amount: float) -> str:
    """USD, with cents where they matter."""
    return f"${amount:,.2f}" if amount < 100 else f"${amount:,.0f}"


def _fleet(fleet: Fleet) -> str:
    count = f"{fleet.nodes:,} × {fleet.types[0]}"
    others = f" (or {', '.join(fleet.types[1:])})" if len(fleet.types) > 1 else ""
    disk = f"{fleet.volumes} × {fleet.ebs_gb:,}" if fleet.volumes > 1 else f"{fleet.ebs_gb:,}"
    return f"{count}{others}, {'spot' if fleet.spot else 'on demand'}, {disk} GB of disk each"


def _bytes(size: int) -> str:
    for unit, of in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= of:
            return f"{size / of:,.1f} {unit}"
    return f"{size / 1e3:.1f} kB"
