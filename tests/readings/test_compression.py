"""Compressed objects come out whole, or with their damage named: never silently short."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import random
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.errors import InputError
from jobs.readings.compression import Codec, Damage, ReadableBuffer, open_decompressed, sniff
from tests.effort import rounds

ROWS = "".join(f"2026-03-01T{i // 60:02d}:{i % 60:02d},dev-{i * 7919 % 97},t,{i * 31337 % 1000}\n" for i in range(900))
TEXT = ROWS.encode()


def zst(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


COMPRESS: dict[Codec, Callable[[bytes], bytes]] = {
    Codec.GZ: gzip.compress,
    Codec.BZ2: bz2.compress,
    Codec.ZST: zst,
    Codec.XZ: lzma.compress,
}
CODECS = pytest.mark.parametrize("codec", list(Codec))


class Dribble:
    """A source that gives what it likes: reads of the given sizes, over and over."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._file, self._sizes, self._turn = io.BytesIO(data), sizes, 0

    def readinto(self, view: memoryview, /) -> int:
        self._turn += 1
        return self._file.readinto(view[: self._sizes[self._turn % len(self._sizes)]])


def drain(source: ReadableBuffer, size: int = 1 << 16) -> tuple[bytes, Damage | None]:
    """All that is delivered, and the damage it ends in."""
    buffer, parts = memoryview(bytearray(size)), []
    try:
        while count := source.readinto(buffer):
            parts.append(bytes(buffer[:count]))
    except Damage as damage:
        for _ in range(2):
            with pytest.raises(Damage):  # it stays damaged
                source.readinto(buffer)
        assert damage.offset == sum(map(len, parts))
        return b"".join(parts), damage
    assert source.readinto(buffer) == 0
    return b"".join(parts), None


def decompress(data: bytes, codec: Codec | None, size: int = 1 << 16) -> tuple[bytes, Damage | None]:
    return drain(open_decompressed(io.BytesIO(data), codec, "logs/x"), size)


@CODECS
def test_round_trip_of_members_that_follow_each_other(codec: Codec) -> None:
    members = [TEXT[:10], b"", TEXT[10:9000], TEXT[9000:]]
    data = b"".join(COMPRESS[codec](m) for m in members)
    assert sniff(data[:10]) is codec
    assert decompress(data, codec) == (TEXT, None)


def test_what_is_not_compressed_is_passed_through() -> None:
    assert sniff(b"") is None
    assert sniff(b"timestamp,device_id\n") is None
    assert sniff(b"BZh1,BZh2\n") is None
    assert sniff(b"BZ") is None
    source = io.BytesIO(TEXT)
    assert open_decompressed(source, None, "x") is source


@CODECS
def test_an_empty_stream(codec: Codec) -> None:
    data = COMPRESS[codec](b"")
    assert sniff(data[:10]) is codec
    assert decompress(data, codec) == (b"", None)


@CODECS
@settings(max_examples=rounds(60), deadline=None)
@given(st.lists(st.integers(1, 5000), min_size=1, max_size=5), st.integers(1, 70_000), st.data())
def test_cuts_of_reads_change_nothing(codec: Codec, sizes: list[int], size: int, data: st.DataObject) -> None:
    whole = COMPRESS[codec](TEXT[:20_000]) + COMPRESS[codec](TEXT[20_000:])
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    if damaged and data.draw(st.booleans()):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        expected, expected_damage = decompress(bytes(damaged), codec)
    except InputError:  # a header that now asks for a dictionary or too large a window
        return
    content, damage = drain(open_decompressed(Dribble(bytes(damaged), sizes), codec, "x"), size)
    assert content == expected
    assert str(damage) == str(expected_damage)


@CODECS
@settings(max_examples=rounds(80), deadline=None)
@given(st.data())
def test_truncated_anywhere_is_damage_after_a_true_prefix(codec: Codec, data: st.DataObject) -> None:
    members = [COMPRESS[codec](part) for part in (TEXT[:9000], TEXT[9000:9001], TEXT[9001:])]
    whole = b"".join(members)
    cut = data.draw(st.integers(1, len(whole) - 1))
    borders = {len(members[0]): 9000, len(members[0]) + len(members[1]): 9001}
    content, damage = decompress(whole[:cut], codec)
    if cut in borders:
        assert (content, damage) == (TEXT[: borders[cut]], None)
        return
    assert damage is not None
    assert "truncated" in damage.what
    assert damage.compressed_offset == cut
    assert TEXT.startswith(content)
    assert len(content) >= max((size for border, size in borders.items() if border < cut), default=0)


def test_a_truncated_gz_gives_all_that_can_be_decoded() -> None:
    whole = gzip.compress(TEXT)
    for cut in range(12, len(whole), 37):
        content, _ = decompress(whole[:cut], Codec.GZ)
        assert len(content) >= len(zlib.decompressobj(31).decompress(whole[:cut])) - 1


def test_a_truncated_zst_gives_every_whole_block() -> None:
    noise = random.Random(1).randbytes(400_000)
    content, damage = decompress(zst(noise)[:300_000], Codec.ZST)
    assert damage is not None
    assert noise.startswith(content)
    assert len(content) > 256 * 1024


@CODECS
@settings(max_examples=rounds(80), deadline=None)
@given(st.data())
def test_a_flipped_byte_is_told_or_changes_nothing(codec: Codec, data: st.DataObject) -> None:
    whole = bytearray(COMPRESS[codec](TEXT))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        content, damage = decompress(bytes(whole), codec)
    except InputError:  # a header that now asks for a dictionary or too large a window
        return
    assert damage is not None or content == TEXT


@pytest.mark.parametrize("place", [-8, -1])  # gz: the CRC, the length
def test_a_gz_trailer_that_does_not_match_is_damage_behind_its_data(place: int) -> None:
    whole = bytearray(gzip.compress(TEXT))
    whole[place] ^= 1
    content, damage = decompress(bytes(whole), Codec.GZ)
    assert damage is not None
    assert "checksum" in damage.what
    assert TEXT.startswith(content)
    assert len(content) > len(TEXT) - 4096


def test_a_zst_checksum_that_does_not_match_is_damage_behind_its_data() -> None:
    whole = bytearray(zst(TEXT))
    whole[-1] ^= 1
    content, damage = decompress(bytes(whole), Codec.ZST)
    assert content == TEXT
    assert damage is not None


@CODECS
def test_bytes_behind_the_end_are_damage(codec: Codec) -> None:
    for garbage in (b"x", b"timestamp,device_id\n", b"\0\0\0\0garbage"):
        content, damage = decompress(COMPRESS[codec](TEXT) + garbage, codec)
        assert content == TEXT
        assert damage is not None
        assert damage.what.startswith("bytes behind the end")


def test_padding() -> None:
    for zeros in (1, 3, 511, 200_000):
        assert decompress(gzip.compress(TEXT) + bytes(zeros), Codec.GZ) == (TEXT, None)
    assert decompress(gzip.compress(TEXT) + bytes(512) + gzip.compress(b"more"), Codec.GZ) == (TEXT + b"more", None)
    assert decompress(lzma.compress(TEXT) + bytes(8) + lzma.compress(b"more"), Codec.XZ) == (TEXT + b"more", None)
    for codec, zeros in ((Codec.XZ, 3), (Codec.BZ2, 4), (Codec.ZST, 4)):
        content, damage = decompress(COMPRESS[codec](TEXT) + bytes(zeros), codec)
        assert content == TEXT
        assert damage is not None


def test_gz_header_fields() -> None:
    body = gzip.compress(TEXT)[10:]
    extra, name, comment = b"\x04\x00ABCD", b"log.csv\0", b"a comment\0"
    head = b"\x1f\x8b\x08" + bytes([4 | 8 | 16]) + bytes(6) + extra + name + comment
    checked = b"\x1f\x8b\x08" + bytes([4 | 8 | 16 | 2]) + bytes(6) + extra + name + comment
    checked += (zlib.crc32(checked) & 0xFFFF).to_bytes(2, "little")
    for header in (head, checked):
        assert decompress(header + body, Codec.GZ) == (TEXT, None)
        content, damage = decompress(header[:-3], Codec.GZ)
        assert content == b""
        assert damage is not None


@pytest.mark.slow
def test_many_small_members() -> None:
    lines = TEXT.splitlines(keepends=True)
    for codec, compress in COMPRESS.items():
        assert decompress(b"".join(map(compress, lines)), codec) == (TEXT, None)


def test_zst_frames_of_every_kind() -> None:
    skippable = b"\x5a\x2a\x4d\x18" + (70_000).to_bytes(4, "little") + bytes(70_000)
    noise = random.Random(2).randbytes(300_000)
    streamed = zstandard.ZstdCompressor(level=1).compressobj()
    parts = [streamed.compress(TEXT), streamed.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK), streamed.compress(noise)]
    frames = [
        (skippable, b""),
        (zst(noise), noise),
        (zst(bytes(1_000_000)), bytes(1_000_000)),
        (b"".join([*parts, streamed.flush()]), TEXT + noise),
        (zstandard.ZstdCompressor(write_content_size=False).compress(TEXT), TEXT),
        (skippable, b""),
    ]
    data = b"".join(frame for frame, _ in frames)
    assert sniff(data[:10]) is Codec.ZST
    assert decompress(data, Codec.ZST) == (b"".join(content for _, content in frames), None)
    for cut in (3, 5, 8, 40_000):
        content, damage = decompress(skippable[:cut], Codec.ZST)
        assert content == b""
        assert damage is not None
        assert "truncated" in damage.what


def test_what_needs_too_much_memory_or_a_dictionary_is_refused() -> None:
    long = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(window_log=28, enable_ldm=True)
    ).compressobj()
    huge = long.compress(TEXT) + long.flush()
    with pytest.raises(InputError, match=r"logs/x: its zst window of 256 MiB is above 128 MiB"):
        decompress(huge, Codec.ZST)
    words = zstandard.train_dictionary(2048, [row.encode() for row in ROWS.splitlines()])
    with pytest.raises(InputError, match="needs zst dictionary"):
        decompress(zstandard.ZstdCompressor(dict_data=words).compress(TEXT), Codec.ZST)
    large = bytearray(lzma.compress(TEXT))
    size = 4 * (large[12] + 1)  # of the block header: its fifth byte is the dictionary's size, its last four a CRC
    large[16] = 37  # 1.5 GiB
    large[8 + size : 12 + size] = zlib.crc32(large[12 : 8 + size]).to_bytes(4, "little")
    with pytest.raises(InputError, match="needs more than 256 MiB"):
        decompress(bytes(large), Codec.XZ)


def test_a_failing_source_stays_failed() -> None:
    class Failing:
        turns = 0

        def readinto(self, view: memoryview, /) -> int:
            self.turns += 1
            if self.turns > 1:
                raise ConnectionError("reset")
            view[:20] = gzip.compress(TEXT)[:20]
            return 20

    source = open_decompressed(Failing(), Codec.GZ, "x")
    for _ in range(3):
        with pytest.raises(ConnectionError):
            source.readinto(memoryview(bytearray(10)))


@CODECS
@pytest.mark.slow
def test_memory_is_bounded_however_well_the_data_packs(codec: Codec) -> None:
    data = COMPRESS[codec](bytes(40_000_000))
    source = open_decompressed(io.BytesIO(data), codec, "x")
    view, total = memoryview(bytearray(1 << 16)), 0
    tracemalloc.start()
    while count := source.readinto(view):
        total += count
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 40_000_000
    assert peak < (10_000_000 if codec is Codec.XZ else 2_000_000)  # xz: its dictionary


def test_damage_travels_between_processes() -> None:
    damage = pickle.loads(pickle.dumps(Damage(12, "truncated gz data", 7)))
    assert (damage.offset, damage.what, damage.compressed_offset) == (12, "truncated gz data", 7)
    assert str(damage) == "truncated gz data after 12 decompressed bytes (byte 7 of the compressed object)"
