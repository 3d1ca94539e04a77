"""Rollup: what did each sensor measure in every window of time?

As daily_stats, with windows from a second to a year. docs/rollup.md defines every column and every window.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from jobs.engine.job import Column, Printer, SensorJob
from jobs.engine.options import BY, Option, Settings
from jobs.engine.run import Run
from jobs.engine.statistics import (
    QUANTILE_ERROR,
    QUANTILES,
    SERIES,
    STATISTICS,
    TIME,
    quantile_columns,
    quantiles_of,
    sketch_of,
    without_device,
)
from jobs.lake.contest import ContestWriter, parse_layout
from jobs.partials import moments, windows
from jobs.partials.grouping import grouped
from jobs.partials.schema import Accumulator
from jobs.readings import zones
from jobs.readings.model import Keys


class Rollup(SensorJob):
    """Statistics of each device, metric and unit in every window."""

    NAME = "rollup"
    QUESTION = "What did each sensor measure in every window of time?"
    KEYS = ("device_id", "metric", "unit", "window_start")
    COLUMNS = (
        *SERIES,
        Column("window_start", TIME, "the first instant of the window; empty for all", unit="UTC"),
        Column("window_end", TIME, "the first instant after it", unit="UTC"),
        *STATISTICS,
    )
    OPTIONS = (
        Option("--window", "1s, 5m, 1h, 1d, … week, month, year or all", "1h", windows.parse_window, "WINDOW"),
        BY,
        QUANTILES,
        QUANTILE_ERROR,
        Option(
            "--layout", "print as the One Billion Row Challenge does (with --window all)", None, parse_layout, "1brc"
        ),
    )
    PARTIALS = moments.KINDS

    @classmethod
    def columns(cls, settings: Settings) -> tuple[Column, ...]:
        return without_device(cls.COLUMNS, settings) + quantile_columns(settings)

    @classmethod
    def needs_time(cls, settings: Settings) -> bool:
        return bool(settings.option("window") != windows.ALL)

    @classmethod
    def regroups(cls, settings: Settings) -> bool:
        return bool(settings.option("by") != "device")

    @classmethod
    def printer(cls, settings: Settings) -> Printer | None:
        return ContestWriter if settings.option("layout") else None

    @classmethod
    def accumulator(cls, run: Run, keys: Keys) -> Accumulator:
        window = windows.buckets_of(run.settings.option("window"), zones.load(run.settings.time_zone))
        sketch = sketch_of(run.settings)
        opened = lambda devices: moments.open_moments(devices, window, sketch, run.kernel)  # noqa: E731
        return grouped(keys, run.settings.option("by"), opened)

    @classmethod
    def finish(cls, run: Run, partials: Mapping[str, pa.Table]) -> pa.Table:
        name, zone = run.settings.option("window"), zones.load(run.settings.time_zone)
        sketch = sketch_of(run.settings)
        rows = moments.settle(partials, windows.buckets_of(name, zone), sketch, run.kernel)
        if name == windows.ALL:
            rows = windows.in_one(rows)
        place = windows.bounds(name, zone)
        found = moments.finish(rows["stats"], rows.get("sketch"), quantiles_of(run.settings), sketch, place)
        return found.select(cls.schema(run.settings).names)


if __name__ == "__main__":
    Rollup.run()
