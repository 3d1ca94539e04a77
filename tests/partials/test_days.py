"""Pieces of days: the rows in the order of the lake, whatever the blocks, and few of them in memory."""

from __future__ import annotations

import weakref
from functools import partial

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from jobs.engine.shuffle import Aside
from jobs.partials import days
from jobs.partials.schema import QUALIFIED
from jobs.readings.zones import DAY

Row = tuple[str, str, str | None, int, float, str | None]
"""Device, metric, unit, timestamp, value, quality."""

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["", "a", "b", "b ", "é"]),
        st.sampled_from(["t", "h"]),
        st.sampled_from([None, "", "°C"]),
        st.builds(lambda day, time: day * DAY + time, st.integers(-2, 3), st.integers(0, 3)),
        st.sampled_from([-0.0, 0.0, 1.0, 1e300]),
        st.sampled_from([None, "", "good"]),
    ),
    min_size=1,
    max_size=30,
)


def rows_of(rows: list[Row]) -> pa.Table:
    columns = zip(*rows, strict=True)
    return pa.table(
        [pa.array(c, f.type) for c, f in zip(columns, QUALIFIED.columns, strict=True)], schema=QUALIFIED.columns
    )


def plain(table: pa.Table) -> list[tuple[object, ...]]:
    """Every row, by its representation: -0.0 is not 0.0."""
    return [tuple(map(repr, row.values())) for row in table.to_pylist()]


@given(st.lists(ROWS, min_size=1, max_size=5), st.integers(1, 20))
def test_pieces_follow_each_other_in_the_order_of_the_lake(blocks: list[list[Row]], rows: int) -> None:
    whole = days.in_order(rows_of([row for block in blocks for row in block]))
    with Aside(None) as aside:
        loads = [partial(rows_of, block) for block in blocks]
        pieces = [days.in_order(piece) for piece in days.pieces(loads, rows * days.ROW_BYTES, aside.put)]
    assert [row for piece in pieces for row in plain(piece)] == plain(whole)
    group = [(row["timestamp"] // DAY, row["device_id"]) for row in whole.to_pylist()]
    most = rows + max(map(group.count, group))  # one more than is full is begun
    assert all(0 < len(piece) < most for piece in pieces)


def test_no_blocks_are_no_pieces() -> None:
    assert list(days.pieces([], 100, lambda rows: lambda: rows)) == []


def test_one_block_and_one_piece_are_in_memory() -> None:
    """Of a day of many devices, in blocks as tasks send them."""
    given_out: list[weakref.ref[pa.Table]] = []
    most = 0

    def watched(load: days.Load) -> pa.Table:
        nonlocal most
        given_out.append(weakref.ref(table := load()))
        most = max(most, sum(len(alive) for ref in given_out if (alive := ref()) is not None))
        return table

    with Aside(None) as aside:

        def put(rows: pa.Table) -> days.Load:
            return partial(watched, aside.put(rows))

        devices = np.random.default_rng(0).integers(0, 500, (20, 1000)).tolist()
        loads = [put(rows_of([(f"dev-{n}", "t", None, n, 1.0, None) for n in block])) for block in devices]
        sizes = [len(piece) for piece in days.pieces(loads, 2000 * days.ROW_BYTES, put)]
    assert sum(sizes) == 20_000
    assert max(sizes) < 2500
    assert most < 5000
