"""Daily statistics: what did each sensor measure each day?

Map makes partial rows of each series' days, reduce merges and finishes them. docs/daily_stats.md defines every column.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pyarrow as pa

from jobs.engine import groups
from jobs.engine.groups import BY, DEVICES, GROUPED, ByGroups
from jobs.engine.job import Column, SensorJob
from jobs.engine.options import Settings
from jobs.engine.run import Run
from jobs.engine.statistics import (
    DATE,
    QUANTILE_ERROR,
    QUANTILES,
    STATISTICS,
    quantile_columns,
    quantiles_of,
    sketch_of,
)
from jobs.partials import buckets, moments
from jobs.partials.schema import Accumulator
from jobs.readings import zones
from jobs.readings.model import Keys


class DailyStats(ByGroups, SensorJob):
    """Daily statistics of each device, metric and unit."""

    NAME = "daily_stats"
    QUESTION = "What did each sensor measure each day?"
    KEYS = ("device_id", "site", "metric", "unit", "date")
    COLUMNS = (*GROUPED, DATE, *STATISTICS)
    OPTIONS = (BY, DEVICES, QUANTILES, QUANTILE_ERROR)
    PARTIALS = moments.KINDS

    @classmethod
    def columns(cls, settings: Settings) -> tuple[Column, ...]:
        return groups.by_group(cls.COLUMNS, settings) + quantile_columns(settings)

    @classmethod
    def accumulator(cls, run: Run, keys: Keys) -> Accumulator:
        days = buckets.days(zones.load(run.settings.time_zone))
        opened = partial(moments.open_moments, buckets=days, sketch=sketch_of(run.settings), kernel=run.kernel)
        return groups.accumulator(run, keys, opened)

    @classmethod
    def finish(cls, run: Run, partials: Mapping[str, pa.Table]) -> pa.Table:
        days, sketch = buckets.days(zones.load(run.settings.time_zone)), sketch_of(run.settings)
        rows = moments.settle(partials, days, sketch, run.kernel)
        found = moments.finish(rows["stats"], rows.get("sketch"), quantiles_of(run.settings), sketch)
        return groups.named(found, cls.schema(run.settings), run.settings)


if __name__ == "__main__":
    DailyStats.run()
