"""Anomalies: what is unusual?

Reduce walks through each series in the order of time and scores each reading by those before it. docs/anomalies.md
defines the detectors and shows how well they do.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from jobs.engine.job import Column, SensorJob
from jobs.engine.options import Option, Settings
from jobs.engine.run import Run
from jobs.partials import anomalies
from jobs.partials.anomalies import ANOMALIES, DETECTORS
from jobs.partials.walks import Walk
from jobs.readings import zones
from jobs.readings.model import Keys


def parse_detectors(text: str) -> list[str]:
    """Names of detectors. Raises ValueError for one that there is not."""
    names = text.split(",")
    for name in names:
        if name not in DETECTORS:
            raise ValueError(f"{name!r} is no detector: there are {' and '.join(DETECTORS)}")
    return sorted(set(names))


def parse_threshold(text: str) -> float:
    """A score. Raises ValueError outside 0…1."""
    try:
        threshold = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number") from None
    if not 0 <= threshold <= 1:
        raise ValueError(f"{text} is no score: scores go from 0 to 1")
    return threshold


def parse_shown(text: str) -> bool:
    """Whether all readings are shown. Raises ValueError for other words."""
    if text not in ("anomalies", "all"):
        raise ValueError(f"{text!r} is neither anomalies nor all")
    return text == "all"


class Anomalies(SensorJob):
    """Unusual readings of each device, metric and unit."""

    NAME = "anomalies"
    QUESTION = "What is unusual?"
    KEYS = ("device_id", "metric", "unit", "timestamp", "value", "detector")
    COLUMNS = (
        Column("device_id", pa.string(), "who measured"),
        Column("metric", pa.string(), "what was measured"),
        Column("unit", pa.string(), "in which unit, where the logs say"),
        Column("timestamp", pa.timestamp("us", tz="UTC"), "when", unit="UTC"),
        Column("value", pa.float64(), "the value"),
        Column("score", pa.float64(), "how unusual it is, from 0 to 1"),
        Column("detector", pa.string(), "whose score it is"),
        Column("reason", pa.string(), "why, in words; empty below the threshold"),
    )
    OPTIONS = (
        Option("--detector", "novelty, seasonal or both (default: novelty)", "novelty", parse_detectors, "NAME,…"),
        Option("--threshold", "the least score of an anomaly (default: 0.5)", "0.5", parse_threshold, "SCORE"),
        Option("--show", "anomalies, or all readings with their scores (default: anomalies)", "anomalies", parse_shown),
    )
    PARTIALS = anomalies.KINDS
    TIME_ORDERED = True

    @classmethod
    def walk(cls, run: Run, keys: Keys) -> Walk:
        return anomalies.Watch(rules_of(run.settings), keys, run.kernel)

    @classmethod
    def finish(cls, run: Run, partials: Mapping[str, pa.Table]) -> pa.Table:
        return anomalies.finish(partials.get(ANOMALIES.name, ANOMALIES.empty()))


def rules_of(settings: Settings) -> anomalies.Rules:
    """What the settings ask for."""
    detectors, threshold, every = (settings.option(name) for name in ("detector", "threshold", "show"))
    return anomalies.Rules(zones.load(settings.time_zone), detectors, threshold, every)


if __name__ == "__main__":
    Anomalies.run()
