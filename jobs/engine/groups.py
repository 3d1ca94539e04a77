"""Whose statistics they are: `--by`, for jobs whose result depends on keys alone.

Groups of devices are keys as devices are (`partials.grouping`), so that every statistic works for them. Where devices
stand their metadata say, which travel with the run to every task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pyarrow as pa

from jobs.engine import devices
from jobs.engine.declaration import Column, Declaration
from jobs.engine.devices import SITES
from jobs.engine.options import Option, Settings, one_of
from jobs.engine.run import Run
from jobs.engine.statistics import SERIES
from jobs.partials.grouping import grouped, together
from jobs.partials.places import Located, Places, the_site
from jobs.partials.schema import Accumulator
from jobs.readings.model import Keys

BY = Option(
    "--by",
    "whose statistics: of each device, metric for all devices together, or of each site",
    "device",
    one_of("device", "metric", "site"),
    "device|metric|site",
)
DEVICES = devices.option("--by site")
GROUPED = (SERIES[0], Column("site", pa.string(), "with --by site: where, by the metadata"), *SERIES[1:])
"""The first columns of a job that has --by."""

_COLUMN = {"device": "device_id", "site": "site"}


class ByGroups(Declaration):
    """A job with BY and DEVICES, whose columns begin with GROUPED."""

    @classmethod
    def needs_time(cls, settings: Settings) -> bool:
        return cls.NEEDS_TIME or settings.option("by") == "site"

    @classmethod
    def tables(cls, settings: Settings) -> Mapping[str, pa.Table]:
        return devices.tables(settings, "--by site")

    @classmethod
    def regroups(cls, settings: Settings) -> bool:
        return bool(settings.option("by") != "device")

    @classmethod
    def watch(cls, settings: Settings, tables: Iterator[pa.Table], say: Callable[[str], None]) -> Iterator[pa.Table]:
        return devices.watch_unmatched(tables, say)


def group_column(settings: Settings) -> str | None:
    """The column that says whose statistics they are; None where they are those of all devices together."""
    return _COLUMN.get(settings.option("by"))


def by_group(columns: tuple[Column, ...], settings: Settings) -> tuple[Column, ...]:
    """The columns that `--by` leaves."""
    others = set(_COLUMN.values()) - {group_column(settings)}
    return tuple(column for column in columns if column.name not in others)


def accumulator(run: Run, keys: Keys, opened: Callable[[Keys], Accumulator]) -> Accumulator:
    """The accumulator that `opened` opens, of the groups that `--by` makes."""
    by = run.settings.option("by")
    if by == "device":
        return opened(keys)
    return grouped(keys, together if by == "metric" else Located(keys, Places(run.table(SITES)), the_site), opened)


def named(rows: pa.Table, schema: pa.Schema, settings: Settings) -> pa.Table:
    """The columns of the schema, of finished rows whose `device_id` is the group."""
    group = group_column(settings) or "device_id"
    names = [group if name == "device_id" else name for name in rows.column_names]
    return rows.rename_columns(names).select(schema.names)
