"""Threshold events by brute force: one series, one reading after the other."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

Reading = tuple[int, float]
"""µs since 1970 UTC, and value."""


@dataclass
class Event:
    """An event's readings, when it ended and how; area: the exact integral of the excess, in µs."""

    readings: list[Reading]
    end: int
    ended_by: str
    area: Fraction

    def peak(self, low: float | None, high: float | None) -> Reading:
        return min(self.readings, key=lambda r: (-excess(r[1], low, high), r[0]))


def excess(value: float, low: float | None, high: float | None) -> float:
    far = max([low - value] if low is not None else [-math.inf], [value - high] if high is not None else [-math.inf])[0]
    return min(max(far, -1.7976931348623157e308), 1.7976931348623157e308)


def events(
    readings: Iterable[Reading], low: float | None, high: float | None, hysteresis: float, max_gap: int
) -> list[Event]:
    found: list[Event] = []
    active, before = False, (0, 0.0)
    for time, value in sorted(readings, key=lambda r: (r[0], r[1], math.copysign(1, r[1]))):
        beyond = (low is not None and value < low) or (high is not None and value > high)
        inside = (low is None or value >= low + hysteresis) and (high is None or value <= high - hysteresis)
        if active and time - before[0] > max_gap:
            active, found[-1].ended_by = False, "gap"
        if active:
            found[-1].area += Fraction(max(excess(before[1], low, high), 0.0)) * (time - before[0])
        if active and not beyond and inside:
            active, found[-1].end, found[-1].ended_by = False, time, "return"
        elif beyond and not active:
            active = True
            found.append(Event([], time, "open", Fraction(0)))
        if active:
            found[-1].readings.append((time, value))
            found[-1].end = time
        before = (time, value)
    return found
