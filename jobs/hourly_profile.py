"""Hourly profile: what is a normal day?

As daily_stats, with the hours of the day or of the week, as local clocks show them, for days; the baseline that
`partials.profile.Baseline` reads. docs/hourly_profile.md defines every column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import pyarrow as pa

from jobs.engine import groups
from jobs.engine.groups import BY, DEVICES, GROUPED, ByGroups
from jobs.engine.job import Column, SensorJob
from jobs.engine.options import Option, Settings, one_of
from jobs.engine.run import Run
from jobs.engine.statistics import (
    QUANTILE_ERROR,
    QUANTILES,
    STATISTICS,
    quantile_columns,
    quantiles_of,
    sketch_of,
)
from jobs.partials import moments, profile
from jobs.partials.schema import Accumulator
from jobs.readings import zones
from jobs.readings.model import Keys

DAY_OF_WEEK = Column("day_of_week", pa.int64(), "1 Monday to 7 Sunday; not there with --period hour-of-day")


class HourlyProfile(ByGroups, SensorJob):
    """Statistics of each device, metric and unit in every hour of the week or of the day."""

    NAME = "hourly_profile"
    QUESTION = "What is a normal day?"
    KEYS = ("device_id", "site", "metric", "unit", "day_of_week", "hour")
    COLUMNS = (
        *GROUPED,
        DAY_OF_WEEK,
        Column("hour", pa.int64(), "0 to 23, as clocks in --time-zone show it"),
        *(column for column in STATISTICS if column.name in ("count", "mean", "stddev", "min", "max")),
    )
    OPTIONS = (
        Option(
            "--period", "hour-of-week (default) or hour-of-day", "hour-of-week", one_of("hour-of-week", "hour-of-day")
        ),
        BY,
        DEVICES,
        replace(QUANTILES, help="quantiles (default: 0.25,0.5,0.75)", default="0.25,0.5,0.75"),
        QUANTILE_ERROR,
    )
    PARTIALS = moments.KINDS

    @classmethod
    def columns(cls, settings: Settings) -> tuple[Column, ...]:
        columns = groups.by_group(cls.COLUMNS, settings) + quantile_columns(settings)
        return tuple(c for c in columns if c != DAY_OF_WEEK or settings.option("period") == "hour-of-week")

    @classmethod
    def accumulator(cls, run: Run, keys: Keys) -> Accumulator:
        hours = profile.buckets_of(run.settings.option("period"), zones.load(run.settings.time_zone))
        sketch = sketch_of(run.settings)
        opened = partial(moments.open_moments, buckets=hours, sketch=sketch, kernel=run.kernel)
        return groups.accumulator(run, keys, opened)

    @classmethod
    def finish(cls, run: Run, partials: Mapping[str, pa.Table]) -> pa.Table:
        period = run.settings.option("period")
        hours, sketch = profile.buckets_of(period, zones.load(run.settings.time_zone)), sketch_of(run.settings)
        rows = moments.settle(partials, hours, sketch, run.kernel)
        place = profile.place_of(period)
        found = moments.finish(rows["stats"], rows.get("sketch"), quantiles_of(run.settings), sketch, place)
        return groups.named(found, cls.schema(run.settings), run.settings)


if __name__ == "__main__":
    HourlyProfile.run()
