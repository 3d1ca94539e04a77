"""Correlations: what moves together? Pearson's r of pairs of metrics of each device, or of devices of each metric.

Map and reduce make the mean of each series in each window. Where a device's rows are together, its metrics are paired,
aligned on windows; for pairs of devices a second shuffle brings the means of a metric together.
docs/correlations.md defines every column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import pyarrow as pa

from jobs.engine.job import Column, SensorJob
from jobs.engine.options import Option, Settings, one_of, whole_number
from jobs.engine.run import Run
from jobs.partials import correlation, moments, windows
from jobs.partials.buckets import Buckets
from jobs.partials.correlation import MEANS
from jobs.partials.schema import Accumulator, PartialSchema
from jobs.readings import zones
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Keys

_MOST_LAG = 10_000


def parse_window(text: str) -> str:
    if text == windows.ALL:
        raise ValueError("in one window nothing moves: write 15m, 1h, 1d, week or month")
    return windows.parse_window(text)


def parse_lags(text: str) -> list[int]:
    try:
        lags = [int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{text!r} is no list of lags; write it as 0,1,-1") from None
    if max(map(abs, lags)) > _MOST_LAG or len(set(lags)) < len(lags):
        raise ValueError(f"lags are different whole numbers from -{_MOST_LAG} to {_MOST_LAG}")
    return lags


def parse_pairs(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 1_000_000:
        raise ValueError(f"{text!r} is no whole number from 1 to 1000000")
    return int(text)


class Correlations(SensorJob):
    """Pearson's r and the covariance of pairs of metrics of each device, or of devices of each metric."""

    NAME = "correlations"
    QUESTION = "What moves together?"
    KEYS = ("device_id", "metric_1", "unit_1", "metric_2", "unit_2", "metric", "unit", "device_1", "device_2", "lag")
    FIGURES = (
        Column("lag", pa.int64(), "by how many windows the other is taken later"),
        Column("n", pa.int64(), "how many windows both have"),
        Column("r", pa.float64(), "Pearson's correlation of the window means; empty where one is constant"),
        Column("covariance", pa.float64(), "their sample covariance"),
    )
    COLUMNS = (
        Column("device_id", pa.string(), "who measured both"),
        Column("metric_1", pa.string(), "one metric"),
        Column("unit_1", pa.string(), "its unit, where the logs say"),
        Column("metric_2", pa.string(), "the other metric"),
        Column("unit_2", pa.string(), "its unit, where the logs say"),
        *FIGURES,
    )
    DEVICE_COLUMNS = (
        Column("metric", pa.string(), "what both measured"),
        Column("unit", pa.string(), "in which unit, where the logs say"),
        Column("device_1", pa.string(), "one device"),
        Column("device_2", pa.string(), "the other device"),
        *FIGURES,
    )
    OPTIONS = (
        Option(
            "--between",
            "metrics of each device (default), or devices by metric and unit",
            "metrics",
            one_of("metrics", "devices"),
            "metrics|devices",
        ),
        Option("--window", "pairs are aligned on means of 15m, 1h (default), 1d, week …", "1h", parse_window, "WINDOW"),
        Option("--lag", "how many windows later the other is taken (default: 0)", "0", parse_lags, "LAG,…"),
        Option(
            "--pairs", "the strongest pairs of each device, or metric, and lag (default: 100)", "100", parse_pairs, "N"
        ),
        Option(
            "--max-series",
            "refuse to pair more metrics of a device, or devices of a metric (default: 500)",
            "500",
            whole_number(2, 100_000),
            "N",
        ),
    )
    PARTIALS: ClassVar[Mapping[str, PartialSchema]] = {**moments.KINDS, MEANS.name: MEANS}

    @classmethod
    def columns(cls, settings: Settings) -> tuple[Column, ...]:
        return cls.DEVICE_COLUMNS if between_devices(settings) else cls.COLUMNS

    @classmethod
    def accumulator(cls, run: Run, keys: Keys) -> Accumulator:
        return moments.open_moments(keys, buckets(run.settings), None, run.kernel)

    @classmethod
    def stages(cls, settings: Settings) -> int:
        return 2 if between_devices(settings) else 1

    @classmethod
    def regroup(cls, run: Run, partials: dict[str, pa.Table]) -> dict[str, pa.Table]:
        return {MEANS.name: correlation.by_metric(window_means(run, partials))}

    @classmethod
    def finish(cls, run: Run, partials: Mapping[str, pa.Table]) -> pa.Table:
        option = run.settings.option
        rules = correlation.Rules(option("lag"), option("pairs"), option("max_series"))
        if not between_devices(run.settings):
            return correlation.finish(window_means(run, partials), rules)
        rules = replace(rules, group=("metric", "unit"), member=("device",))
        return correlation.finish(correlation.of_metric(partials[MEANS.name]), rules)


def between_devices(settings: Settings) -> bool:
    """Whether pairs are of devices, not of metrics."""
    return bool(settings.option("between") == "devices")


def buckets(settings: Settings) -> Buckets:
    """The windows on which pairs are aligned."""
    return windows.buckets_of(settings.option("window"), zones.load(settings.time_zone))


def window_means(run: Run, partials: Mapping[str, pa.Table]) -> pa.Table:
    """The mean of each series in each window, of partial rows that are whole by device."""
    stats = moments.settle(partials, buckets(run.settings), None, run.kernel)["stats"]
    return moments.finish(stats, None, [], None, lambda bucket: {"window": from_numpy(bucket)})


if __name__ == "__main__":
    Correlations.run()
