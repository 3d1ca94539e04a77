"""Compressed log objects: which codec, and their decompressed bytes as a stream, in bounded memory.

Members (gz), streams (bz2, xz) and frames (zst) that follow each other are one stream. What is delivered before damage
depends on the object alone, never on how its source or its reader cut their reads.
"""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from jobs.errors import InputError

if TYPE_CHECKING:
    import zstandard


class Codec(StrEnum):
    """How an object is compressed."""

    GZ = "gz"
    BZ2 = "bz2"
    ZST = "zst"
    XZ = "xz"


class ReadableBuffer(Protocol):
    """Where bytes come from: fills a view from its start, returns how many bytes; 0 only at the end."""

    def readinto(self, view: memoryview, /) -> int: ...


class Damage(Exception):  # noqa: N818 - what happened to an object, told to the user, not a fault of the program
    """A compressed object is truncated or corrupt.

    offset: decompressed bytes delivered before it. what: the fault, for the user.
    compressed_offset: where in the compressed bytes decompression stood.
    """

    def __init__(self, offset: int, what: str, compressed_offset: int | None = None) -> None:
        super().__init__(offset, what, compressed_offset)
        self.offset, self.what, self.compressed_offset = offset, what, compressed_offset

    def __str__(self) -> str:
        place = "" if self.compressed_offset is None else f" (byte {self.compressed_offset} of the compressed object)"
        return f"{self.what} after {self.offset} decompressed bytes{place}"


_MAGIC = {Codec.GZ: b"\x1f\x8b", Codec.BZ2: b"BZh", Codec.ZST: b"\x28\xb5\x2f\xfd", Codec.XZ: b"\xfd7zXZ\x00"}
_BZ2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")  # a first block, or the end of an empty stream
_SKIPPABLE = b"\x2a\x4d\x18"  # after a byte 0x50–0x5f: a zst frame that holds no data

SNIFF_SIZE = 10
"""The bytes `sniff` needs of an object's head."""


def sniff(head: bytes) -> Codec | None:
    """The codec of an object by its first bytes; None: not compressed, as far as we know. Names are not asked."""
    if head.startswith(_MAGIC[Codec.BZ2]):  # letters, which may begin a text too: look at what follows
        follows = head[4:SNIFF_SIZE]
        known = any(follows and block.startswith(follows) for block in _BZ2_BLOCKS)
        return Codec.BZ2 if known and head[3:4] in b"123456789" else None
    if _is_skippable(head):
        return Codec.ZST
    return next((codec for codec, magic in _MAGIC.items() if head.startswith(magic)), None)


def open_decompressed(source: ReadableBuffer, codec: Codec | None, uri: str) -> ReadableBuffer:
    """The decompressed bytes of `source`, which stands at the object's first byte; `uri` is named in errors.

    The result's `readinto` fills the whole view unless the stream ends. It raises Damage once every byte before the
    damage was delivered (of bz2, gz and xz, up to 4 KiB before a corrupt place may be lost with it), and InputError
    where decompression would need more than 256 MiB. gz members may be followed by zero bytes, xz streams by zero
    bytes in fours; anything else behind a complete member is damage.
    """
    return source if codec is None else _Decompressed(source, codec, uri)


_CHUNK = 1 << 16  # compressed bytes asked of the source at once
_STEP = 1 << 12  # decompressed bytes asked of a decoder at once: what a fault can take with it
_MEMORY_LIMIT = 1 << 28
_WINDOW_LIMIT = 1 << 27  # of zst: what zstd itself takes without --long
_ZST_HEADER = 18  # bytes at most
_TRUNCATED = "truncated {} data"


class _BrokenError(Exception):
    """The compressed bytes are not as they must be; the message says how."""


class _RefusedError(Exception):
    """Bytes that may be whole, but that we cannot decompress; the message says why."""


class _Decompressed:
    def __init__(self, source: ReadableBuffer, codec: Codec, uri: str) -> None:
        self._compressed = _Compressed(source)
        self._pieces = _zst_pieces(self._compressed) if codec is Codec.ZST else _pieces(self._compressed, codec)
        self._piece = memoryview(b"")
        self._uri = uri
        self._offset = 0
        self._failure: Exception | None = None

    def readinto(self, view: memoryview, /) -> int:
        filled = 0
        while filled < len(view) and (self._piece or self._next()):
            size = min(len(self._piece), len(view) - filled)
            view[filled : filled + size] = self._piece[:size]
            self._piece = self._piece[size:]
            filled += size
            self._offset += size
        if self._failure is not None and not filled and len(view):
            raise self._failure
        return filled

    def _next(self) -> bool:
        """Take the next piece; False at the end and after a failure, which waits until all before it is delivered."""
        if self._failure is not None:
            return False
        try:
            for piece in self._pieces:
                if piece:
                    self._piece = memoryview(piece)
                    return True
        except _BrokenError as broken:
            self._failure = Damage(self._offset, str(broken), self._compressed.offset)
        except _RefusedError as refused:
            self._failure = InputError(str(refused), where=self._uri, fix="compress it again with usual options")
        except Exception as failure:  # told by the next readinto and by every one after it
            self._failure = failure
        return False


class _Compressed:
    """The compressed bytes, taken in pieces whose cuts do not depend on those of the source's reads."""

    def __init__(self, source: ReadableBuffer) -> None:
        self._source = source
        self._buffer = memoryview(bytearray(_CHUNK))
        self._held = b""
        self._at = 0  # held bytes before it are taken
        self.offset = 0  # of the next byte to take

    def chunk(self) -> bytes:
        """What is held and not taken, or the next chunk; nothing at the end."""
        if self._at == len(self._held):
            self._held, self._at = self._read(), 0
        return self.take(len(self._held) - self._at)

    def take(self, size: int) -> bytes:
        """`size` bytes; less only at the end."""
        while len(self._held) - self._at < size and (more := self._read()):
            self._held, self._at = self._held[self._at :] + more, 0
        taken = self._held[self._at : self._at + size]
        self._at += len(taken)
        self.offset += len(taken)
        return taken

    def peek(self, size: int) -> bytes:
        taken = self.take(size)
        self.put_back(taken)
        return taken

    def put_back(self, taken: bytes) -> None:
        """Undo the taking of `taken`, the last bytes taken."""
        if len(taken) > self._at:
            self._held, self._at = taken + self._held[self._at :], len(taken)
        self._at -= len(taken)
        self.offset -= len(taken)

    def _read(self) -> bytes:
        filled = 0
        while filled < _CHUNK and (size := self._source.readinto(self._buffer[filled:])):
            filled += size
        return bytes(self._buffer[:filled])


class _Decoder(Protocol):
    """What the decoders of gz, bz2 and xz have in common: one member, given in any pieces."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def _new_decoder(codec: Codec) -> _Decoder:
    if codec is Codec.GZ:
        from isal import igzip_lib  # 2.5 times as fast as zlib, which would take longer than parsing

        return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
    if codec is Codec.BZ2:
        return bz2.BZ2Decompressor()
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY_LIMIT)


def _pieces(data: _Compressed, codec: Codec) -> Iterator[bytes]:
    """The decompressed bytes of gz members, bz2 streams or xz streams."""
    while found := data.peek(len(_MAGIC[codec])):
        if found != _MAGIC[codec]:
            raise _BrokenError(_unknown(data, found, codec))
        decoder = _new_decoder(codec)
        while not decoder.eof:
            wanted = decoder.needs_input
            chunk = data.chunk() if wanted else b""
            if wanted and not chunk:
                raise _BrokenError(_TRUNCATED.format(codec))
            yield _decode(decoder, chunk, codec)
        data.put_back(decoder.unused_data)
        zeros = _skip_zeros(data) if codec in {Codec.GZ, Codec.XZ} else 0
        if codec is Codec.XZ and zeros % 4:
            raise _BrokenError("xz padding that is no multiple of four bytes")


def _decode(decoder: _Decoder, chunk: bytes, codec: Codec) -> bytes:
    try:
        return decoder.decompress(chunk, _STEP)
    except MemoryError:
        raise
    except Exception as error:  # each library has its own
        if str(error) == "Memory usage limit exceeded":
            raise _RefusedError(f"decompressing it needs more than {_MEMORY_LIMIT >> 20} MiB") from error
        raise _BrokenError(f"corrupt {codec} data ({error})") from error


def _skip_zeros(data: _Compressed) -> int:
    """Take the zero bytes that come next; how many they were."""
    zeros = 0
    while chunk := data.chunk():
        rest = chunk.lstrip(b"\0")
        zeros += len(chunk) - len(rest)
        if rest:
            data.put_back(rest)
            break
    return zeros


def _zst_pieces(data: _Compressed) -> Iterator[bytes]:
    """The decompressed bytes of zst frames, decoded block by block: a block is bounded, a chunk is not."""
    import zstandard

    zstd = zstandard.ZstdDecompressor(max_window_size=_WINDOW_LIMIT)
    while found := data.peek(4):
        if _is_skippable(found):
            _skip_frame(data)
            continue
        if found != _MAGIC[Codec.ZST]:
            raise _BrokenError(_unknown(data, found, Codec.ZST))
        try:
            yield from _zst_frame(data, zstd.decompressobj())
        except zstandard.ZstdError as error:
            raise _BrokenError(f"corrupt zst data ({error})") from error


def _zst_frame(data: _Compressed, decoder: zstandard.ZstdDecompressionObj) -> Iterator[bytes]:
    """One frame (RFC 8878, 3.1.1): header, blocks each with three bytes of header, perhaps a checksum."""
    import zstandard

    head = data.peek(_ZST_HEADER)
    try:
        size, frame = zstandard.frame_header_size(head), zstandard.get_frame_parameters(head)
    except zstandard.ZstdError:
        if len(head) < _ZST_HEADER:
            data.take(len(head))
            raise _BrokenError(_TRUNCATED.format(Codec.ZST)) from None
        raise
    if frame.window_size > _WINDOW_LIMIT:
        raise _RefusedError(f"its zst window of {frame.window_size >> 20} MiB is above {_WINDOW_LIMIT >> 20} MiB")
    if frame.dict_id:
        raise _RefusedError(f"it needs zst dictionary {frame.dict_id}")
    yield decoder.decompress(data.take(size))
    last = False
    while not last:
        block = data.take(3)
        bits = int.from_bytes(block, "little")
        last, repeated = bool(bits & 1), bits >> 1 & 3 == 1
        size = 1 if repeated else bits >> 3
        body = data.take(size)
        yield decoder.decompress(block + body)
        if len(block) < 3 or len(body) < size:
            raise _BrokenError(_TRUNCATED.format(Codec.ZST))
    if frame.has_checksum:
        yield decoder.decompress(data.take(4))
    if not decoder.eof:
        raise _BrokenError(_TRUNCATED.format(Codec.ZST))


def _skip_frame(data: _Compressed) -> None:
    head = data.take(8)
    left = int.from_bytes(head[4:], "little")
    while left and (taken := data.take(min(left, _CHUNK))):
        left -= len(taken)
    if left or len(head) < 8:
        raise _BrokenError(_TRUNCATED.format(Codec.ZST))


def _is_skippable(head: bytes) -> bool:
    return len(head) >= 4 and head[0] & 0xF0 == 0x50 and head[1:4] == _SKIPPABLE


def _unknown(data: _Compressed, found: bytes, codec: Codec) -> str:
    """What is wrong with bytes that stand where a member must begin or nothing be."""
    skippable = codec is Codec.ZST and found[0] & 0xF0 == 0x50 and _SKIPPABLE.startswith(found[1:])
    if skippable or _MAGIC[codec].startswith(found):
        data.take(len(found))
        return _TRUNCATED.format(codec)
    return f"bytes behind the end of the {codec} data that are none"
