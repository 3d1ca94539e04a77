"""Availability by brute force: plain Python that looks at one day after the other."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = 60_000_000
YEAR = 366 * 1440 * MINUTE
Series = tuple[str, str, str | None]
Row = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """Times and lengths in µs."""

    zone: str = "UTC"
    interval: int | None = None
    gap_after: int | None = None
    since: int | None = None
    until: int | None = None

    def day(self, instant: int) -> date:
        return (EPOCH + timedelta(microseconds=instant)).astimezone(ZoneInfo(self.zone)).date()

    def offset(self, instant: int) -> timedelta | None:
        return (EPOCH + timedelta(microseconds=instant)).astimezone(ZoneInfo(self.zone)).utcoffset()

    def midnight_after(self, instant: int) -> int:
        local = datetime.combine(self.day(instant) + timedelta(days=1), time(), ZoneInfo(self.zone))
        both = ((at.astimezone(UTC) - EPOCH) // timedelta(microseconds=1) for at in (local, local.replace(fold=1)))
        return min(midnight for midnight in both if midnight > instant)  # which comes twice where clocks are set back


def arrivals(readings: pa.Table) -> dict[Series, list[int]]:
    """The distinct times of each series, ascending."""
    found: dict[Series, set[int]] = defaultdict(set)
    columns = [readings[name].to_pylist() for name in ("device_id", "metric", "unit")]
    for instant, *key in zip(readings["timestamp"].cast(pa.int64()).to_pylist(), *columns, strict=True):
        found[key[0], key[1], key[2]].add(instant)
    return {key: sorted(times) for key, times in found.items()}


def interval_of(times: list[int], asked: Asked) -> int | None:
    if asked.interval is not None:
        return asked.interval
    first = sorted(after - before for before, after in pairwise(times[:1001]))
    if not first:
        return None
    median = first[(len(first) - 1) // 2]
    ones = [length for length in first if median <= 2 * length <= 3 * median]
    mean = math.floor(Fraction(sum(ones), len(ones)) + Fraction(1, 2))
    unit = int(10 ** max(len(str(mean)) - 4, 0))
    return (2 * mean + unit) // (2 * unit) * unit


def silences(times: list[int], interval: int, asked: Asked) -> Iterator[tuple[int, int, bool]]:
    """(start, end, whether it is a gap) of what is longer than one and a half intervals, or a gap."""
    before_first = [] if asked.since is None else [asked.since - interval]
    stops = [*before_first, *times, *([] if asked.until is None else [asked.until])]
    for before, after in pairwise(stops):
        long = (after - before) * 2 > 3 * interval
        is_gap = long if asked.gap_after is None else after - before > max(asked.gap_after, interval)
        if long or is_gap:
            yield before + interval, after, is_gap


def shared_out(start: int, end: int, asked: Asked) -> Iterator[tuple[date, int]]:
    """Each day between two instants, and how many µs of it lie there."""
    return ((day, closes - opens) for day, opens, closes in _cut(start, end, asked))


def _cut(start: int, end: int, asked: Asked) -> Iterator[tuple[date, int, int]]:
    while start < end:
        stop = min(end, asked.midnight_after(start))
        if asked.offset(start) != asked.offset(stop):  # clocks may be set back over midnight
            stop = min(stop, start - start % MINUTE + MINUTE)
        yield asked.day(start), start, stop
        start = stop


def gap_rows(readings: pa.Table, asked: Asked) -> list[Row]:
    rows: list[Row] = []
    for (device, metric, unit), times in sorted(arrivals(readings).items(), key=_bytewise):
        interval = interval_of(times, asked)
        if interval is None:
            continue
        for start, end, is_gap in silences(times, interval, asked):
            # due at start, start + interval, … while more than half an interval before the end
            missing = len(range(2 * start, 2 * end - interval, 2 * interval))
            if is_gap:
                key = {"device_id": device, "metric": metric, "unit": unit, "date": asked.day(start)}
                seconds = (end - start) / 1e6
                rows.append(
                    key | {"start": _moment(start), "end": _moment(end), "seconds": seconds, "missing": missing}
                )
    return rows


def day_rows(readings: pa.Table, asked: Asked) -> list[Row]:
    rows: list[Row] = []
    for (device, metric, unit), times in sorted(arrivals(readings).items(), key=_bytewise):
        key = {"device_id": device, "metric": metric, "unit": unit}
        rows += ({**key, "date": day, **row} for day, row in sorted(_days(times, asked).items()))
    return rows


def _days(times: list[int], asked: Asked) -> dict[date, Row]:
    interval = interval_of(times, asked)
    received: dict[date, int] = defaultdict(int)
    for instant in times:
        received[asked.day(instant)] += 1
    if interval is None:
        nothing = ("interval_seconds", "expected", "missing", "completeness", "gaps", "gap_seconds")
        none = dict.fromkeys((*nothing, "longest_gap_seconds", "mtbf_seconds", "mttr_seconds"))
        return {day: {**none, "received": count} for day, count in received.items()}

    down: dict[date, int] = defaultdict(int)
    begun: dict[date, list[int]] = defaultdict(list)
    for start, end, is_gap in silences(times, interval, asked):
        start_day, last_day = asked.day(start), asked.day(end - 1)
        for day, length in shared_out(start, end, asked):
            if end - start > YEAR and None in (asked.since, asked.until) and start_day < day < last_day:
                continue
            received[day] += 0
            down[day] += length if is_gap else 0
        if is_gap:
            begun[asked.day(start)].append(end - start)

    due: dict[date, int] = defaultdict(int)
    begin = times[0] if asked.since is None else asked.since
    end = times[-1] if asked.until is None else asked.until
    until = end if asked.until is not None else end + (interval + 1) // 2
    for day, opens, closes in _cut(begin, until, asked):
        due[day] += len(range(opens + (times[0] - opens) % interval, closes, interval))
    span: dict[date, int] = defaultdict(int)
    for day, length in shared_out(begin, end, asked):
        span[day] += length

    rows: dict[date, Row] = {}
    for day, count in received.items():
        gaps = begun[day]
        rows[day] = {
            "interval_seconds": interval / 1e6,
            "expected": due[day],
            "received": count,
            "missing": max(due[day] - count, 0),
            "completeness": 100 * min(count, due[day]) / due[day] if due[day] else None,
            "gaps": len(gaps),
            "gap_seconds": down[day] / 1e6,
            "longest_gap_seconds": max(gaps) / 1e6 if gaps else None,
            "mtbf_seconds": (span.get(day, 0) - down[day]) / len(gaps) / 1e6 if gaps else None,
            "mttr_seconds": sum(gaps) / len(gaps) / 1e6 if gaps else None,
        }
    return rows


def _moment(instant: int) -> datetime:
    return EPOCH + timedelta(microseconds=instant)


def _bytewise(item: tuple[Series, list[int]]) -> tuple[bytes, bytes, bytes]:
    device, metric, unit = item[0]
    return device.encode(), metric.encode(), b"" if unit is None else b"\1" + unit.encode()
