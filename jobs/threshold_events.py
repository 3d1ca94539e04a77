"""Threshold events: when did a value exceed its limit, for how long, and by how much?

Reduce walks through each series in the order of time; docs/threshold_events.md defines every column.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from jobs.engine import durations
from jobs.engine.job import Column, SensorJob
from jobs.engine.options import Option, Settings
from jobs.engine.run import Run
from jobs.errors import UsageError
from jobs.partials import events
from jobs.partials.walks import Walk
from jobs.readings.model import Keys

TIME = pa.timestamp("us", tz="UTC")


def parse_number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{text!r} is no number")
    return number + 0.0


def parse_hysteresis(text: str) -> float:
    if (number := parse_number(text)) < 0:
        raise ValueError("a hysteresis is not negative")
    return number


def parse_range(text: str) -> list[float]:
    bounds = [parse_number(part) for part in text.split(",")]
    if len(bounds) != 2 or bounds[0] >= bounds[1]:
        raise ValueError(f"{text!r} is no range; write it as LOW,HIGH, such as 18,25")
    return bounds


class ThresholdEvents(SensorJob):
    """Stretches of time in which a series is beyond a limit."""

    NAME = "threshold_events"
    QUESTION = "When did it exceed the limit?"
    KEYS = ("device_id", "metric", "unit", "start")
    COLUMNS = (
        Column("device_id", pa.string(), "who measured"),
        Column("metric", pa.string(), "what was measured"),
        Column("unit", pa.string(), "in which unit, where the logs say"),
        Column("start", TIME, "the first reading beyond the limit", unit="UTC"),
        Column("end", TIME, "the first reading back inside, or the event's last reading", unit="UTC"),
        Column("seconds", pa.float64(), "from start to end", unit="s"),
        Column("readings", pa.int64(), "how many readings the event has"),
        Column("peak", pa.float64(), "the value farthest beyond the limit"),
        Column("peak_time", TIME, "when it was measured first", unit="UTC"),
        Column("mean", pa.float64(), "the mean of the event's readings"),
        Column("area", pa.float64(), "the integral of what lies beyond the limit", unit="value·s"),
        Column("ended_by", pa.string(), "return, gap, or open where the log ends first"),
    )
    OPTIONS = (
        Option("--above", "the limit is exceeded above this (default, without any limit: 0)", None, parse_number, "X"),
        Option("--below", "the limit is exceeded below this", None, parse_number, "X"),
        Option("--outside", "the limit is exceeded outside this range", None, parse_range, "LOW,HIGH"),
        Option("--hysteresis", "how far inside the limit ends an event (default: 0)", "0", parse_hysteresis, "H"),
        Option("--min-duration", "leave out events that are shorter", None, durations.parse, "TIME"),
        Option("--max-gap", "a longer gap between readings ends an event (default: 1h)", "1h", durations.parse, "TIME"),
    )
    PARTIALS: ClassVar = {kind.name: kind for kind in (events.EVENTS, events.PEAKS)}
    TIME_ORDERED = True

    @classmethod
    def columns(cls, settings: Settings) -> tuple[Column, ...]:
        limits(settings)  # refuses those that contradict each other
        return cls.COLUMNS

    @classmethod
    def walk(cls, run: Run, keys: Keys) -> Walk:
        return events.EventWalk(limits(run.settings))

    @classmethod
    def finish(cls, run: Run, partials: Mapping[str, pa.Table]) -> pa.Table:
        whole = {name: partials.get(name, kind.empty()) for name, kind in cls.PARTIALS.items()}
        return events.finish(whole, run.settings.option("min_duration") or 0)


def limits(settings: Settings) -> events.Limits:
    """The limits that the settings ask for. Raises UsageError where there are two, or nothing is inside."""
    chosen = settings.option
    given = [name for name in ("above", "below", "outside") if chosen(name) is not None]
    if len(given) > 1:
        flags = " ".join(f"--{name}" for name in given)
        raise UsageError("there is one limit", where=flags, fix="use --outside LOW,HIGH for two bounds")
    low, high = chosen("outside") or (chosen("below"), chosen("above"))
    if not given:
        high = 0.0
    found = events.Limits(low, high, chosen("hysteresis"), chosen("max_gap"))
    inner_low, inner_high = found.inner
    if inner_low is not None and inner_high is not None and inner_low > inner_high:
        raise UsageError("nothing is inside the limits by so much", where=f"--hysteresis {found.hysteresis:g}")
    return found


if __name__ == "__main__":
    ThresholdEvents.run()
