"""Availability: was each sensor there, how much of what was due came, and when was it silent?

Reduce walks through each series in the order of time and finds the gaps. docs/availability.md defines every column.
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from jobs.engine import durations
from jobs.engine.job import Column, SensorJob
from jobs.engine.options import Option, Settings
from jobs.engine.run import Run
from jobs.partials import availability, buckets
from jobs.partials.walks import Walk
from jobs.readings import zones
from jobs.readings.model import Keys

TIME = pa.timestamp("us", tz="UTC")
SHOWN = ("days", "gaps")


def parse_shown(text: str) -> str:
    """What the result shows. Raises ValueError for anything else."""
    if text not in SHOWN:
        raise ValueError(f"{text!r} is neither days nor gaps")
    return text


LOST = Column("lost", pa.int64(), "how many sequence numbers were left out; empty for other metrics")


class Availability(SensorJob):
    """Arrivals, missing readings and gaps of each device, metric and unit."""

    NAME = "availability"
    QUESTION = "Was it there?"
    KEYS = ("device_id", "metric", "unit", "date", "start")
    SERIES = (
        Column("device_id", pa.string(), "who measured"),
        Column("metric", pa.string(), "what was measured"),
        Column("unit", pa.string(), "in which unit, where the logs say"),
    )
    COLUMNS = (
        *SERIES,
        Column("date", pa.date32(), "the day in --time-zone"),
        Column("interval_seconds", pa.float64(), "how often a reading is due; empty where nobody can tell", "s"),
        Column("expected", pa.int64(), "how many readings were due"),
        Column("received", pa.int64(), "how many distinct times have a reading"),
        Column("missing", pa.int64(), "expected − received, at least 0"),
        Column("completeness", pa.float64(), "100 · received / expected, at most 100", "%"),
        Column("gaps", pa.int64(), "how many gaps begin on this day"),
        Column("gap_seconds", pa.float64(), "how much of this day lies in gaps", "s"),
        Column("longest_gap_seconds", pa.float64(), "the longest gap that begins on this day, whole", "s"),
        Column("mtbf_seconds", pa.float64(), "mean time between failures: time outside gaps / gaps", "s"),
        Column("mttr_seconds", pa.float64(), "mean time to repair: the mean length of the day's gaps, whole", "s"),
    )
    GAP_COLUMNS = (
        *SERIES,
        Column("date", pa.date32(), "the day in --time-zone on which the gap begins"),
        Column("start", TIME, "when the first missing reading was due", "UTC"),
        Column("end", TIME, "when the next reading came", "UTC"),
        Column("seconds", pa.float64(), "from start to end", "s"),
        Column("missing", pa.int64(), "how many readings are missing"),
    )
    OPTIONS = (
        Option(
            "--interval",
            "how often a reading is due, as 30s, 5m or 1h (default: inferred from each series' first 1,000"
            " differences in time)",
            None,
            durations.parse,
            "DURATION",
        ),
        Option(
            "--gap-after",
            "how long a silence must last to be a gap (default: one and a half intervals)",
            None,
            durations.parse,
            "DURATION",
        ),
        Option("--sequence-metric", "the metric whose values number a device's messages: adds lost", None, str, "NAME"),
        Option("--show", "days, or gaps: one row for each (default: days)", "days", parse_shown, "WHAT"),
    )
    PARTIALS = availability.KINDS
    TIME_ORDERED = True

    @classmethod
    def columns(cls, settings: Settings) -> tuple[Column, ...]:
        if settings.option("show") == "gaps":
            return cls.GAP_COLUMNS
        return cls.COLUMNS if settings.option("sequence_metric") is None else (*cls.COLUMNS, LOST)

    @classmethod
    def walk(cls, run: Run, keys: Keys) -> Walk:
        return availability.Presence(rules_of(run.settings))

    @classmethod
    def finish_in_pieces(cls, run: Run, partials: Mapping[str, pa.Table]) -> Iterator[pa.Table]:
        rules = rules_of(run.settings)
        if rules.listed:
            yield availability.finish_gaps(partials, rules)
        else:
            yield from availability.finish_days(partials, rules)

    @classmethod
    def watch(cls, settings: Settings, tables: Iterator[pa.Table], say: Callable[[str], None]) -> Iterator[pa.Table]:
        most = rules_of(settings).longest / 1e6
        number, longest, of = 0, most, ""
        for table in tables:
            if "longest_gap_seconds" in table.column_names:
                for row in table.filter(pc.greater(table["longest_gap_seconds"], most)).to_pylist():
                    number, seconds = number + 1, row["longest_gap_seconds"]
                    if seconds > longest:
                        longest, of = seconds, f"{row['device_id']} {row['metric']} from {row['date']} on"
            yield table
        if number:
            many, days = f"{number:,} gap{'s' * (number != 1)}", f"{longest / 86_400:,.0f} days ({of})"
            fix = "where a clock was wrong, --from and --to leave its readings out"
            say(f"{many} of more than a year, the longest {days}: the days within have no rows; {fix}")

    @classmethod
    def metrics_named(cls, settings: Settings) -> Sequence[tuple[str, Sequence[str]]]:
        name = settings.option("sequence_metric")
        own = [] if name is None else [(f"--sequence-metric {name}", (glob.escape(name),))]
        return [*super().metrics_named(settings), *own]


def rules_of(settings: Settings) -> availability.Rules:
    """What the settings ask for."""
    days = buckets.days(zones.load(settings.time_zone))
    listed = settings.option("show") == "gaps"
    interval, gap_after = settings.option("interval"), settings.option("gap_after")
    numbered = settings.option("sequence_metric")
    return availability.Rules(days, interval, gap_after, settings.since, settings.until, listed, numbered)


if __name__ == "__main__":
    Availability.run()
