"""Histogram: how are values spread?

Bins of given edges, of equal width (which takes a first run for the ranges), or a sketch's own buckets.
docs/histogram.md defines every column.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Literal

import pyarrow as pa

from jobs.engine import groups
from jobs.engine.groups import BY, DEVICES, GROUPED, ByGroups
from jobs.engine.job import Column, Printer, SensorJob
from jobs.engine.options import Option, Settings, whole_number
from jobs.engine.run import Run
from jobs.engine.statistics import (
    QUANTILES,
    SERIES,
    quantile_columns,
    quantiles_of,
)
from jobs.errors import UsageError
from jobs.lake.plot import PlotWriter
from jobs.partials import binning, buckets, moments
from jobs.partials.binning import BinCounts, Edges
from jobs.partials.grouping import grouped, together
from jobs.partials.schema import SKETCH, Accumulator
from jobs.partials.sketch import Sketch
from jobs.partials.windows import in_one
from jobs.readings import zones
from jobs.readings.model import Keys

WHOLE = buckets.whole(zones.load("UTC"))
RANGE = (*SERIES[1:], Column("low", pa.float64(), "the smallest value"), Column("high", pa.float64(), "the largest"))


class Histogram(ByGroups, SensorJob):
    """Counts of values by bins, of each device, metric and unit."""

    NAME = "histogram"
    QUESTION = "How are values spread?"
    KEYS = ("device_id", "site", "metric", "unit", "bin")
    COLUMNS = (
        *GROUPED,
        Column("bin", pa.int64(), "the number of the bin; bins ascend with the values"),
        Column("low", pa.float64(), "the lowest value of the bin; empty for the bin below all edges"),
        Column("high", pa.float64(), "where the next bin begins; empty for the bin above all edges"),
        Column("count", pa.int64(), "how many readings"),
        Column("share", pa.float64(), "count / all readings of the series"),
        Column("cumulative_share", pa.float64(), "the share of this bin and all before it"),
    )
    OPTIONS = (
        Option("--edges", "bins between these values, as 0,10,20,50", None, binning.parse_edges, "E,…"),
        Option("--bins", "so many bins of equal width", None, whole_number(1, binning.MOST_BINS), "N"),
        BY,
        DEVICES,
        QUANTILES,
        Option(
            "--quantile-error",
            "without edges: how wide bins are (default: 0.05)",
            "0.05",
            moments.parse_error,
            "SHARE",
            without=("--edges", "--bins"),
        ),
        Option("--plot", "draw bars of text, as on a terminal", switch=True),
    )
    PARTIALS = moments.KINDS
    NEEDS_TIME = False

    @classmethod
    def columns(cls, settings: Settings) -> tuple[Column, ...]:
        if mode_of(settings) == "survey":
            return RANGE
        return groups.by_group(cls.COLUMNS, settings) + quantile_columns(settings)

    @classmethod
    def survey(cls, settings: Settings) -> Settings | None:
        """Of equal width: the range of each metric and unit."""
        if mode_of(settings) != "bins":
            return None
        return replace(settings, deduplicate=False, rejects=None).given("survey", True)

    @classmethod
    def surveyed(cls, settings: Settings, rows: pa.Table) -> Settings:
        return settings.given("ranges", [list(row.values()) for row in rows.to_pylist()])

    @classmethod
    def printer(cls, settings: Settings) -> Printer | None:
        on_terminal = settings.output_format is None and sys.stdout.isatty()
        return PlotWriter if settings.option("plot") or on_terminal else None

    @classmethod
    def accumulator(cls, run: Run, keys: Keys) -> Accumulator:
        settings = run.settings
        if mode_of(settings) == "survey":
            return grouped(keys, together, lambda all_: moments.open_moments(all_, WHOLE, None, run.kernel))
        if mode_of(settings) == "sketch":
            sketch = sketch_of(settings)
            opened = partial(moments.open_moments, buckets=WHOLE, sketch=sketch, kernel=run.kernel)
            return groups.accumulator(run, keys, opened)
        return groups.accumulator(run, keys, lambda by: BinCounts(by, edges_of(settings)))

    @classmethod
    def finish(cls, run: Run, partials: Mapping[str, pa.Table]) -> pa.Table:
        settings, sketch = run.settings, sketch_of(run.settings)
        if mode_of(settings) in ("edges", "bins"):
            found = binning.edged(partials.get("sketch", SKETCH.empty()), edges_of(settings))
            return groups.named(found, cls.schema(settings), settings)
        of_survey = mode_of(settings) == "survey"
        rows = in_one(moments.settle(partials, WHOLE, None if of_survey else sketch, run.kernel))
        whole = moments.finish(rows["stats"], rows.get("sketch"), quantiles_of(settings), sketch, lambda _: {})
        if of_survey:
            return whole.select(["metric", "unit", "min", "max"]).rename_columns([c.name for c in RANGE])
        quantiles = whole.select([column.name for column in quantile_columns(settings)])
        return groups.named(binning.sketched(rows["sketch"], sketch, quantiles), cls.schema(settings), settings)


def mode_of(settings: Settings) -> Literal["edges", "bins", "sketch", "survey"]:
    """Which bins, or the survey that bins of equal width need. Raises UsageError for what does not go together."""
    edges, bins = settings.option("edges"), settings.option("bins")
    if edges and bins:
        raise UsageError("the bins are given twice", where="--edges --bins", fix="leave one of the two out")
    if (edges or bins) and settings.option("quantiles"):
        raise UsageError(
            "quantiles come from the sketch's own buckets",
            where="--quantiles",
            fix=f"leave {'--edges' if edges else '--bins'} out",
        )
    if edges:
        return "edges"
    if bins:
        return "survey" if dict(settings.job).get("survey") else "bins"
    return "sketch"


def edges_of(settings: Settings) -> Edges:
    """The edges that are given, or that the survey's ranges give."""
    if settings.option("edges"):
        return Edges(settings.option("edges"))
    return Edges(ranges=settings.option("ranges"), bins=settings.option("bins"))


def sketch_of(settings: Settings) -> Sketch:
    """The sketch whose buckets are the bins where no others are asked for."""
    return Sketch(settings.option("quantile_error"))


if __name__ == "__main__":
    Histogram.run()
