"""Anomalies: what is unusual?

Reduce walks through each series in the order of time and scores each reading by those before it, or by a baseline that
hourly_profile made, which travels with the run. docs/anomalies.md defines the detectors and shows how well they do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pyarrow as pa

from jobs.engine import baseline
from jobs.engine.job import Column, SensorJob
from jobs.engine.options import Option, Settings
from jobs.engine.run import Run
from jobs.errors import UsageError
from jobs.partials import anomalies
from jobs.partials.anomalies import ANOMALIES, DETECTORS, PROFILE
from jobs.partials.walks import Walk
from jobs.readings import zones
from jobs.readings.model import Keys

BASELINE = "baseline"


def parse_detectors(text: str) -> list[str]:
    """Names of detectors. Raises ValueError for one that there is not."""
    names = text.split(",")
    for name in names:
        if name not in DETECTORS:
            raise ValueError(f"{name!r} is no detector: there are {', '.join(DETECTORS)}")
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
        Column("score", pa.float64(), "how unusual it is, from 0 to 1; empty where the baseline has nothing"),
        Column("detector", pa.string(), "whose score it is"),
        Column("reason", pa.string(), "why, in words; empty below the threshold"),
    )
    OPTIONS = (
        Option(
            "--detector",
            "novelty, seasonal, profile or several (default: profile with --baseline, else novelty)",
            None,
            parse_detectors,
            "NAME,…",
        ),
        Option(
            "--baseline",
            "what is normal, for profile: a result of hourly_profile, a folder, s3:// prefix, CSV or Parquet file",
            metavar="PATH",
            file=True,
        ),
        Option("--threshold", "the least score of an anomaly (default: 0.5)", "0.5", parse_threshold, "SCORE"),
        Option("--show", "anomalies, or all readings with their scores (default: anomalies)", "anomalies", parse_shown),
    )
    PARTIALS = anomalies.KINDS
    TIME_ORDERED = True

    @classmethod
    def columns(cls, settings: Settings) -> tuple[Column, ...]:
        detectors_of(settings)  # which refuses what does not go together
        return cls.COLUMNS

    @classmethod
    def tables(cls, settings: Settings) -> Mapping[str, pa.Table]:
        return {BASELINE: baseline.load(settings)} if settings.option("baseline") else {}

    @classmethod
    def walk(cls, run: Run, keys: Keys) -> Walk:
        usual = run.table(BASELINE) if BASELINE in run.tables else None
        return anomalies.Watch(rules_of(run.settings), keys, run.kernel, usual)

    @classmethod
    def finish(cls, run: Run, partials: Mapping[str, pa.Table]) -> pa.Table:
        return anomalies.finish(partials.get(ANOMALIES.name, ANOMALIES.empty()))

    @classmethod
    def watch(cls, settings: Settings, tables: Iterator[pa.Table], say: Callable[[str], None]) -> Iterator[pa.Table]:
        total = 0
        for table in tables:
            rows, unknown = anomalies.without_unknown(table)
            total += unknown
            yield rows
        if total:
            were = "reading was" if total == 1 else "readings were"
            say(f"{total:,} {were} not scored: their device, metric, unit and hour are not in the baseline")


def detectors_of(settings: Settings) -> list[str]:
    """The detectors that the settings ask for. Raises UsageError where they do not go with the baseline."""
    detectors: list[str] | None = settings.option("detector")
    path = settings.option("baseline")
    if detectors is None:
        return [PROFILE if path else "novelty"]
    if path and PROFILE not in detectors:
        raise UsageError(
            f"only the detector {PROFILE} reads it",
            where=f"--baseline {path}",
            fix=f"add {PROFILE} to --detector, or leave --detector out",
        )
    if PROFILE in detectors and not path:
        raise UsageError(
            "it needs what is normal",
            where=f"--detector {','.join(detectors)}",
            fix="publish it by jobs.hourly_profile with --output-dir DIR, and name it: --baseline DIR",
        )
    return detectors


def rules_of(settings: Settings) -> anomalies.Rules:
    """What the settings ask for."""
    threshold, every = settings.option("threshold"), settings.option("show")
    return anomalies.Rules(zones.load(settings.time_zone), detectors_of(settings), threshold, every)


if __name__ == "__main__":
    Anomalies.run()
