"""The rows that availability gives: days and gaps of whole series, from merged partial rows.

One partial row may stand for many days of which nothing came, so days are given in pieces.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np
import pyarrow as pa

from jobs.partials.availability import DAYS, GAPS, MERGES, Rules
from jobs.partials.buckets import Buckets, skipped_days
from jobs.partials.codes import pack, starts_of_runs, text_ranks
from jobs.partials.merge import integers
from jobs.partials.pieces import pieces
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Int64Array
from jobs.readings.zones import DAY

_PIECE_ROWS = 1 << 16


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
        yield _finished(rows.take(from_numpy(order[start:end])), rules)


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
        "date": from_numpy(column["bucket"].astype(np.int32), pa.date32()),
        "interval_seconds": from_numpy(interval / 1e6, mask=unknown),
        "expected": from_numpy(expected, mask=unknown),
        "received": from_numpy(received),
        "missing": from_numpy(np.maximum(expected - received, 0), mask=unknown),
        "completeness": from_numpy(share, mask=unknown | (expected == 0)),
        "gaps": from_numpy(column["gaps"], mask=unknown),
        "gap_seconds": from_numpy(column["down"] / 1e6, mask=unknown),
        "longest_gap_seconds": from_numpy(column["longest"] / 1e6, mask=none),
        "mtbf_seconds": from_numpy((up - column["down"]) / gaps / 1e6, mask=none),
        "mttr_seconds": from_numpy(column["begun"] / gaps / 1e6, mask=none),
    }
    if rules.numbered is not None:
        is_numbered = rows.column("metric").to_numpy()[order] == rules.numbered
        columns["lost"] = from_numpy(column["lost"], mask=~is_numbered)
    return pa.table(columns)


def _day_by_day(rows: pa.Table, series: Int64Array, buckets: Buckets) -> tuple[Int64Array, dict[str, Int64Array]]:
    """The row of each day in the order of series and day, and the columns of that day."""
    bucket, until = integers(rows.column("bucket")), integers(rows.column("until"))
    count = until - bucket + 1
    row = np.repeat(np.arange(len(rows)), count)
    day = bucket[row] + np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    order = np.argsort(pack([series[row], day]))
    order = order[~((until > bucket)[row[order]] & np.isin(day[order], skipped_days(buckets.zone)))]
    row, day = row[order], day[order]
    column = {name: integers(rows.column(name))[row] for name in MERGES} | {"bucket": day}
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
        "date": from_numpy(rules.buckets.of(start).astype(np.int32), pa.date32()),
        "start": from_numpy(start).cast(pa.timestamp("us", "UTC")),
        "end": from_numpy(end).cast(pa.timestamp("us", "UTC")),
        "seconds": from_numpy((end - start) / 1e6),
        "missing": from_numpy(missing),
    }
    return pa.table(columns)


def _texts(texts: list[tuple[Int64Array, pa.Array]], order: Int64Array) -> dict[str, pa.Array]:
    names = ("device_id", "metric", "unit")
    return {
        name: distinct.take(from_numpy(ranks[order], mask=ranks[order] < 0))
        for name, (ranks, distinct) in zip(names, texts, strict=True)
    }
