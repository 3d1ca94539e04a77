"""Merging is associative, commutative and has an identity; dealing out keeps every row and every device together."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.partials.codes import distinct, pack, text_codes
from jobs.partials.hashing import text_hashes
from jobs.partials.merge import divide, merge, partition
from jobs.partials.schema import SKETCH, STATS, PartialSchema
from tests.effort import rounds

SMALL = PartialSchema(
    "small",
    pa.schema(
        [
            pa.field("device_id", pa.string(), nullable=False),
            pa.field("unit", pa.string()),
            pa.field("bucket", pa.int64(), nullable=False),
            pa.field("window", pa.int16(), nullable=False),
            pa.field("n", pa.int64(), nullable=False),
            pa.field("least", pa.int64(), nullable=False),
            pa.field("most", pa.int64(), nullable=False),
        ]
    ),
    {"n": "sum", "least": "min", "most": "max"},
)
NUMBER = st.integers(-(2**40), 2**40)
TEXT = st.sampled_from(["", "a", "a ", "é", "𝄞", "abcdefgh", "abcdefghi"])
ROW = st.tuples(
    TEXT, st.one_of(st.none(), TEXT), st.sampled_from([-(2**63), -1, 0, 2**63 - 1]), st.integers(-10, 9), *[NUMBER] * 3
)
TABLE = st.lists(ROW, max_size=25).map(
    lambda rows: pa.Table.from_pylist([dict(zip(SMALL.columns.names, row, strict=True)) for row in rows], SMALL.columns)
)

Rows = dict[tuple[object, ...], tuple[int, ...]]


def rows(table: pa.Table) -> Rows:
    found = {tuple(row.values())[:4]: tuple(row.values())[4:] for row in table.to_pylist()}
    assert len(found) == len(table)
    return found


def by_hand(tables: list[pa.Table]) -> Rows:
    merged: Rows = {}
    for table in tables:
        for row in table.to_pylist():
            key, (n, least, most) = tuple(row.values())[:4], tuple(row.values())[4:]
            old = merged.get(key, (0, least, most))
            merged[key] = (old[0] + n, min(old[1], least), max(old[2], most))
    return merged


@settings(max_examples=rounds(40))
@given(TABLE, TABLE, TABLE)
def test_merging_is_a_commutative_monoid(a: pa.Table, b: pa.Table, c: pa.Table) -> None:
    expected = by_hand([a, b, c])
    assert rows(merge(SMALL, [a, b, c])) == expected
    assert rows(merge(SMALL, [merge(SMALL, [a, b]), c])) == expected
    assert rows(merge(SMALL, [a, merge(SMALL, [b, c])])) == expected
    assert rows(merge(SMALL, [c, SMALL.empty(), b, a])) == expected
    assert rows(merge(SMALL, [pa.concat_tables([c, b]), a])) == expected


@pytest.mark.parametrize("schema", [STATS, SKETCH, SMALL])
def test_nothing_merges_to_nothing(schema: PartialSchema) -> None:
    assert merge(schema, []).equals(schema.empty())
    assert merge(schema, [schema.empty()] * 2).schema.equals(schema.columns)


@settings(max_examples=rounds(40))
@given(TABLE, TABLE, st.integers(1, 9))
def test_partitions_hold_each_row_once_and_each_device_in_one(a: pa.Table, b: pa.Table, n: int) -> None:
    table = pa.concat_tables([a, b.slice(len(b) // 3)])
    parts = partition(table, n)
    assert len(parts) == n
    assert sorted(map(repr, pa.concat_tables(parts).to_pylist())) == sorted(map(repr, table.to_pylist()))
    devices = [set(part.column("device_id").to_pylist()) for part in parts]
    assert sum(map(len, devices)) == len(set().union(*devices))


@settings(max_examples=rounds(40))
@given(TABLE, TABLE, st.sampled_from([1, 100, 1000, 10**9]))
def test_pieces_hold_each_row_once_and_each_device_in_one(a: pa.Table, b: pa.Table, most: int) -> None:
    encoded = a.set_column(0, "device_id", a.column("device_id").dictionary_encode())
    blocks = {"plain": [a, b], "encoded": [encoded]}
    pieces = list(divide(blocks, most))
    assert len(pieces) == 1 + sum(table.nbytes for tables in blocks.values() for table in tables) // most
    for kind, tables in blocks.items():
        rows = [row for piece in pieces for table in piece[kind] for row in table.to_pylist()]
        assert sorted(map(repr, rows)) == sorted(repr(row) for table in tables for row in table.to_pylist())
    devices = [
        {device for tables in piece.values() for table in tables for device in table.column("device_id").to_pylist()}
        for piece in pieces
    ]
    assert sum(map(len, devices)) == len(set().union(*devices))


def plain_hash(text: str) -> int:
    data, top = text.encode(), 2**64 - 1
    h = len(data) ^ 0x9E3779B97F4A7C15
    for at in range(0, len(data), 8):
        x = h ^ int.from_bytes(data[at : at + 8], "little")
        y = (x ^ x >> 32) * 0xD6E8FEB86659FD93 & top
        h = y ^ y >> 32
    return h


@given(st.lists(st.text(max_size=40), max_size=20), st.integers(0, 5))
def test_hashes_are_as_defined(texts: list[str], skipped: int) -> None:
    column = pa.chunked_array([pa.array(texts, pa.string()).slice(skipped), pa.array(texts[:2], pa.string())])
    assert text_hashes(column).tolist() == [plain_hash(text) for text in [*texts[skipped:], *texts[:2]]]


def test_a_hash_is_fixed_for_ever() -> None:
    column = pa.chunked_array([["", "dev-0001", "sensor 5331 𝄞"]])
    assert text_hashes(column).tolist() == [11400714819323198485, 1669588473236371470, 17210003908749274950]


def test_devices_spread_evenly() -> None:
    table = pa.table({"device_id": [f"dev-{i:04d}" for i in range(16_000)]})
    sizes = [len(part) for part in partition(table, 16)]
    assert min(sizes) > 850
    assert max(sizes) < 1150


@given(st.lists(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=3, max_size=3), min_size=1, max_size=8))
def test_packed_keys_compare_as_the_columns(columns: list[list[int]]) -> None:
    packed = pack([np.array(column) for column in columns]).tolist()
    plain = list(zip(*columns, strict=True))
    for i in range(3):
        for j in range(3):
            assert (packed[i] < packed[j]) == (plain[i] < plain[j])


@given(st.lists(st.integers(0, 40) | st.integers(0, 2**62), min_size=1))
def test_distinct_codes_are_those_of_a_sort(codes: list[int]) -> None:
    found, places = distinct(np.array(codes))
    wanted, inverse = np.unique(codes, return_inverse=True)
    assert found.tolist() == wanted.tolist()
    assert places.tolist() == inverse.tolist()


@given(st.lists(st.lists(st.none() | st.sampled_from(["a", "b", "", "ä"]), max_size=4), max_size=5))
def test_text_codes_of_chunks_are_those_of_the_whole(chunks: list[list[str | None]]) -> None:
    codes, texts = text_codes(pa.chunked_array(chunks, pa.string()))
    named = [*texts.to_pylist(), None]
    assert [named[code] for code in codes.tolist()] == [text for chunk in chunks for text in chunk]
    assert len(set(named)) == len(named)
