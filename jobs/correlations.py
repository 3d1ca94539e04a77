"""Correlations: what moves together? Pearson's r of pairs of metrics of each device.

Map and reduce make the mean of each series in each window; where a device's rows are together, pairs are aligned on
windows. docs/correlations.md defines every column.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from jobs.engine.job import Column, SensorJob
from jobs.engine.options import Option, Settings
from jobs.engine.run import Run
from jobs.partials import correlation, moments, windows
from jobs.partials.buckets import Buckets
from jobs.partials.schema import Accumulator
from jobs.readings import zones
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
    """Pearson's r and the covariance of pairs of metrics of each device."""

    NAME = "correlations"
    QUESTION = "What moves together?"
    KEYS = ("device_id", "metric_1", "unit_1", "metric_2", "unit_2", "lag")
    COLUMNS = (
        Column("device_id", pa.string(), "who measured both"),
        Column("metric_1", pa.string(), "one metric"),
        Column("unit_1", pa.string(), "its unit, where the logs say"),
        Column("metric_2", pa.string(), "the other metric"),
        Column("unit_2", pa.string(), "its unit, where the logs say"),
        Column("lag", pa.int64(), "by how many windows the other is taken later"),
        Column("n", pa.int64(), "how many windows both have"),
        Column("r", pa.float64(), "Pearson's correlation of the window means; empty where one is constant"),
        Column("covariance", pa.float64(), "their sample covariance"),
    )
    OPTIONS = (
        Option("--window", "pairs are aligned on means of 15m, 1h (default), 1d, week …", "1h", parse_window, "WINDOW"),
        Option("--lag", "how many windows later the other metric is taken (default: 0)", "0", parse_lags, "LAG,…"),
        Option("--pairs", "the strongest pairs of each device and lag (default: 100)", "100", parse_pairs, "N"),
    )
    PARTIALS = moments.KINDS

    @classmethod
    def accumulator(cls, run: Run, keys: Keys) -> Accumulator:
        return moments.open_moments(keys, buckets(run.settings), None, run.kernel)

    @classmethod
    def finish(cls, run: Run, partials: Mapping[str, pa.Table]) -> pa.Table:
        stats = moments.settle(partials, buckets(run.settings), None, run.kernel)["stats"]
        means = moments.finish(stats, None, [], None, lambda bucket: {"window": pa.array(bucket)})
        chosen = run.settings.option
        return correlation.finish(means, chosen("lag"), chosen("pairs"))


def buckets(settings: Settings) -> Buckets:
    """The windows on which pairs are aligned."""
    return windows.buckets_of(settings.option("window"), zones.load(settings.time_zone))


if __name__ == "__main__":
    Correlations.run()
