"""Data quality by brute force: one object after the other, then one series after the other, in plain Python."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Reading = tuple[str, str, str | None, int, float | str]
"""Device, metric, unit, µs since 1970 UTC, value; or why there is no value: "missing" or "rejects"."""
ABSENCES = ("missing", "rejects")
FAULTS = ("duplicates", "conflicts", "out_of_order", "future", "past", "stuck", "out_of_range", "jumps")


@dataclass(frozen=True)
class Asked:
    zone: str = "UTC"
    stuck: int = 10
    started: int = 2**62
    not_before: date | None = None
    limits: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def day(self, instant: int) -> date:
        return (EPOCH + timedelta(microseconds=instant)).astimezone(ZoneInfo(self.zone)).date()


def quality(objects: Iterable[Sequence[Reading]], asked: Asked) -> list[dict[str, Any]]:
    """The rows of the result; an object's readings are in the order of its records."""
    names = ("readings", *ABSENCES, *FAULTS)
    counts: dict[tuple[Any, ...], dict[str, int]] = defaultdict(lambda: dict.fromkeys(names, 0))
    longest: dict[tuple[Any, ...], int] = defaultdict(int)
    series: dict[tuple[str, str, str | None], list[tuple[int, float]]] = defaultdict(list)
    for readings in objects:
        latest: dict[tuple[str, str, str | None], int] = {}
        for device, metric, unit, time, value in readings:
            who = (device, metric, unit)
            if isinstance(value, str):
                counts[*who, asked.day(time)][value] += 1
                continue
            series[who].append((time, value))
            counts[*who, asked.day(time)]["out_of_order"] += time < latest.get(who, time)
            latest[who] = max(time, latest.get(who, time))
    for (device, metric, unit), found in series.items():
        limits = asked.limits.get(metric, {})
        distinct: list[tuple[int, float]] = []
        for time, value in sorted(found, key=lambda reading: (reading[0], reading[1], _bits(reading[1]) >= 0)):
            row = counts[device, metric, unit, asked.day(time)]
            row["readings"] += 1
            row["future"] += time > asked.started
            row["past"] += asked.not_before is not None and asked.day(time) < asked.not_before
            row["out_of_range"] += not limits.get("min", value) <= value <= limits.get("max", value)
            if distinct and distinct[-1][0] == time:
                if _bits(distinct[-1][1]) == _bits(value):
                    row["duplicates"] += 1
                    continue
                row["conflicts"] += 1
            if distinct:
                row["jumps"] += abs(value - distinct[-1][1]) > limits.get("step", float("inf"))
            distinct.append((time, value))
        for _, group in groupby(distinct, key=lambda reading: _bits(reading[1])):
            run = list(group)
            for number, (time, _) in enumerate(run, 1):
                key = (device, metric, unit, asked.day(time))
                counts[key]["stuck"] += len(run) >= asked.stuck
                longest[key] = max(longest[key], number)
    return [_row(key, counts[key], longest[key], asked) for key in sorted(counts, key=_order)]


def _bits(value: float) -> int:
    bits: int = struct.unpack("<q", struct.pack("<d", value))[0]
    return bits


def _order(key: tuple[Any, ...]) -> tuple[Any, ...]:
    device, metric, unit, day = key
    return device.encode(), metric.encode(), unit is not None, (unit or "").encode(), day


def _row(key: tuple[Any, ...], counts: Mapping[str, int], longest: int, asked: Asked) -> dict[str, Any]:
    device, metric, unit, day = key
    limits = asked.limits.get(metric, {})
    shown: dict[str, Any] = dict(counts) | {"longest_run": longest}
    if asked.not_before is None:
        shown["past"] = None
    if "min" not in limits and "max" not in limits:
        shown["out_of_range"] = None
    if "step" not in limits:
        shown["jumps"] = None
    faults = sum(counts[name] for name in FAULTS)
    values = sum(counts[name] for name in ("readings", *ABSENCES))
    score = 100 * max(counts["readings"] - faults, 0) / values
    return {"device_id": device, "metric": metric, "unit": unit, "date": day, **shown, "score": score}
