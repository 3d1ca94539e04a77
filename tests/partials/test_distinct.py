"""Counting devices by day: against sets, and estimates that show neither order nor cuts."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.partials.presence import (
    COUNTS,
    PRESENT,
    added_up,
    counted,
    estimate,
    estimated,
    of_sketches,
    sketch_of,
    to_sketches,
    united,
)

ROWS = st.sets(st.tuples(st.sampled_from(["a", "a ", "é", "𝄞"]), st.sampled_from(["m", "n"]), st.integers(-3, 6)))


def present(rows: list[tuple[str, str, int]]) -> pa.Table:
    columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * 3
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, PRESENT.columns, strict=True)], PRESENT.columns)


def by_hand(rows: set[tuple[str, str, int]]) -> dict[tuple[str, int], tuple[int, ...]]:
    result: dict[tuple[str, int], tuple[int, ...]] = {}
    for group in {row[1] for row in rows}:
        on = {day: {r[0] for r in rows if r[1:] == (group, day)} for day in range(-5, 9)}
        for day in range(-4, max(d for d in on if on[d]) + 1):
            earlier = set().union(*(on[d] for d in on if d < day))
            new, returning = on[day] - earlier, (on[day] & earlier) - on[day - 1]
            lost = on[day - 1] - on[day]
            if on[day] or lost:
                result[group, day] = len(on[day]), len(new), len(returning), len(lost)
    return result


def result(parts: list[pa.Table]) -> dict[tuple[str, int], tuple[int, ...]]:
    whole = pa.concat_tables([COUNTS.empty_table(), *parts])
    summed = added_up(whole.filter(whole["date"].is_valid()))
    columns = [summed["group"], summed["date"].cast(pa.int32()), *summed.columns[2:]]
    rows = list(zip(*(c.to_pylist() for c in columns), strict=True))
    assert [row[:2] for row in rows] == sorted(row[:2] for row in rows)
    return {row[:2]: row[2:] for row in rows}


@given(ROWS, st.sets(st.sampled_from(["a", "a ", "é", "𝄞"])))
def test_counts_are_those_of_sets_however_devices_are_dealt_out(
    rows: set[tuple[str, str, int]], mine: set[str]
) -> None:
    shuffled = random.Random(1).sample(sorted(rows), len(rows))
    none = np.zeros(0, np.int64)
    whole = counted(present(shuffled), none)
    dealt = [present([r for r in shuffled if (r[0] in mine) is side]) for side in (True, False)]
    parts = [counted(some, none) for some in dealt]
    assert result([whole]) == result(parts) == result(parts[::-1]) == by_hand(rows)
    totals = [p.filter(p["date"].is_null())["devices"].to_pylist() for p in parts]
    assert sum(sum(t) for t in totals) == len({row[0] for row in rows})
    guessed = estimated(of_sketches(to_sketches(some)) for some in dealt if len(some))
    days = guessed["date"].cast(pa.int32()).to_pylist()
    found = list(zip(guessed["group"].to_pylist(), days, guessed["devices"].to_pylist(), strict=True))
    there = sorted({row[1:] for row in rows}, key=lambda key: (key[0].encode(), key[1]))
    assert found == [(*key, sum(row[1:] == key for row in rows)) for key in there]


@pytest.mark.parametrize("n", [0, 1, 8, 380, 400, 900, 30_000])
def test_an_estimate_shows_neither_order_nor_cuts(n: int) -> None:
    devices = [f"device-{i}" for i in range(n)]
    found = {estimate([sketch_of(devices)])}
    for seed in range(4):
        draws = random.Random(seed)
        shuffled, cuts = draws.sample(devices, n), draws.randrange(1, 20)
        parts = [sketch_of([*shuffled[i::cuts], *shuffled[:5]]) for i in range(cuts)]
        found.add(estimate(parts))
        halves = [bytes(united(half).serialize_compact()) for half in (parts[:2], parts[2:], [])]
        found.add(estimate(halves))
    assert len(found) == 1
    assert abs(found.pop() - n) <= 0.05 * n
