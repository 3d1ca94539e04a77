"""Slices of time: the same readings in the same order wherever tasks flush and slices are cut."""

from __future__ import annotations

from collections import Counter
from functools import partial
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jobs.partials import slices
from jobs.partials.images import to_images
from jobs.partials.walks import Last, Slice, without_repeats
from jobs.readings.model import NO_TIME, Keys, Readings

Row = tuple[str, str, str | None, int, float]
"""Device, metric, unit, timestamp, value."""

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["", "a", "b", "b "]),
        st.sampled_from(["t", "h"]),
        st.sampled_from([None, "", "°C"]),
        st.one_of(st.integers(0, 6), st.sampled_from([NO_TIME, -5, 2**62])),
        st.sampled_from([-0.0, 0.0, 1.0, -1.5, 1e300]),
    ),
    max_size=40,
)


def readings(rows: list[Row], keys: Keys) -> Readings:
    device = np.array([keys.device(row[0]) for row in rows], np.int32)
    series = np.array([keys.series(row[1], row[2]) for row in rows], np.int32)
    time = np.array([row[3] for row in rows], np.int64)
    value = np.array([row[4] for row in rows], np.float64)
    return Readings(keys, time, device, series, value, np.zeros(len(rows), np.int64))


def walked(flushes: list[list[Row]], slice_rows: int) -> list[Slice]:
    """The slices of what several tasks flushed."""
    blocks: list[slices.Block] = []
    for rows in flushes:
        keys = Keys()
        collected = slices.Collected(keys)
        for row in rows:
            collected.add(readings([row], keys))
        for _, table in collected.flush():
            blocks += [(first, partial(lambda block: block, block)) for first, block in slices.blocks(table)]
    blocks.sort(key=lambda block: slices.label(block[0]))
    return list(slices.slices(blocks, Keys(), slice_rows))


def rows_of(cut: list[Slice]) -> dict[tuple[str, str, str | None], list[tuple[int, int]]]:
    """Each sequence's times and images of values, in the order in which they came."""
    found: dict[tuple[str, str, str | None], list[tuple[int, int]]] = {}
    for one in cut:
        devices, series = one.readings.keys.device_texts().to_pylist(), one.readings.keys.series_texts()
        images = to_images(one.value).tolist()
        for i, image in enumerate(images):
            key = (devices[one.readings.device[i]], *series[one.readings.series[i]])
            found.setdefault(key, []).append((int(one.timestamp[i]), image))
    return found


def expected(rows: list[Row]) -> dict[tuple[str, str, str | None], list[tuple[int, int]]]:
    found: dict[tuple[str, str, str | None], list[tuple[int, int]]] = {}
    for device, metric, unit, time, value in rows:
        found.setdefault((device, metric, unit), []).append((time, int(to_images(np.array([value]))[0])))
    return {key: sorted(pairs) for key, pairs in found.items()}


@given(st.lists(ROWS, max_size=4), st.integers(1, 20), st.integers(1, 5))
def test_each_sequence_comes_once_in_the_order_of_time_and_value(
    flushes: list[list[Row]], slice_rows: int, block_rows: int
) -> None:
    whole, slices.BLOCK_ROWS = slices.BLOCK_ROWS, block_rows
    try:
        cut = walked(flushes, slice_rows)
    finally:
        slices.BLOCK_ROWS = whole
    assert rows_of(cut) == expected([row for rows in flushes for row in rows])
    assert all(max(one.timestamp) < min(other.timestamp) for one, other in pairwise(cut))
    for one in cut:
        assert [one.sequences.device[code] for code in one.sequence] == one.readings.device.tolist()
        assert [one.sequences.series[code] for code in one.sequence] == one.readings.series.tolist()
        assert one.starts.tolist() == [i for i, is_start in enumerate(one.is_start) if is_start]


@given(st.lists(ROWS, max_size=3), st.integers(1, 20), st.integers(1, 7))
def test_parts_are_the_slice_and_cut_no_time(flushes: list[list[Row]], slice_rows: int, rows: int) -> None:
    for one in walked(flushes, slice_rows):
        parts = list(one.parts(rows))
        assert [*rows_of(parts).items()] == [*rows_of([one]).items()]
        ends = [(int(p.sequence[i]), int(p.timestamp[i])) for p in parts for i in (0, -1)][1:-1]
        assert all(before != after for before, after in zip(ends[::2], ends[1::2], strict=True))
        alike = max(Counter(zip(one.sequence.tolist(), one.timestamp.tolist(), strict=True)).values())
        assert all(len(part) < rows + alike for part in parts)
        assert all(len(part) >= rows for part in parts[:-1])


@given(st.lists(ROWS, max_size=3), st.integers(1, 20))
def test_repeats_are_left_out(flushes: list[list[Row]], slice_rows: int) -> None:
    left = rows_of([without_repeats(one) for one in walked(flushes, slice_rows)])
    assert left == {key: sorted(set(pairs)) for key, pairs in expected([r for f in flushes for r in f]).items()}


@given(st.lists(ROWS, max_size=3), st.integers(1, 20))
def test_each_reading_follows_the_one_before_it(flushes: list[list[Row]], slice_rows: int) -> None:
    last = Last()
    before: dict[int, tuple[int, int]] = {}
    for one in walked(flushes, slice_rows):
        seen, time, value = last.follow(one)
        images, own = to_images(value), to_images(one.value)
        for i, code in enumerate(one.sequence.tolist()):
            assert bool(seen[i]) == (code in before)
            if seen[i]:
                assert (time[i], images[i]) == before[code]
            before[code] = (int(one.timestamp[i]), int(own[i]))


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_labels_sort_as_timestamps_do(one: int, other: int) -> None:
    assert (slices.label(one) < slices.label(other)) == (one < other)
    assert slices.unlabel(slices.label(one)) == one
