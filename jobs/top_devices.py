"""Top devices: which are highest, by any statistic, per metric and unit, over all time or each day?

Map and reduce are those of daily_stats. Each piece of a reduce task keeps its N best of each group, and the driver the
N best of those: what it holds grows with N and not with the devices. docs/top_devices.md defines every column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa

from jobs.daily_stats import DailyStats
from jobs.engine.job import Column, SensorJob
from jobs.engine.options import Option, Settings, one_of, whole_number
from jobs.engine.run import Run
from jobs.lake.runs import whole_groups
from jobs.partials import buckets, moments
from jobs.partials.buckets import Buckets
from jobs.partials.ranking import RANK, best
from jobs.partials.schema import STATS, Accumulator
from jobs.readings import zones
from jobs.readings.model import Keys

STATISTICS = {c.name: c for c in DailyStats.COLUMNS if c.name not in DailyStats.KEYS}
DATE = Column("date", pa.date32(), "with --per day: the day in --time-zone")


class TopDevices(SensorJob):
    """The devices with the highest or lowest value of a statistic."""

    NAME = "top_devices"
    QUESTION = "Which devices are highest?"
    KEYS = ("metric", "unit", "date", "rank")
    COLUMNS = (
        Column("metric", pa.string(), "what was measured"),
        Column("unit", pa.string(), "in which unit, where the logs say"),
        DATE,
        Column("rank", pa.int64(), "from 1; of equal values the device_id that sorts first comes first"),
        Column("device_id", pa.string(), "who measured"),
        Column("mean", pa.float64(), "the statistic of the device; the column bears the name of the --statistic"),
        STATISTICS["count"],
    )
    OPTIONS = (
        Option("--top", "how many devices of each group (default: 10)", "10", whole_number(1, 100_000), "N"),
        Option("--statistic", f"by what (default: mean): {', '.join(STATISTICS)}", "mean", one_of(*STATISTICS), "NAME"),
        Option("--per", "over all the input, or for each day (default: all)", "all", one_of("all", "day"), "all|day"),
        Option("--lowest", "the lowest come first", switch=True),
    )
    PARTIALS = moments.KINDS

    @classmethod
    def columns(cls, settings: Settings) -> tuple[Column, ...]:
        metric, unit, date, rank, device, _, count = cls.COLUMNS
        statistic = STATISTICS[settings.option("statistic")]
        days = (date,) if settings.option("per") == "day" else ()
        return (metric, unit, *days, rank, device, statistic, *((count,) if statistic.name != "count" else ()))

    @classmethod
    def accumulator(cls, run: Run, keys: Keys) -> Accumulator:
        return moments.open_moments(keys, buckets_of(run), None, run.kernel)

    @classmethod
    def finish(cls, run: Run, partials: Mapping[str, pa.Table]) -> pa.Table:
        rows = moments.settle(partials, buckets_of(run), None, run.kernel)
        return cut(run, moments.finish(rows[STATS.name]))

    @classmethod
    def conclude(cls, run: Run, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
        return (cut(run, table) for table in whole_groups(tables, groups_of(run)))


def buckets_of(run: Run) -> Buckets:
    """What a device's statistic is of."""
    zone = zones.load(run.settings.time_zone)
    return buckets.days(zone) if run.settings.option("per") == "day" else buckets.whole(zone)


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
