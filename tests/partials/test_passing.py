"""Readings that are passed on give the statistics that accumulating them would have given."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.partials import passing
from jobs.partials.array_moments import ArrayMoments
from jobs.partials.buckets import days
from jobs.partials.merge import merge, partition
from jobs.partials.moments import KINDS, finish, open_moments, settle
from jobs.partials.rows import texts_of
from jobs.partials.schema import READINGS
from jobs.partials.sketch import Sketch
from jobs.readings.model import Keys, Readings
from jobs.readings.zones import load
from tests.effort import rounds
from tests.partials.numbers import ROWS, Row, batch, gathered

DAYS = days(load("Europe/Berlin"))
SKETCH = Sketch(0.01)
NOON = 1_774_699_200_000_000


def shuffled(flushed: list[dict[str, pa.Table]], n: int) -> pa.Table:
    """What reducing by n partitions gives."""
    results = []
    for number in range(n):
        parts = {kind: [partition(tables[kind], n)[number] for tables in flushed if kind in tables] for kind in KINDS}
        merged = {kind: merge(KINDS[kind], tables) for kind, tables in parts.items() if tables}
        rows = settle(merged, DAYS, SKETCH, kernel=True)
        results.append(finish(rows["stats"], rows["sketch"], [0.5], SKETCH))
    return pa.concat_tables(results)


@settings(max_examples=rounds(40))
@given(st.lists(ROWS, min_size=1, max_size=6), st.integers(1, 3))
def test_passed_readings_give_the_same_statistics(parts: list[list[Row]], n: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passing, "TRIAL_GROUPS", 0)
        keys = Keys()
        moments, plain = open_moments(keys, DAYS, SKETCH, kernel=True), ArrayMoments(keys, DAYS, SKETCH)
        flushed = []
        for part in parts:
            readings = batch(part, keys)
            moments.add(readings)
            flushed.append(gathered(moments.flush()))
            readings.value[:] = 0.0  # buffers are used again
            plain.add(batch(part, keys))
        assert shuffled(flushed, n).equals(shuffled([gathered(plain.flush())], n))


def distinct(first: int, count: int, keys: Keys) -> Readings:
    return batch([(NOON, f"device {i}", "m", None, 1.0) for i in range(first, first + count)], keys)


def test_many_groups_of_few_readings_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passing, "TRIAL_GROUPS", 10)
    keys = Keys()
    moments = open_moments(keys, DAYS, None, kernel=True)
    kinds = []
    for count in (10, 11, 30, 5, 30):
        moments.add(distinct(0, count, keys))
        assert moments.groups == count
        assert moments.nbytes > 0
        kinds.append(sorted(gathered(moments.flush())))
        assert moments.groups == 0
    assert kinds == [["stats"], ["readings"], ["readings"], ["stats"], ["readings"]]


def test_groups_are_given_up_when_memory_is_full_and_readings_held_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passing, "TRIAL_GROUPS", 10)
    keys = Keys()
    moments = open_moments(keys, DAYS, None, kernel=True)
    monkeypatch.setattr(passing, "GROUP_BYTES", moments.nbytes + 1)
    for _ in range(3):
        moments.add(distinct(0, 30, keys))
    assert moments.nbytes == 90 * 24
    flushed = gathered(moments.flush())
    assert {kind: len(rows) for kind, rows in flushed.items()} == {"readings": 90}
    for _ in range(3):
        moments.add(distinct(0, 5, keys))
    assert sorted(gathered(moments.flush())) == ["stats"]


def test_readings_that_repeat_their_series_are_accumulated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passing, "TRIAL_GROUPS", 10)
    keys = Keys()
    moments = open_moments(keys, DAYS, None, kernel=True)
    for _ in range(2):
        for _ in range(2):
            moments.add(distinct(0, 30, keys))
        assert sorted(gathered(moments.flush())) == ["stats"]


def test_passed_rows_hold_just_the_texts_that_occur() -> None:
    keys = Keys()
    distinct(0, 1000, keys)
    keys.series("other", "unit")
    table = passing.to_rows([passing.copied(distinct(500, 8, keys))], texts_of(keys))
    assert table.schema.equals(READINGS.columns)
    assert table.column("device_id").to_pylist() == [f"device {i}" for i in range(500, 508)]
    assert table.column("unit").null_count == 8
    for part in partition(table, 3):
        chunk = part.column("device_id").combine_chunks()
        assert sorted(chunk.dictionary.to_pylist()) == sorted(chunk.to_pylist())


def test_nothing_passed_settles_to_nothing() -> None:
    settled = settle({}, DAYS, SKETCH, kernel=True)
    assert {name: len(rows) for name, rows in settled.items()} == {"stats": 0, "sketch": 0}
