"""Availability: how many readings came of those that were due, and the gaps between them.

A series is due every `interval`, given or inferred; readings of one time are one arrival. A silence of more than one
and a half intervals, or of more than a given time, is a gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jobs.partials.buckets import Buckets
from jobs.partials.codes import pack, starts_of_runs, text_ranks
from jobs.partials.merge import integers
from jobs.partials.pieces import pieces
from jobs.partials.schema import Merge, PartialSchema
from jobs.partials.totals import add_up_runs
from jobs.partials.walks import Last, Slice, Yielded, sequence_rows
from jobs.readings.model import Float64Array, Int64Array
from jobs.readings.zones import DAY

INFERRED_FROM = 1_000
"""The interval of a series is inferred from so many differences, its first in the order of time."""
LONGEST = 366 * DAY
"""The days within a longer silence have no rows: a clock that stood in 1970 would make twenty thousand of a series."""
_SHARED = 8 * DAY
"""Of longer silences just the days near their ends have rows of their own among partial rows."""
_PIECE_ROWS = 1 << 16
_DIGITS = 4
_SERIES = [
    pa.field("device_id", pa.string(), nullable=False),
    pa.field("metric", pa.string(), nullable=False),
    pa.field("unit", pa.string()),
]


def _int64(*names: str) -> list[pa.Field]:
    return [pa.field(name, pa.int64(), nullable=False) for name in names]


_MERGES: dict[str, Merge] = {
    "received": "sum",
    "down": "sum",
    "gaps": "sum",
    "begun": "sum",
    "longest": "max",
    "first": "min",
    "last": "max",
    "interval": "max",
    "lost": "sum",
}
DAYS = PartialSchema("days", pa.schema([*_SERIES, *_int64("bucket", "until", *_MERGES)]), _MERGES)
"""A series on a day: arrivals; µs of gaps; of the gaps that begin on it their number, their µs and the longest's; the
first and last arrival (UNSEEN where there is none); the interval (0 where not yet known); how many numbers of a
sequence were left out. until: the same day; or the last one of those within a silence, of which one row stands for all,
and `down` tells whether it is a gap."""

GAPS = PartialSchema("gaps", pa.schema([*_SERIES, *_int64("start", "end", "missing")]), {}, single=True)
"""A gap: from when the first missing reading was due until the next arrival, µs UTC, and how many are missing."""

KINDS = {kind.name: kind for kind in (DAYS, GAPS)}
MOST_LOST = 2**40
UNSEEN = (2**62, -(2**62))
"""First and last arrival of nothing: what a minimum and a maximum leave as they are."""


@dataclass(frozen=True)
class Rules:
    """interval: µs; None to infer it. gap_after: beyond how many µs of silence there is a gap; None: one and a half
    intervals. since, until: µs UTC between which readings are due; None: the first and the last arrival. listed:
    whether gaps are listed, rather than counted by bucket. numbered: the metric whose values count messages."""

    buckets: Buckets
    interval: int | None = None
    gap_after: int | None = None
    since: int | None = None
    until: int | None = None
    listed: bool = False
    numbered: str | None = None

    @property
    def longest(self) -> int:
        """How long a silence is at most, in µs, of which each day has a row: any, where both ends of time are given."""
        return LONGEST if self.since is None or self.until is None else 2**62


@dataclass(frozen=True)
class Silences:
    """Times from `start`, when the next reading of a series (any number) was due, to `end`, when it came, in µs UTC.

    interval: of the series. is_gap: whether it is counted as a gap.
    """

    series: Int64Array
    start: Int64Array
    end: Int64Array
    interval: Int64Array
    is_gap: npt.NDArray[np.bool_]

    @property
    def missing(self) -> Int64Array:
        """How many readings were due before the one that came: whole intervals, the half rounded down."""
        return -((self.interval - 2 * (self.end - self.start)) // (2 * self.interval))

    def take(self, rows: npt.NDArray[np.bool_]) -> Silences:
        return Silences(self.series[rows], self.start[rows], self.end[rows], self.interval[rows], self.is_gap[rows])


def silences(rules: Rules, series: Int64Array, before: Int64Array, time: Int64Array, interval: Int64Array) -> Silences:
    """The silences between arrivals and those before them that are gaps, or longer than one and a half intervals."""
    twice, usual = 2 * (time - before), 3 * interval
    is_gap = twice > (usual if rules.gap_after is None else np.maximum(2 * rules.gap_after, 2 * interval))
    return Silences(series, before + interval, time, interval, is_gap).take(is_gap | (twice > usual))


def at_edges(
    rules: Rules, series: Int64Array, first: Int64Array, last: Int64Array, interval: Int64Array
) -> Iterator[Silences]:
    """The silences before the first arrivals and after the last ones, where the rules say since and until when: as if
    there were an arrival one interval before since, and one at until."""
    if rules.since is not None:
        yield silences(rules, series, rules.since - interval, first, interval)
    if rules.until is not None:
        yield silences(rules, series, last, np.full(len(last), rules.until), interval)


def inferred(series: Int64Array, differences: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Each series that occurs, ascending, and its interval: the mean of its differences from half of their lower median
    to one and a half of it, which are those of readings that follow each other, to four digits.

    A median alone is off by what clocks that show whole seconds cut away, and where senders are late now and then.
    """
    order = np.lexsort((differences, series))
    starts = starts_of_runs(series[order])
    sizes = np.diff(starts, append=len(order))
    ordered = differences[order]
    median = np.repeat(ordered[starts + (sizes - 1) // 2], sizes)
    is_one = (2 * ordered >= median) & (2 * ordered <= 3 * median)
    total, count = (np.add.reduceat(c, starts) if len(starts) else starts for c in (ordered * is_one, 1 * is_one))
    return series[order][starts], rounded((2 * total + count) // np.maximum(2 * count, 1))


def rounded(differences: Int64Array) -> Int64Array:
    """Positive integers rounded to four significant digits, the half up."""
    powers = 10 ** np.arange(19 - _DIGITS, dtype=np.int64)
    unit = powers[np.searchsorted(powers * 10**_DIGITS, differences, side="right").clip(0, len(powers) - 1)]
    whole: Int64Array = (differences + unit // 2) // unit * unit
    return whole


def by_day(found: Silences, rules: Rules) -> tuple[Int64Array, list[Int64Array]]:
    """Silences shared out to days: the series, and the columns of DAYS from the bucket on, rows of one key several."""
    silence, bucket, until, begin, end = _by_day(found, rules)
    is_gap, is_day = found.is_gap[silence], bucket == until
    begins = (begin == found.start[silence]) & is_gap
    whole = np.where(begins, found.end[silence] - found.start[silence], 0)
    first, last = (np.full(len(silence), edge) for edge in UNSEEN)
    down, nothing = np.where(is_gap, np.where(is_day, end - begin, 1), 0), np.zeros(len(silence), np.int64)
    interval = found.interval[silence]
    columns = [bucket, until, nothing, down, begins.astype(np.int64), whole, whole, first, last, interval, nothing]
    return found.series[silence], columns


def _by_day(found: Silences, rules: Rules) -> list[Int64Array]:
    """The parts of silences: the silence, bucket, until, begin and end of each. Of a long one the days that lie more
    than two days within are one part, or none where the rules say so; three days at either end hold all others."""
    start, end, of = found.start, found.end, rules.buckets.of
    long = np.flatnonzero(end - start > _SHARED)
    left_out = (end - start)[long] > rules.longest
    first, last = np.zeros((2, len(start)), np.int64) + np.array([[2**62], [-(2**62)]])  # the days within
    first[long] = np.where(left_out, of(start[long]) + 1, of(start[long] + 2 * DAY))
    last[long] = np.where(left_out, of(end[long] - 1) - 1, of(end[long] - 1 - 2 * DAY))

    silence = np.append(np.arange(len(start)), long)
    begins = np.append(start, end[long] - 3 * DAY)
    ends = np.append(end, end[long])
    ends[long] = start[long] + 3 * DAY
    span, bucket, begin, stop = pieces(rules.buckets, int(begins.min()), int(ends.max())).cut(begins, ends)
    silence = silence[span]
    kept = (bucket < first[silence]) | (bucket > last[silence])
    within = long[~left_out]
    rows = [silence[kept], bucket[kept], bucket[kept], begin[kept], stop[kept]]
    runs = [within, first[within], last[within], start[within] + DAY, end[within] - DAY]
    return [np.concatenate(both) for both in zip(rows, runs, strict=True)]


def left_out(before: Float64Array, value: Float64Array) -> Int64Array:
    """How many whole numbers lie between two of a sequence; none where it starts anew."""
    return np.clip(value - before - 1, 0, MOST_LOST).astype(np.int64)


class Presence:
    """The walk that finds arrivals and gaps: rows of DAYS, or of GAPS where they are listed."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._last = Last()
        self._now: Slice | None = None
        self._first = np.empty(0, np.int64)
        self._interval = np.empty(0, np.int64)  # 0: not yet known
        self._known = np.empty(0, np.int64)  # how many differences there were, while it is not
        self._waiting: list[npt.NDArray[np.int64]] = []  # [sequence, before, time], of those not yet known

    def step(self, now: Slice) -> Yielded:
        seen, before, number = self._last.follow(now)
        self._grow(now)
        arrives = ~seen | (now.timestamp != before)
        code, time = now.sequence[arrives], now.timestamp[arrives]
        if not self._rules.listed:
            yield from self._rows(code, self._arrivals(time))
            yield from self._lost(now, seen, number)
        self._first[code[~seen[arrives]]] = time[~seen[arrives]]
        yield from self._differences(np.stack([code, before[arrives], time])[:, seen[arrives]])

    def close(self) -> Yielded:
        yield from self._decide(np.flatnonzero(self._interval == 0))
        code = np.flatnonzero(self._interval)
        if not len(code):
            return
        last, interval = self._last.timestamp[code], self._interval[code]
        for found in at_edges(self._rules, code, self._first[code], last, interval):
            yield from self._found(found)
        if not self._rules.listed:
            nothing, bucket = np.zeros(len(code), np.int64), self._rules.buckets.of(last)
            yield from self._rows(code, [bucket, bucket, *[nothing] * 5, last, last, interval, nothing])

    def _grow(self, now: Slice) -> None:
        self._now = now
        more = np.zeros(len(now.sequences) - len(self._first), np.int64)
        self._first, self._known = np.concatenate([self._first, more]), np.concatenate([self._known, more])
        self._interval = np.concatenate([self._interval, more + (self._rules.interval or 0)])

    def _arrivals(self, time: Int64Array) -> list[Int64Array]:
        one, nothing = np.ones(len(time), np.int64), np.zeros(len(time), np.int64)
        bucket = self._rules.buckets.of(time)
        return [bucket, bucket, one, *[nothing] * 4, time, time, nothing, nothing]

    def _lost(self, now: Slice, seen: npt.NDArray[np.bool_], before: Float64Array) -> Yielded:
        """Rows of what sequences of numbers left out, on the day of the reading that shows it."""
        if self._rules.numbered is None:
            return
        metrics = [metric == self._rules.numbered for metric, _ in now.readings.keys.series_texts()]
        rows = np.flatnonzero(seen & np.array(metrics, np.bool_)[now.readings.series])
        if len(rows):
            nothing, lost = np.zeros(len(rows), np.int64), left_out(before[rows], now.value[rows])
            first, last = (nothing + edge for edge in UNSEEN)
            bucket = self._rules.buckets.of(now.timestamp[rows])
            yield from self._rows(now.sequence[rows], [bucket, bucket, *[nothing] * 5, first, last, nothing, lost])

    def _differences(self, pairs: npt.NDArray[np.int64]) -> Yielded:
        """Pairs of arrivals that follow each other: gaps where the interval is known; else they wait until it is."""
        known = self._interval[pairs[0]] > 0
        code, before, time = pairs[:, known]
        yield from self._found(silences(self._rules, code, before, time, self._interval[code]))
        if not known.all():
            unknown = pairs[:, ~known]
            self._waiting.append(unknown)
            self._known += np.bincount(unknown[0], minlength=len(self._known))
            yield from self._decide(np.unique(unknown[0][self._known[unknown[0]] >= INFERRED_FROM]))

    def _decide(self, codes: Int64Array) -> Yielded:
        """Infers the interval of these sequences, and finds the gaps that waited for it."""
        if not len(codes) or not self._waiting:
            return
        pairs = np.concatenate(self._waiting, axis=1)
        chosen = np.zeros(len(self._interval), np.bool_)
        chosen[codes] = True
        mine = chosen[pairs[0]]
        self._waiting = [pairs[:, ~mine]]
        pairs = pairs[:, mine]
        code, before, time = pairs[:, np.argsort(pairs[0], kind="stable")]
        starts = starts_of_runs(code)
        number = np.arange(len(code)) - np.repeat(starts, np.diff(starts, append=len(code)))
        first = number < INFERRED_FROM
        decided, interval = inferred(code[first], (time - before)[first])
        self._interval[decided] = interval
        yield from self._found(silences(self._rules, code, before, time, self._interval[code]))

    def _found(self, found: Silences) -> Yielded:
        assert self._now is not None
        if self._rules.listed:
            gaps = found.take(found.is_gap)
            yield GAPS.name, sequence_rows(GAPS, self._now, gaps.series, [gaps.start, gaps.end, gaps.missing])
        elif len(found.start):
            yield from self._rows(*by_day(found, self._rules))

    def _rows(self, code: Int64Array, columns: list[Int64Array]) -> Yielded:
        """Rows of DAYS, merged where those of a series and day follow each other."""
        assert self._now is not None
        code, *merged = add_up_runs([code, *columns], 3, list(_MERGES.values()))
        yield DAYS.name, sequence_rows(DAYS, self._now, code, merged)


def finish_days(partials: Mapping[str, pa.Table], rules: Rules) -> Iterator[pa.Table]:
    """The days of merged DAYS rows, which hold all of a series, in the order of series and day: the job's columns, in
    pieces of whole series, of about as many rows each."""
    rows = partials.get(DAYS.name, DAYS.empty())
    days = integers(rows.column("until")) - integers(rows.column("bucket")) + 1
    if days.sum() <= _PIECE_ROWS:
        yield _finished(rows, rules)
        return
    _, series = np.unique(_series(rows)[0], return_inverse=True)
    size = np.bincount(series, weights=days).astype(np.int64)
    number = ((np.cumsum(size) - size) // _PIECE_ROWS)[series]
    order = np.argsort(number, kind="stable")
    starts = starts_of_runs(number[order])
    for start, end in pairwise([*starts.tolist(), len(order)]):
        yield _finished(rows.take(pa.array(order[start:end])), rules)


def _series(rows: pa.Table) -> tuple[Int64Array, list[tuple[Int64Array, pa.Array]]]:
    """An integer of each row that compares as its series does, and the ranks and texts of the series' columns."""
    texts = [text_ranks(rows.column(name)) for name in ("device_id", "metric", "unit")]
    return pack([ranks for ranks, _ in texts]), texts


def _finished(rows: pa.Table, rules: Rules) -> pa.Table:
    series, texts = _series(rows)
    order, column = _day_by_day(rows, series, rules.buckets)
    starts = starts_of_runs(series[order])
    sizes = np.diff(starts, append=len(order))

    def whole(reduce: np.ufunc, name: str) -> Int64Array:
        """A column merged over each series, for each of its rows."""
        return np.repeat(reduce.reduceat(column[name], starts), sizes) if len(starts) else starts

    interval, first, last = whole(np.maximum, "interval"), whole(np.minimum, "first"), whole(np.maximum, "last")
    expected, up = _due(rules, column["bucket"], first, last, interval)
    received, gaps = column["received"], np.maximum(column["gaps"], 1)
    unknown, none = interval == 0, column["gaps"] == 0
    share = 100 * np.minimum(received, expected) / np.maximum(expected, 1)
    columns = _texts(texts, order) | {
        "date": pa.array(column["bucket"].astype(np.int32), pa.date32()),
        "interval_seconds": pa.array(interval / 1e6, mask=unknown),
        "expected": pa.array(expected, mask=unknown),
        "received": pa.array(received),
        "missing": pa.array(np.maximum(expected - received, 0), mask=unknown),
        "completeness": pa.array(share, mask=unknown | (expected == 0)),
        "gaps": pa.array(column["gaps"], mask=unknown),
        "gap_seconds": pa.array(column["down"] / 1e6, mask=unknown),
        "longest_gap_seconds": pa.array(column["longest"] / 1e6, mask=none),
        "mtbf_seconds": pa.array((up - column["down"]) / gaps / 1e6, mask=none),
        "mttr_seconds": pa.array(column["begun"] / gaps / 1e6, mask=none),
    }
    if rules.numbered is not None:
        is_numbered = rows.column("metric").to_numpy()[order] == rules.numbered
        columns["lost"] = pa.array(column["lost"], mask=~is_numbered)
    return pa.table(columns)


def _day_by_day(rows: pa.Table, series: Int64Array, buckets: Buckets) -> tuple[Int64Array, dict[str, Int64Array]]:
    """The row of each day in the order of series and day, and the columns of that day."""
    bucket, until = integers(rows.column("bucket")), integers(rows.column("until"))
    count = until - bucket + 1
    row = np.repeat(np.arange(len(rows)), count)
    day = bucket[row] + np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    order = np.argsort(pack([series[row], day]))
    row, day = row[order], day[order]
    column = {name: integers(rows.column(name))[row] for name in _MERGES} | {"bucket": day}
    down = np.flatnonzero((until > bucket)[row] & (column["down"] > 0))
    if len(down):
        low, high = buckets.starts(np.array([day[down].min(), day[down].max() + 1]))
        column["down"][down] = 0
        for some, opens, closes in pieces(buckets, int(low), int(high) + DAY).of(day[down]):
            column["down"][down[some]] += closes - opens
    return row, column


def _due(
    rules: Rules, bucket: Int64Array, first: Int64Array, last: Int64Array, interval: Int64Array
) -> tuple[Int64Array, Int64Array]:
    """For each row how many readings are due on its day, and how many µs of it lie between since and until.

    Due are first + k·interval for whole k, from since on and before until; without them, from the first arrival on and
    less than half an interval after the last.
    """
    begin = first if rules.since is None else np.full(len(first), rules.since)
    end = last if rules.until is None else np.full(len(last), rules.until)
    until = end if rules.until is not None else last + (interval + 1) // 2
    step = np.maximum(interval, 1)
    expected, up = np.zeros(len(first), np.int64), np.zeros(len(first), np.int64)
    if not len(first):
        return expected, up
    cut = pieces(rules.buckets, int(begin.min()), int(until.max()))
    for rows, opens, closes in cut.of(bucket):
        low, high = np.maximum(opens, begin[rows]), np.minimum(closes, until[rows])
        count = (first[rows] - low) // step[rows] - (first[rows] - high) // step[rows]
        expected[rows] += np.where(high > low, count, 0)
        up[rows] += np.maximum(np.minimum(closes, end[rows]) - low, 0)
    return expected, up


def finish_gaps(partials: Mapping[str, pa.Table], rules: Rules) -> pa.Table:
    """The gaps of GAPS rows, in the order of series and start: the columns of the list."""
    rows = partials.get(GAPS.name, GAPS.empty())
    texts = [text_ranks(rows.column(name)) for name in ("device_id", "metric", "unit")]
    order = np.argsort(pack([*(ranks for ranks, _ in texts), integers(rows.column("start"))]))
    start, end, missing = (integers(rows.column(name))[order] for name in ("start", "end", "missing"))
    columns = _texts(texts, order) | {
        "date": pa.array(rules.buckets.of(start).astype(np.int32), pa.date32()),
        "start": pa.array(start).cast(pa.timestamp("us", "UTC")),
        "end": pa.array(end).cast(pa.timestamp("us", "UTC")),
        "seconds": pa.array((end - start) / 1e6),
        "missing": pa.array(missing),
    }
    return pa.table(columns)


def _texts(texts: list[tuple[Int64Array, pa.Array]], order: Int64Array) -> dict[str, pa.Array]:
    names = ("device_id", "metric", "unit")
    return {
        name: distinct.take(pa.array(ranks[order], mask=ranks[order] < 0))
        for name, (ranks, distinct) in zip(names, texts, strict=True)
    }
