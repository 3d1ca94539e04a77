"""Distinct devices: how many reported each day, and how many were new, came back or were lost?

All days of a device meet in one reduce task, so that counts are exact and add up; beyond a limit, or on request,
sketches of the devices take their place. docs/distinct_devices.md defines every column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from jobs.engine import devices
from jobs.engine.devices import SITES
from jobs.engine.job import Column, SensorJob
from jobs.engine.options import Option, Settings, one_of, whole_number
from jobs.engine.run import Run
from jobs.engine.shuffle import read_block
from jobs.lake.runs import whole_groups
from jobs.partials import buckets, moments, presence
from jobs.partials.places import Placed, Places
from jobs.partials.presence import PRESENT, SKETCHES, Presence
from jobs.partials.schema import Accumulator, PartialSchema
from jobs.readings import zones
from jobs.readings.model import Keys


class DistinctDevices(SensorJob):
    """How many devices reported, by day and metric or site."""

    NAME = "distinct_devices"
    QUESTION = "How many devices reported each day?"
    KEYS = ("metric", "site", "date")
    COLUMNS = (
        Column("metric", pa.string(), "with --per metric: what was measured"),
        Column("site", pa.string(), "with --per site: where, by the metadata"),
        Column("date", pa.date32(), "the day in --time-zone"),
        Column("devices", pa.int64(), "how many devices reported; an estimate where the others are empty"),
        Column("new", pa.int64(), "of them, those that did on no earlier day of the input"),
        Column("returning", pa.int64(), "of them, those that did on an earlier day but not on the day before"),
        Column("lost", pa.int64(), "how many reported on the day before and not on this one"),
    )
    OPTIONS = (
        Option(
            "--per",
            "by metric and day (default), by day, or by site and day",
            "metric",
            one_of("metric", "day", "site"),
            "metric|day|site",
        ),
        Option(
            "--method",
            "count, estimate, or as --exact-limit says (default: auto)",
            "auto",
            one_of("auto", "exact", "hll"),
            "auto|exact|hll",
        ),
        Option(
            "--exact-limit",
            "with auto: estimate where the input has more devices (default: 1000000)",
            "1000000",
            whole_number(0, 10**12),
            "N",
            needs="--method auto",
        ),
        devices.option("--per site"),
    )
    PARTIALS: ClassVar[Mapping[str, PartialSchema]] = {PRESENT.name: PRESENT, SKETCHES.name: SKETCHES}

    @classmethod
    def columns(cls, settings: Settings) -> tuple[Column, ...]:
        unused = {"metric", "site"} - {settings.option("per")}
        return tuple(column for column in cls.COLUMNS if column.name not in unused)

    @classmethod
    def tables(cls, settings: Settings) -> Mapping[str, pa.Table]:
        return devices.tables(settings, "--per site")

    @classmethod
    def accumulator(cls, run: Run, keys: Keys) -> Accumulator:
        days, per = buckets.days(zones.load(run.settings.time_zone)), run.settings.option("per")

        def opened(of: Keys) -> Accumulator:
            return moments.open_moments(of, days, None, run.kernel, passing=False)

        inner = Placed(keys, Places(run.table(SITES)), opened) if per == "site" else opened(keys)
        return Presence(inner, None if per == "day" else per, sketched=run.settings.option("method") == "hll")

    @classmethod
    def finish(cls, run: Run, partials: Mapping[str, pa.Table]) -> pa.Table:
        method = run.settings.option("method")
        if method == "hll":
            return named(run, presence.of_sketches(partials[SKETCHES.name]))
        present = partials[PRESENT.name]
        skipped = buckets.skipped_days(zones.load(run.settings.time_zone))
        return named(run, presence.counted(present, skipped, _set_aside(run, present) if method == "auto" else None))

    @classmethod
    def conclude(cls, run: Run, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
        total, names = 0, cls.schema(run.settings).names
        aside: list[bytes] = []
        for table in whole_groups(tables, cls.keys(run.settings)[:-1]):
            is_count = table["date"].is_valid()
            wholes = table.filter(pc.invert(is_count))  # which come before all others
            total += pc.sum(wholes["devices"]).as_py() or 0
            aside += wholes["sketch"].drop_null().to_pylist()
            counts = table.filter(is_count).rename_columns(presence.COUNTS.names)
            if not len(counts):
                continue
            if not is_estimated(run.settings, total):
                yield named(run, presence.added_up(counts)).select(names)
            elif not aside:
                yield named(run, presence.estimated([counts])).select(names)
            else:
                yield named(run, presence.estimated(map(_sketched, aside))).select(names)
                return


def _set_aside(run: Run, present: pa.Table) -> str:
    """Keeps what the driver needs where there are too many devices to count: PRESENT rows, whose sketches are made
    there if at all, or where it is far away their sketches, which are small."""
    from jobs.engine.tasks import set_aside

    return set_aside(run, present if run.carrier == "reference" else presence.to_sketches(present))


def _sketched(aside: bytes) -> pa.Table:
    rows = read_block(aside.decode())
    return presence.of_sketches(rows if "sketch" in rows.column_names else presence.to_sketches(rows))


def is_estimated(settings: Settings, total: int) -> bool:
    """Whether the result is an estimate. total: how many devices the input has."""
    method = settings.option("method")
    limit: int = settings.option("exact_limit")
    return bool(method == "hll" or (method == "auto" and total > limit))


def named(run: Run, counts: pa.Table) -> pa.Table:
    """The rows with their group under its name in the result."""
    per = run.settings.option("per")
    return counts.rename_columns(["group" if per == "day" else per, *counts.column_names[1:]])


if __name__ == "__main__":
    DistinctDevices.run()
