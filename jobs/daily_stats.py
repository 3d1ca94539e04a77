"""Daily statistics: what did each sensor measure each day?

Map makes partial rows of each series' days, reduce merges and finishes them. docs/daily_stats.md defines every column.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from jobs.engine.job import Column, SensorJob
from jobs.engine.options import Settings
from jobs.engine.run import Run
from jobs.engine.statistics import (
    QUANTILE_ERROR,
    QUANTILES,
    SERIES,
    STATISTICS,
    quantile_columns,
    quantiles_of,
    sketch_of,
)
from jobs.partials import buckets, moments
from jobs.partials.schema import Accumulator
from jobs.readings import zones
from jobs.readings.model import Keys


class DailyStats(SensorJob):
    """Daily statistics of each device, metric and unit."""

    NAME = "daily_stats"
    QUESTION = "What did each sensor measure each day?"
    KEYS = ("device_id", "metric", "unit", "date")
    COLUMNS = (*SERIES, Column("date", pa.date32(), "the day in --time-zone"), *STATISTICS)
    OPTIONS = (QUANTILES, QUANTILE_ERROR)
    PARTIALS = moments.KINDS

    @classmethod
    def columns(cls, settings: Settings) -> tuple[Column, ...]:
        return cls.COLUMNS + quantile_columns(settings)

    @classmethod
    def accumulator(cls, run: Run, keys: Keys) -> Accumulator:
        days = buckets.days(zones.load(run.settings.time_zone))
        return moments.open_moments(keys, days, sketch_of(run.settings), run.kernel)

    @classmethod
    def finish(cls, run: Run, partials: Mapping[str, pa.Table]) -> pa.Table:
        days, sketch = buckets.days(zones.load(run.settings.time_zone)), sketch_of(run.settings)
        rows = moments.settle(partials, days, sketch, run.kernel)
        return moments.finish(rows["stats"], rows.get("sketch"), quantiles_of(run.settings), sketch)


if __name__ == "__main__":
    DailyStats.run()
