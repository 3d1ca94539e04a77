"""Batches in any order within reach come out in the order of their records."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.readings.compression import Damage
from jobs.readings.model import Keys, Readings
from jobs.readings.ordering import reordered

REACH = 50


def _batch(keys: Keys, rows: list[tuple[int, int]]) -> Readings:
    offsets, values = np.array([o for o, _ in rows], np.int64), np.array([v for _, v in rows], np.float64)
    zeros = np.zeros(len(rows), np.int32)
    return Readings(keys, offsets.copy(), zeros, zeros, values, offsets)


@given(st.lists(st.integers(1, 20), max_size=120), st.randoms(use_true_random=False))
def test_rows_are_in_order_and_none_is_lost(lengths: list[int], chance: random.Random) -> None:
    offsets = np.cumsum([0, *lengths]).tolist()
    records = [(o, i) for i, o in enumerate(o for o in offsets for _ in range(2))]  # wide: two readings a record
    blocks = [[r for r in records if b <= r[0] < b + REACH] for b in range(0, offsets[-1] + 1, REACH)]
    keys, batches = Keys(), []
    for block in blocks:
        odd = {o for o, _ in block if chance.random() < 0.3}  # handed out after the others of their block
        batches += [
            _batch(keys, [r for r in block if r[0] not in odd]),
            _batch(keys, [r for r in block if r[0] in odd]),
        ]
    out = list(reordered(batches, REACH))
    assert [v for b in out for v in b.value.tolist()] == [float(i) for _, i in records]
    assert all(len(b) < 8 * REACH for b in out)


def test_damage_comes_after_what_was_read() -> None:
    keys = Keys()

    def damaged() -> Iterator[Readings]:
        yield _batch(keys, [(10, 1)])
        yield _batch(keys, [(5, 0)])
        raise Damage(20, "cut off", 20)

    seen: list[float] = []
    with pytest.raises(Damage):
        for batch in reordered(damaged(), REACH):
            seen += batch.value.tolist()
    assert seen == [0.0, 1.0]
