"""Compressed objects in several parts count wholly; of truncated and corrupt ones what lies before the damage does."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path

import pytest
import zstandard

from jobs.lake.published import open_published
from tests.outcomes.commands import COLUMNS, HEADER, day, row, told

FIRST, SECOND = HEADER + day(1), day(2)
ANSWER = COLUMNS + row(1) + row(2)
MEND = "mend or remove it, or count what is whole with --on-damage report"


def _zst(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def test_every_member_stream_and_frame_counts(tmp_path: Path) -> None:
    (tmp_path / "1.csv.gz").write_bytes(gzip.compress(FIRST) + gzip.compress(SECOND))
    (tmp_path / "2.csv.bz2").write_bytes(bz2.compress(HEADER + day(3)) + bz2.compress(day(4)))
    (tmp_path / "3.csv.zst").write_bytes(_zst(HEADER + day(5)) + _zst(day(6)))
    (tmp_path / "4.csv.xz").write_bytes(lzma.compress(HEADER + day(7)) + lzma.compress(day(8)))
    found = told(tmp_path, ".")
    assert found.output == COLUMNS + "".join(row(number) for number in range(1, 9))
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    summary = f"4 objects ({size / 1e3:.1f} kB) · 400 readings · 0 rejects · kernel 100.0% · TIME\n"
    assert (found.status, found.errors) == (0, summary)


def test_names_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_bytes(gzip.compress(FIRST))
    (tmp_path / "2.csv.gz").write_bytes(HEADER + SECOND)
    assert told(tmp_path, ".").output == ANSWER


@pytest.fixture
def truncated(tmp_path: Path) -> Path:
    """Stored, not compressed, so that each byte of the log is one of the file: 30 readings and a half are there."""
    log = HEADER + day(1)
    kept = len(HEADER + day(1, 30)) + 20
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(log, 0)[: 10 + 5 + kept])
    return tmp_path


SUMMARY = (
    "1 object (1.4 kB) · 30 readings · 0 rejects · kernel 100.0% · TIME\n"
    "  damaged: cut.csv.gz at byte 1,363: truncated gz data\n"
)


def test_truncated_gz_is_shown_and_not_published(truncated: Path) -> None:
    found = told(truncated, "cut.csv.gz", "--output-dir", "stats", "--cat-output", "--output-format", "csv")
    assert found.output == COLUMNS + row(1, 30)
    assert found.errors == SUMMARY + f"error: cut.csv.gz at byte 1,363: damaged: truncated gz data; {MEND}\n"
    assert found.status == 4
    assert [path.name for path in truncated.iterdir()] == ["cut.csv.gz"]


def test_truncated_gz_is_published_where_damage_is_to_be_reported(truncated: Path) -> None:
    found = told(truncated, "cut.csv.gz", "--output-dir", "stats", "--on-damage", "report")
    assert (found.status, found.output) == (0, "")
    assert found.errors == SUMMARY + "published in stats (RUN)\n"
    (published,) = open_published(str(truncated / "stats"))
    assert published["count"].to_pylist() == [30]
    assert '"damage"' in (truncated / "stats" / "_SUCCESS").read_text()


def test_truncated_gz_on_standard_input(truncated: Path) -> None:
    found = told(truncated, "-", stdin=(truncated / "cut.csv.gz").read_bytes())
    assert found.output == COLUMNS + row(1, 30)
    assert found.errors == SUMMARY.replace("cut.csv.gz", "-") + (
        f"error: - at byte 1,363: damaged: truncated gz data; {MEND}\n"
    )
    assert found.status == 4


def test_corrupt_zst(tmp_path: Path) -> None:
    """A block of a kind that there is not, and a frame whose checksum is another's."""
    block, checksum = bytearray(_zst(SECOND)), bytearray(_zst(SECOND))
    block[zstandard.frame_header_size(bytes(block))] |= 0b110
    checksum[-1] ^= 1
    (tmp_path / "block.csv.zst").write_bytes(_zst(FIRST) + block)
    (tmp_path / "checksum.csv.zst").write_bytes(_zst(FIRST) + checksum)
    found = told(tmp_path, "block.csv.zst")
    assert found.output == COLUMNS + row(1)
    corrupt = "corrupt zst data (zstd decompressor error: Data corruption detected)"
    assert found.errors.splitlines()[1:] == [
        f"  damaged: block.csv.zst at byte 2,223: {corrupt}",
        f"error: block.csv.zst at byte 2,223: damaged: {corrupt}; {MEND}",
    ]
    assert found.status == 4

    both = told(tmp_path, "block.csv.zst", "checksum.csv.zst")
    sums = "zstd decompressor error: Restored data doesn't match checksum"
    assert both.errors.splitlines()[1:] == [
        f"  damaged: block.csv.zst at byte 2,223: {corrupt}",
        f"  damaged: checksum.csv.zst at byte 4,413: corrupt zst data ({sums})",
        f"error: block.csv.zst at byte 2,223: damaged and 1 more: {corrupt}; {MEND}",
    ]
    assert both.status == 4
