"""Rollup: what did each sensor measure in every window of time?

As daily_stats, with windows from a second to a year. docs/rollup.md defines every column and every window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from jobs.engine import groups, window_states
from jobs.engine.groups import BY, DEVICES, GROUPED, ByGroups
from jobs.engine.job import Column, Printer, SensorJob
from jobs.engine.options import Option, Settings
from jobs.engine.resuming import Resumed, earlier_results
from jobs.engine.run import Run
from jobs.engine.statistics import (
    QUANTILE_ERROR,
    QUANTILES,
    STATISTICS,
    TIME,
    quantile_columns,
    quantiles_of,
    sketch_of,
)
from jobs.errors import UsageError
from jobs.lake.contest import ContestWriter, parse_layout
from jobs.partials import moments, states, windows
from jobs.partials.buckets import Buckets
from jobs.partials.schema import Accumulator
from jobs.readings import zones
from jobs.readings.model import Keys

if TYPE_CHECKING:
    from jobs.lake.storage import ObjectInfo


def window_of(run: Run) -> Buckets:
    """The windows that the run asks for."""
    return windows.buckets_of(run.settings.option("window"), zones.load(run.settings.time_zone))


class Rollup(ByGroups, SensorJob):
    """Statistics of each device, metric and unit in every window."""

    NAME = "rollup"
    QUESTION = "What did each sensor measure in every window of time?"
    KEYS = ("device_id", "site", "metric", "unit", "window_start")
    COLUMNS = (
        *GROUPED,
        Column("window_start", TIME, "the first instant of the window; empty for all", unit="UTC"),
        Column("window_end", TIME, "the first instant after it", unit="UTC"),
        *STATISTICS,
    )
    OPTIONS = (
        Option("--window", "1s, 5m, 1h, 1d, … week, month, year or all", "1h", windows.parse_window, "WINDOW"),
        BY,
        DEVICES,
        QUANTILES,
        QUANTILE_ERROR,
        Option("--state", "publish what the statistics were made of, too, for a rollup of this rollup", switch=True),
        Option(
            "--layout", "print as the One Billion Row Challenge does (with --window all)", None, parse_layout, "1brc"
        ),
    )
    PARTIALS = moments.KINDS

    @classmethod
    def columns(cls, settings: Settings) -> tuple[Column, ...]:
        return (
            groups.by_group(cls.COLUMNS, settings) + quantile_columns(settings) + window_states.state_columns(settings)
        )

    @classmethod
    def schema(cls, settings: Settings) -> pa.Schema:
        if settings.option("layout") and (settings.output_format or not settings.print_result):
            raise UsageError("is for printing", where="--layout 1brc", fix="leave out --output-format and --output-dir")
        origin = window_states.Origin.of(settings).metadata() if settings.option("state") else None
        return super().schema(settings).with_metadata(origin)

    @classmethod
    def needs_time(cls, settings: Settings) -> bool:
        return bool(settings.option("window") != windows.ALL) or settings.option("by") == "site"

    @classmethod
    def resumes(cls, settings: Settings, objects: Sequence[ObjectInfo]) -> tuple[str, ...]:
        footers = earlier_results(objects, window_states.KEY)
        if not footers:
            return ()
        window_states.check(footers, settings)
        return window_states.columns(settings)

    @classmethod
    def resume(cls, run: Run, rows: pa.Table, uri: str) -> Resumed:
        return window_states.resume(rows, run.settings, window_of(run), uri)

    @classmethod
    def printer(cls, settings: Settings) -> Printer | None:
        if settings.option("state") and settings.print_result:
            raise window_states.not_as_text()
        return ContestWriter if settings.option("layout") else None

    @classmethod
    def accumulator(cls, run: Run, keys: Keys) -> Accumulator:
        window, sketch = window_of(run), sketch_of(run.settings)
        opened = partial(moments.open_moments, buckets=window, sketch=sketch, kernel=run.kernel)
        return groups.accumulator(run, keys, opened)

    @classmethod
    def finish(cls, run: Run, partials: Mapping[str, pa.Table]) -> pa.Table:
        name, sketch = run.settings.option("window"), sketch_of(run.settings)
        rows = moments.settle(partials, window_of(run), sketch, run.kernel)
        if name == windows.ALL:
            rows = windows.in_one(rows)
        place = windows.bounds(name, zones.load(run.settings.time_zone))
        found = moments.finish(rows["stats"], rows.get("sketch"), quantiles_of(run.settings), sketch, place)
        if run.settings.option("state"):
            for column, state in states.encode(rows["stats"], rows.get("sketch")).items():
                found = found.append_column(column, state)
        return groups.named(found, cls.schema(run.settings), run.settings)


if __name__ == "__main__":
    Rollup.run()
