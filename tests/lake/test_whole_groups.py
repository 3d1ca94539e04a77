"""Rows of equal keys stay in one table, wherever the tables were cut."""

from __future__ import annotations

import itertools

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from jobs.lake.runs import whole_groups

KEYS = st.lists(st.one_of(st.none(), st.sampled_from(["", "a", "é"])), max_size=20).map(
    lambda keys: sorted(keys, key=lambda k: () if k is None else (k.encode(),))
)


@given(KEYS, st.lists(st.integers(0, 20), max_size=5))
def test_groups_stay_whole(keys: list[str | None], cuts: list[int]) -> None:
    table = pa.table({"key": pa.array(keys, pa.string()), "row": range(len(keys))})
    borders = sorted({0, len(keys), *(c for c in cuts if c < len(keys))})
    tables = [table.slice(a, b - a) for a, b in itertools.pairwise(borders)]
    found = list(whole_groups(tables, ["key"]))
    assert [row for part in found for row in part["row"].to_pylist()] == list(range(len(keys)))
    groups = [set(part["key"].to_pylist()) for part in found]
    assert all(not a & b for a, b in itertools.combinations(groups, 2))
