"""Daily statistics: what did each sensor measure each day?

Map makes partial rows of each series' days, reduce merges and finishes them. docs/daily_stats.md defines every column.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from jobs.engine.job import Column, SensorJob
from jobs.engine.options import Option, Settings
from jobs.engine.run import Run
from jobs.partials import buckets, moments
from jobs.partials.schema import Accumulator
from jobs.partials.sketch import Sketch
from jobs.readings import zones
from jobs.readings.model import Keys

TIME = pa.timestamp("us", tz="UTC")


class DailyStats(SensorJob):
    """Daily statistics of each device, metric and unit."""

    NAME = "daily_stats"
    QUESTION = "What did each sensor measure each day?"
    KEYS = ("device_id", "metric", "unit", "date")
    COLUMNS = (
        Column("device_id", pa.string(), "who measured"),
        Column("metric", pa.string(), "what was measured"),
        Column("unit", pa.string(), "in which unit, where the logs say"),
        Column("date", pa.date32(), "the day in --time-zone"),
        Column("count", pa.int64(), "how many readings"),
        Column("mean", pa.float64(), "sum / count"),
        Column("stddev", pa.float64(), "sample standard deviation; empty for one reading"),
        Column("min", pa.float64(), "the smallest value"),
        Column("max", pa.float64(), "the largest value"),
        Column("sum", pa.float64(), "the exact sum, rounded once"),
        Column("first_timestamp", TIME, "the earliest reading's time", unit="UTC"),
        Column("last_timestamp", TIME, "the latest reading's time", unit="UTC"),
    )
    OPTIONS = (
        Option("--quantiles", "quantiles to add, as 0.5,0.95,0.99", None, moments.parse_quantiles, "Q,…"),
        Option("--quantile-error", "their relative error (default: 0.01)", "0.01", moments.parse_error, "SHARE"),
    )
    PARTIALS = moments.KINDS

    @classmethod
    def columns(cls, settings: Settings) -> tuple[Column, ...]:
        quantiles: list[float] = settings.option("quantiles") or []
        added = [Column(moments.quantile_name(q), pa.float64(), "a quantile of the values") for q in quantiles]
        return cls.COLUMNS + tuple(added)

    @classmethod
    def accumulator(cls, run: Run, keys: Keys) -> Accumulator:
        days = buckets.days(zones.load(run.settings.time_zone))
        return moments.open_moments(keys, days, sketch_of(run.settings), run.kernel)

    @classmethod
    def finish(cls, run: Run, partials: Mapping[str, pa.Table]) -> pa.Table:
        quantiles: list[float] = run.settings.option("quantiles") or []
        days, sketch = buckets.days(zones.load(run.settings.time_zone)), sketch_of(run.settings)
        rows = moments.settle(partials, days, sketch, run.kernel)
        return moments.finish(rows["stats"], rows.get("sketch"), quantiles, sketch)


def sketch_of(settings: Settings) -> Sketch | None:
    """The sketch from which the quantiles come that the settings ask for, if they do."""
    return Sketch(settings.option("quantile_error")) if settings.option("quantiles") else None


if __name__ == "__main__":
    DailyStats.run()
