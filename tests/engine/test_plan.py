"""Plans: packing, sharing, and the line that carries a split."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobs.engine.plan import Piece, Plan, Split, pack, share
from jobs.lake.storage import ObjectInfo

sizes = st.lists(st.integers(0, 10_000_000), max_size=60)


def _pieces(given_sizes: list[int]) -> list[Piece]:
    return [Piece(ObjectInfo(f"o{i:03}", s, None, i), s) for i, s in enumerate(given_sizes)]


@given(sizes, st.integers(1, 9))
def test_sharing_keeps_order_loses_nothing_and_makes_no_more_parts_than_tasks(
    given_sizes: list[int], tasks: int
) -> None:
    parts = list(share(range(len(given_sizes)), given_sizes, tasks))
    assert [i for part in parts for i in part] == list(range(len(given_sizes)))
    assert len(parts) <= tasks
    assert all(parts)


def test_sharing_equal_sizes_is_even() -> None:
    assert [len(part) for part in share(range(8), [10] * 8, 4)] == [2, 2, 2, 2]


@given(sizes)
def test_packing_keeps_every_piece_in_order_and_the_splits_small(given_sizes: list[int]) -> None:
    pieces = _pieces(given_sizes)
    splits = pack(pieces, 1 << 20)
    assert [p for s in splits for p in s.pieces] == pieces
    assert [s.index for s in splits] == list(range(len(splits)))
    assert all(s.size <= 1 << 20 or len(s.pieces) == 1 for s in splits)


def test_a_split_survives_its_line() -> None:
    info = ObjectInfo("s3://lake/dt=2026-03-01/größe\n.csv", 7, '"etag"', None)
    pieces = (
        Piece(info, 3, 4, None, "delimited", "default", b"\xef\xbb\xbftimestamp\r\n"),
        Piece(info, 7, format="parquet", row_groups=(0, 2)),
    )
    line = Split(3, pieces).dumps()
    assert "\n" not in line
    assert Split.loads(line) == Split(3, pieces)


def test_the_fingerprint_is_of_the_objects_not_of_the_cut() -> None:
    info = ObjectInfo("a", 10, None, 1)
    one = Plan((Split(0, (Piece(info, 10),)),), 10)
    two = Plan((Split(0, (Piece(info, 5, 0, 5),)), Split(1, (Piece(info, 5, 5),))), 5)
    other = Plan((Split(0, (Piece(ObjectInfo("a", 10, None, 2), 10),)),), 10)
    assert one.fingerprint() == two.fingerprint() != other.fingerprint()
