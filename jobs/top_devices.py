"""Top devices: which are highest, by any statistic, per metric and unit, over all time, each day or at each site?

Map and reduce are those of daily_stats. Each piece of a reduce task keeps its N best of each group, and the driver the
N best of those: what it holds grows with N and not with the devices. docs/top_devices.md defines every column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

import pyarrow as pa

from jobs.engine import devices, statistics
from jobs.engine.devices import SITES
from jobs.engine.job import Column, SensorJob
from jobs.engine.options import Option, Settings, one_of, whole_number
from jobs.engine.run import Run
from jobs.engine.statistics import DATE, SERIES
from jobs.lake.runs import whole_groups
from jobs.partials import buckets, moments
from jobs.partials.buckets import Buckets
from jobs.partials.grouping import grouped
from jobs.partials.places import UNMATCHED, Located, Places, parted, site_and_device
from jobs.partials.ranking import RANK, best
from jobs.partials.schema import STATS, Accumulator
from jobs.readings import zones
from jobs.readings.model import Keys

STATISTICS = {column.name: column for column in statistics.STATISTICS}
PER = {
    "day": replace(DATE, help="with --per day: the day in --time-zone"),
    "site": Column("site", pa.string(), "with --per site: where, by the metadata"),
}
"""What devices are ranked within, beside metric and unit."""


class TopDevices(SensorJob):
    """The devices with the highest or lowest value of a statistic."""

    NAME = "top_devices"
    QUESTION = "Which devices are highest?"
    KEYS = ("metric", "unit", "site", "date", "rank")
    COLUMNS = (
        *SERIES[1:],
        PER["site"],
        PER["day"],
        Column("rank", pa.int64(), "from 1; of equal values the device_id that sorts first comes first"),
        SERIES[0],
        Column("mean", pa.float64(), "the statistic of the device; the column bears the name of the --statistic"),
        STATISTICS["count"],
    )
    OPTIONS = (
        Option("--top", "how many devices of each group (default: 10)", "10", whole_number(1, 100_000), "N"),
        Option("--statistic", f"by what (default: mean): {', '.join(STATISTICS)}", "mean", one_of(*STATISTICS), "NAME"),
        Option(
            "--per",
            "over all the input (default), for each day, or at each site",
            "all",
            one_of("all", *PER),
            "all|day|site",
        ),
        devices.option("--per site"),
        Option("--lowest", "the lowest come first", switch=True),
    )
    PARTIALS = moments.KINDS

    @classmethod
    def columns(cls, settings: Settings) -> tuple[Column, ...]:
        statistic = STATISTICS[settings.option("statistic")]
        per = [column for name, column in PER.items() if name == settings.option("per")]
        rank, device, _, count = cls.COLUMNS[4:]
        return (*SERIES[1:], *per, rank, device, statistic, *((count,) if statistic != count else ()))

    @classmethod
    def tables(cls, settings: Settings) -> Mapping[str, pa.Table]:
        return devices.tables(settings, "--per site")

    @classmethod
    def accumulator(cls, run: Run, keys: Keys) -> Accumulator:
        opened = partial(moments.open_moments, buckets=buckets_of(run), sketch=None, kernel=run.kernel)
        if run.settings.option("per") != "site":
            return opened(keys)
        return grouped(keys, Located(keys, Places(run.table(SITES)), site_and_device), opened)

    @classmethod
    def finish(cls, run: Run, partials: Mapping[str, pa.Table]) -> pa.Table:
        rows = moments.settle(partials, buckets_of(run), None, run.kernel)
        return cut(run, finished(run, rows[STATS.name]))

    @classmethod
    def conclude(cls, run: Run, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
        return (cut(run, table) for table in whole_groups(tables, groups_of(run)))

    @classmethod
    def watch(cls, settings: Settings, tables: Iterator[pa.Table], say: Callable[[str], None]) -> Iterator[pa.Table]:
        unmatched = False
        for table in tables:
            unmatched = unmatched or ("site" in table.column_names and UNMATCHED in table["site"].unique().to_pylist())
            yield table
        if unmatched:
            say(f"devices of no site in the metadata are ranked at {UNMATCHED}")


def buckets_of(run: Run) -> Buckets:
    """What a device's statistic is of."""
    zone = zones.load(run.settings.time_zone)
    return buckets.days(zone) if run.settings.option("per") == "day" else buckets.whole(zone)


def finished(run: Run, stats: pa.Table) -> pa.Table:
    """The statistics of merged STATS rows, by `site` too where their devices are those of `site_and_device`."""
    found = moments.finish(stats)
    if run.settings.option("per") != "site":
        return found
    sites, own = parted(found["device_id"])
    return found.set_column(0, "device_id", own).append_column("site", sites)


def groups_of(run: Run) -> tuple[str, ...]:
    """Within what devices are ranked."""
    return TopDevices.keys(run.settings)[:-1]


def cut(run: Run, statistics: pa.Table) -> pa.Table:
    """The N best rows of each group, of rows of statistics or of what was cut before."""
    option = run.settings.option
    rows = statistics.drop_columns([name for name in statistics.column_names if name == RANK])
    ranked = best(rows, groups_of(run), option("statistic"), option("top"), lowest=option("lowest"))
    return ranked.select(TopDevices.schema(run.settings).names)


if __name__ == "__main__":
    TopDevices.run()
