"""Availability: arrivals and gaps are the same wherever slices are cut, and days share time out exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from jobs.partials import availability
from jobs.partials.availability import DAYS, GAPS, Presence, Rules, finish_days, finish_gaps, rounded
from jobs.partials.buckets import Buckets, days
from jobs.partials.merge import merge
from jobs.partials.pieces import pieces
from jobs.readings import zones
from tests.jobs.availability_oracle import Asked, day_rows, gap_rows
from tests.partials.test_slices import Row, walked

HOUR = 3_600_000_000
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.just("t"),
        st.sampled_from([None, "K"]),
        # at least half an hour apart, so that the oracle does not count for long
        st.one_of(st.integers(0, 144), st.integers(0, 2000)).map(lambda n: n * HOUR // 2 + n % 7 // 4 * 1_000_003),
        st.sampled_from([0.0, 1.0]),
    ),
    max_size=40,
)
RULES = st.builds(
    Asked,
    st.sampled_from(["UTC", "Europe/Berlin"]),
    st.sampled_from([None, HOUR, 5 * HOUR + 1]),
    st.sampled_from([None, 1, 6 * HOUR]),
    st.sampled_from([None, -30 * HOUR, 0]),
    st.sampled_from([None, 1001 * HOUR]),
)


def rules_of(asked: Asked) -> Rules:
    buckets = days(zones.load(asked.zone))
    return Rules(buckets, asked.interval, asked.gap_after, asked.since, asked.until)


def table(rows: list[Row]) -> pa.Table:
    columns = dict(zip(("device_id", "metric", "unit", "timestamp", "value"), zip(*rows, strict=True), strict=False))
    types = {"timestamp": pa.int64(), "value": pa.float64()}
    names = ("device_id", "metric", "unit", "timestamp", "value")
    arrays = [pa.array(columns.get(name, ()), types.get(name, pa.string())) for name in names]
    return pa.Table.from_arrays(arrays, names=names)


def walk(flushes: list[list[Row]], slice_rows: int, rules: Rules) -> list[tuple[str, pa.Table]]:
    presence = Presence(rules)
    found = [pair for one in walked(flushes, slice_rows) for pair in presence.step(one)]
    return [*found, *presence.close()]


def days_of(rows: pa.Table, rules: Rules, piece_rows: int) -> pa.Table:
    whole, availability._PIECE_ROWS = availability._PIECE_ROWS, piece_rows
    try:
        return pa.concat_tables(finish_days({DAYS.name: rows}, rules)).combine_chunks()
    finally:
        availability._PIECE_ROWS = whole


@given(
    st.lists(ROWS, max_size=3), st.integers(1, 20), RULES, st.sampled_from([2, 5, 1000]), st.sampled_from([1, 9, 1000])
)
def test_days_and_gaps_are_the_oracles_wherever_slices_are_cut(
    flushes: list[list[Row]], slice_rows: int, asked: Asked, early: int, piece_rows: int
) -> None:
    rows, rules = table([row for rows in flushes for row in rows]), rules_of(asked)
    whole, availability.INFERRED_FROM = availability.INFERRED_FROM, early
    try:
        found = [part for _, part in walk(flushes, slice_rows, rules)]
        listed = [part for _, part in walk(flushes, slice_rows, replace(rules, listed=True))]
        once = [part for _, part in walk(flushes, 10**6, rules)]
    finally:
        availability.INFERRED_FROM = whole
    done = days_of(merge(DAYS, found), rules, piece_rows)
    assert done.equals(days_of(merge(DAYS, [merge(DAYS, once[:1]), merge(DAYS, once[1:])]), rules, 1 << 16))
    if early == 1000:
        assert done.to_pylist() == day_rows(rows, asked)
        gaps = finish_gaps({GAPS.name: merge(GAPS, listed)}, rules)
        assert gaps.drop_columns(["start", "end"]).to_pylist() == [
            {name: value for name, value in row.items() if name not in ("start", "end")}
            for row in gap_rows(rows, asked)
        ]


# midnight itself was set back in St. John's until 2011, and Samoa left a whole day out
@given(
    st.sampled_from([("America/St_Johns", 1130623200), ("Pacific/Apia", 1325239200), ("UTC", 0), ("Asia/Kolkata", 0)]),
    st.integers(-200, 200),
    st.integers(1, 300),
)
def test_spans_are_shared_out_to_the_days_that_they_touch(place: tuple[str, int], begin: int, length: int) -> None:
    buckets = days(zones.load(place[0]))
    quarter = HOUR // 4
    low = (place[1] // 900 + begin) * quarter
    high = low + length * quarter
    cut = pieces(buckets, low, high)
    span, bucket, starts, ends = cut.cut(np.array([low]), np.array([high]))
    assert (starts[0], ends[-1]) == (low, high)
    assert (starts[1:] == ends[:-1]).all()
    assert not span.any()
    minutes = np.arange(low, high, HOUR // 60)
    expected = dict(zip(*(a.tolist() for a in np.unique(buckets.of(minutes), return_counts=True)), strict=True))
    found: dict[int, int] = {}
    for day, start, end in zip(bucket.tolist(), starts.tolist(), ends.tolist(), strict=True):
        found[day] = found.get(day, 0) + (end - start) * 60 // HOUR
    assert found == expected
    names = np.array(sorted(expected))
    again = np.zeros(len(names), np.int64)
    for rows, opens, closes in cut.of(names):
        again[rows] += (np.minimum(closes, high) - opens) * 60 // HOUR
    assert dict(zip(names.tolist(), again.tolist(), strict=True)) == expected


def test_pieces_of_other_buckets() -> None:
    cut = pieces(Buckets(zones.load("UTC"), HOUR, HOUR // 2), 0, 2 * HOUR)
    assert cut.starts.tolist() == [0, HOUR // 2, 3 * HOUR // 2]
    assert cut.bucket.tolist() == [-1, 0, 1]


@given(st.integers(1, 10**17))
def test_rounded_keeps_four_digits(number: int) -> None:
    unit = 10 ** max(len(str(number)) - 4, 0)
    assert rounded(np.array([number])).tolist() == [(number + unit // 2) // unit * unit]
