"""Site statistics: what was measured at each place each day, by a join of readings with device metadata?

Small metadata go to every map task, which accumulates by site (broadcast join). Large ones go through the shuffle:
partial rows meet the metadata of their devices in a reduce task, and those of sites meet after a second shuffle
(reduce-side join). The bytes are the same. docs/site_stats.md defines every column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar

import pyarrow as pa

from jobs.engine import devices
from jobs.engine.devices import SITES
from jobs.engine.job import Column, SensorJob
from jobs.engine.options import Option, Settings, one_of
from jobs.engine.run import Run
from jobs.engine.statistics import (
    DATE,
    QUANTILE_ERROR,
    QUANTILES,
    SERIES,
    STATISTICS,
    quantile_columns,
    quantiles_of,
    sketch_of,
)
from jobs.partials import buckets, moments, places
from jobs.partials.places import DEVICES, SEEN, Placed, Places
from jobs.partials.schema import SKETCH, STATS, Accumulator, PartialSchema
from jobs.partials.slices import Collected
from jobs.readings import zones
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Int64Array, Keys

BROADCAST_BYTES = 16 << 20
"""Metadata of up to this size, as an Arrow table, go to every map task."""
MOVED = "moved"
"""What says that devices moved where the metadata do not travel with the run."""


class SiteStats(SensorJob):
    """Daily statistics of each site, metric and unit."""

    NAME = "site_stats"
    QUESTION = "What was measured at each site each day?"
    KEYS = ("site", "metric", "unit", "date")
    COLUMNS = (
        Column("site", pa.string(), f'where, by the metadata; "{places.UNMATCHED}" for what they do not hold'),
        *SERIES[1:],
        DATE,
        Column("devices", pa.int64(), "how many devices reported, exactly"),
        *STATISTICS,
    )
    OPTIONS = (
        Option(
            "--devices",
            "device metadata, CSV or Parquet (default: _devices.csv in the input's folder)",
            metavar="FILE",
            file=True,
        ),
        Option(
            "--join",
            "how: by the metadata's size (default), or as forced",
            "auto",
            one_of("auto", "broadcast", "reduce"),
            "auto|broadcast|reduce",
        ),
        QUANTILES,
        QUANTILE_ERROR,
    )
    PARTIALS: ClassVar[Mapping[str, PartialSchema]] = {**moments.KINDS, SEEN.name: SEEN, DEVICES.name: DEVICES}

    @classmethod
    def columns(cls, settings: Settings) -> tuple[Column, ...]:
        return cls.COLUMNS + quantile_columns(settings)

    @classmethod
    def tables(cls, settings: Settings) -> Mapping[str, pa.Table]:
        table, join = devices.load(settings), settings.option("join")
        if join == "broadcast" or (join == "auto" and table.nbytes <= BROADCAST_BYTES):
            return {SITES: table}
        return {DEVICES.name: table} | ({MOVED: DEVICES.empty()} if places.moved(table) else {})

    @classmethod
    def regroups(cls, settings: Settings) -> bool:
        return True

    @classmethod
    def accumulator(cls, run: Run, keys: Keys) -> Accumulator:
        if SITES in run.tables:
            return Placed(keys, Places(run.table(SITES)), opener(run))
        if MOVED in run.tables:  # what a device did at either place cannot be told from its partial rows
            return Collected(keys)
        return opener(run, passing=True)(keys)

    @classmethod
    def regroup(cls, run: Run, partials: dict[str, pa.Table]) -> dict[str, pa.Table]:
        if SITES in run.tables:
            return partials
        return places.regrouped(partials, Places(partials.get(DEVICES.name, DEVICES.empty())), opener(run))

    @classmethod
    def finish(cls, run: Run, partials: Mapping[str, pa.Table]) -> pa.Table:
        return finished(run, partials[STATS.name], partials.get(SKETCH.name), places.devices_seen(partials[SEEN.name]))

    @classmethod
    def watch(cls, settings: Settings, tables: Iterator[pa.Table], say: Callable[[str], None]) -> Iterator[pa.Table]:
        return devices.watch_unmatched(tables, say)


def opener(run: Run, *, passing: bool = False) -> Callable[[Keys], Accumulator]:
    """What opens the accumulator of statistics, by whatever keys; whether it may pass readings on."""
    days = buckets.days(zones.load(run.settings.time_zone))
    return lambda keys: moments.open_moments(keys, days, sketch_of(run.settings), run.kernel, passing=passing)


def finished(run: Run, stats: pa.Table, sketch: pa.Table | None, seen: Int64Array) -> pa.Table:
    """The result of merged partial rows by site. seen: how many devices reported, in the order of the result."""
    rows = moments.finish(stats, sketch, quantiles_of(run.settings), sketch_of(run.settings))
    return rows.rename_columns(["site", *rows.column_names[1:]]).add_column(4, "devices", from_numpy(seen))


if __name__ == "__main__":
    SiteStats.run()
