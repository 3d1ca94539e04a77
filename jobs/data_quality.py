"""Data quality: can I trust it? Faults of each series and day, counted, and a score; or what each object holds.

Reduce walks through each series in the order of time; what has no value is counted by map tasks, which read it.
docs/data_quality.md defines every column.
"""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from datetime import date
from typing import ClassVar

import pyarrow as pa

from jobs.engine import limits, objects
from jobs.engine.job import Column, SensorJob
from jobs.engine.options import Option, Settings, one_of, whole_number
from jobs.engine.run import Run
from jobs.errors import UsageError
from jobs.partials import buckets, quality
from jobs.partials.schema import PLACED, Accumulator
from jobs.partials.walks import Walk
from jobs.readings import zones
from jobs.readings.model import Keys


def parse_date(text: str) -> int:
    """Days since 1970-01-01. Raises ValueError for what is no date."""
    try:
        return (date.fromisoformat(text) - date(1970, 1, 1)).days
    except ValueError:
        raise ValueError(f"{text!r} is no date; write it as 2026-03-01") from None


_STUCK = "10"


class DataQuality(SensorJob):
    """Repeats, contradictions, wrong clocks, stuck and impossible values of each device, metric, unit and day."""

    NAME = "data_quality"
    QUESTION = "Can I trust it?"
    KEYS = ("device_id", "metric", "unit", "date", "object")
    COLUMNS = (
        Column("device_id", pa.string(), "who measured"),
        Column("metric", pa.string(), "what was measured"),
        Column("unit", pa.string(), "in which unit, where the logs say"),
        Column("date", pa.date32(), "the day in --time-zone"),
        Column("readings", pa.int64(), "how many readings the day has"),
        Column("missing", pa.int64(), "values that are missing by the dialect, of known time"),
        Column("rejects", pa.int64(), "values that are no number, of known time"),
        Column("duplicates", pa.int64(), "exact repeats: equal time and value, beyond the first"),
        Column("conflicts", pa.int64(), "other values of the same time, beyond the first"),
        Column("out_of_order", pa.int64(), "earlier than a reading before it in the same object"),
        Column("future", pa.int64(), "later than the start of the run"),
        Column("past", pa.int64(), "before --not-before; empty without it"),
        Column("stuck", pa.int64(), "in runs of at least --stuck equal values"),
        Column("longest_run", pa.int64(), "the most equal values in a row, up to a reading of this day"),
        Column("out_of_range", pa.int64(), "below min or above max of --limits; empty without them"),
        Column("jumps", pa.int64(), "further than step of --limits from the reading before; empty without it"),
        Column("score", pa.float64(), "100 · (readings − faults) / (readings + missing + rejects), at least 0"),
    )
    OBJECT_COLUMNS = (
        Column("object", pa.string(), "the object's name"),
        Column("bytes", pa.int64(), "its size as it is stored; empty for standard input"),
        Column("records", pa.int64(), "lines, documents or rows that hold readings or should"),
        Column("readings", pa.int64(), "readings in them"),
        Column("selected", pa.int64(), "of them, those that --metric, --device, --from and --to leave"),
        Column("missing", pa.int64(), "values that are missing by the dialect"),
        Column("excluded", pa.int64(), "values that the dialect's quality filter leaves out"),
        Column("rejects", pa.int64(), "rejects of every reason"),
        *(Column(reason, pa.int64(), f"rejects of the reason {reason}") for reason in objects.REASONS),
        Column("damaged_at", pa.int64(), "where the first damage begins, decompressed; empty without any"),
        Column("damage", pa.string(), "what it is"),
    )
    OPTIONS = (
        Option(
            "--per",
            "a row for each series and day, or for each object that was read (default: series)",
            "series",
            one_of("series", "object"),
            "series|object",
        ),
        Option(
            "--stuck",
            "how many equal values in a row are too many (default: 10)",
            _STUCK,
            whole_number(2, 1_000_000),
            "N",
        ),
        Option("--not-before", "readings before this day are from a wrong clock", None, parse_date, "DATE"),
        Option("--limits", "a TOML file with min, max and step of metrics", None, limits.load, "FILE", file=True),
    )
    PARTIALS: ClassVar = {quality.QUALITY.name: quality.QUALITY}
    TIME_ORDERED = True
    COLLECTED = PLACED
    ABSENT = True

    @classmethod
    def columns(cls, settings: Settings) -> tuple[Column, ...]:
        if not cls.counts_objects(settings):
            return cls.COLUMNS
        if settings.deduplicate:
            raise UsageError("objects are counted as they are", where="--deduplicate", fix="leave it or --per out")
        chosen = settings.option
        if chosen("stuck") != int(_STUCK) or chosen("not_before") or chosen("limits"):
            fix = "leave out --stuck, --not-before and --limits"
            raise UsageError("objects are counted, not judged", where="--per object", fix=fix)
        return cls.OBJECT_COLUMNS

    @classmethod
    def counts_objects(cls, settings: Settings) -> bool:
        return bool(settings.option("per") == "object")

    @classmethod
    def needs_time(cls, settings: Settings) -> bool:
        return not cls.counts_objects(settings)

    @classmethod
    def metrics_named(cls, settings: Settings) -> Sequence[tuple[str, Sequence[str]]]:
        limited = settings.option("limits") or {}
        own = [(f"--limits: {', '.join(limited)}", [glob.escape(name) for name in limited])] if limited else []
        return [*super().metrics_named(settings), *own]

    @classmethod
    def absences(cls, run: Run, keys: Keys) -> Accumulator:
        return quality.AbsentValues(keys, rules_of(run).buckets)

    @classmethod
    def walk(cls, run: Run, keys: Keys) -> Walk:
        return quality.QualityWalk(rules_of(run))

    @classmethod
    def finish(cls, run: Run, partials: Mapping[str, pa.Table]) -> pa.Table:
        return quality.finish(partials, rules_of(run))


def rules_of(run: Run) -> quality.Rules:
    """What counts as a fault in this run."""
    chosen = run.settings.option
    days = buckets.days(zones.load(run.settings.time_zone))
    placed = not run.settings.deduplicate  # of repeats any one is left
    return quality.Rules(
        days, chosen("stuck"), run.started, chosen("not_before"), chosen("limits") or {}, placed=placed
    )


if __name__ == "__main__":
    DataQuality.run()
