"""Taking the best: of parts first or of all at once, the same rows."""

from __future__ import annotations

import math

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from jobs.partials.ranking import best

SCHEMA = pa.schema(
    [("metric", pa.string()), ("date", pa.date32()), ("device_id", pa.string()), ("value", pa.float64())]
)
ROWS = st.dictionaries(
    st.tuples(st.sampled_from([None, "m", "n"]), st.sampled_from([None, 0, 1]), st.sampled_from(["a", "b", "é", "𝄞"])),
    st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1.5, -1.5, 1e300, math.inf, -math.inf])),
).map(lambda rows: [(*key, value) for key, value in rows.items()])


def table(rows: list[tuple[object, ...]]) -> pa.Table:
    columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * 4
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)], SCHEMA)


def by_hand(rows: list[tuple[object, ...]], n: int, *, lowest: bool) -> list[tuple[object, ...]]:
    def key(row: tuple[object, ...]) -> tuple[object, ...]:
        metric, date, device, value = row
        assert isinstance(value, float)
        up = (value, math.copysign(1, value))
        down = tuple(-x for x in up)
        groups = [() if x is None else (x,) for x in (metric, date)]
        return (*groups, up if lowest else down, str(device).encode())

    ordered = sorted((row for row in rows if row[3] is not None), key=key)
    result: list[tuple[object, ...]] = []
    for row in ordered:
        rank = 1 + sum(other[:2] == row[:2] for other in result)
        result += [(*row, rank)]
    return [row for row in result if int(str(row[4])) <= n]


@given(ROWS, st.integers(1, 5), st.booleans())
def test_the_best_are_those_that_sorting_by_hand_puts_first(
    rows: list[tuple[object, ...]], n: int, lowest: bool
) -> None:
    found = best(table(rows), ["metric", "date"], "value", n, lowest=lowest)
    columns = [*found.columns[:1], found.column("date").cast(pa.int32()), *found.columns[2:]]
    given_rows = list(zip(*(c.to_pylist() for c in columns), strict=True))
    assert list(map(repr, given_rows)) == list(map(repr, by_hand(rows, n, lowest=lowest)))


@given(ROWS, st.lists(st.booleans(), min_size=40, max_size=40), st.integers(1, 3), st.booleans())
def test_the_best_of_the_best_of_parts_are_the_best_of_all(
    rows: list[tuple[object, ...]], side: list[bool], n: int, lowest: bool
) -> None:
    def cut(given_rows: pa.Table) -> pa.Table:
        return best(given_rows, ["metric", "date"], "value", n, lowest=lowest)

    parts = [cut(table([row for row, s in zip(rows, side, strict=False) if s == half])) for half in (True, False)]
    for ordered in (parts, parts[::-1]):
        assert cut(pa.concat_tables(ordered).drop_columns("rank")).equals(cut(table(rows)))


def test_without_groups_all_are_ranked_together() -> None:
    rows: list[tuple[object, ...]] = [("m", 0, "a", 1.0), ("n", 0, "b", 2.0), ("m", 1, "c", 2.0)]
    assert best(table(rows), [], "value", 2)["device_id"].to_pylist() == ["b", "c"]
