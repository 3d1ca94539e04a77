"""Plans: packing, sharing, and the line that carries a split."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jobs.engine.options import Settings
from jobs.engine.plan import Piece, Plan, Split, pack, share
from jobs.engine.planner import Planner, _borders
from jobs.lake.storage import ObjectInfo
from jobs.readings.names import MARKER

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


@given(st.integers(1, 10_000_000), st.integers(1, 3_000_000), st.none() | st.integers(1, 3_000_000))
def test_ranges_cover_an_object_and_keep_to_its_blocks(size: int, split_size: int, block_size: int | None) -> None:
    assume(size < 500 * min(split_size, block_size or split_size))
    borders = _borders(size, split_size, block_size)
    lengths = [end - start for start, end in itertools.pairwise(borders)]
    assert (borders[0], borders[-1]) == (0, size)
    assert all(0 < length <= max(split_size, 1) for length in lengths)
    if block_size is None or block_size >= size:
        assert max(lengths) - min(lengths) <= 1
    elif split_size >= block_size:
        assert all(border % block_size == 0 for border in borders[:-1])
    else:
        assert set(range(0, size, block_size)) <= set(borders)


def test_ranges_of_a_file_in_blocks() -> None:
    assert _borders(1000, 300, None) == [0, 250, 500, 750, 1000]
    assert _borders(1000, 300, 128) == [0, 256, 512, 768, 1000]
    assert _borders(1000, 300, 512) == [0, 256, 512, 756, 1000]
    assert _borders(1000, 128, 128) == [*range(0, 1000, 128), 1000]


TEMPERATURES = """\
description = "temperatures"
[delimited]
delimiter = ";"
header = false
columns = ["timestamp", "device_id", "value"]
[[wide]]
column = "value"
metric = "temperature"
"""


@pytest.mark.parametrize(
    "spec", ["log.csv", "./log.csv", ".", "sub/log.csv", "sub", "HERE/log.csv", "HERE/sub/log.csv"]
)
def test_a_marker_speaks_for_its_folder_and_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str) -> None:
    """Also for a file that is named alone, where it lies in the file's own folder."""
    for folder in (tmp_path, tmp_path / "sub"):
        folder.mkdir(exist_ok=True)
        (folder / MARKER).write_text(TEMPERATURES)
        (folder / "log.csv").write_text("2026-03-01T00:00:00Z;a;1.5\n")
    monkeypatch.chdir(tmp_path)
    planner = Planner(Settings(inputs=(spec.replace("HERE", str(tmp_path)),)), 1)
    [split] = planner.plan().splits
    assert [Path(piece.dialect).name for piece in split.pieces] == [MARKER] * (2 if spec == "." else 1)
    assert [Path(piece.dialect).parent for piece in split.pieces] == [Path(p.object.uri).parent for p in split.pieces]
