"""Opening a planned piece: its bytes decompressed, its format and dialect settled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

from jobs.engine.plan import Piece
from jobs.lake import storage
from jobs.lake.storage import ObjectInfo
from jobs.readings import detect
from jobs.readings.compression import Damage, open_decompressed, sniff
from jobs.readings.dialect import Dialect, Format
from jobs.readings.reader import Part

HEAD_BYTES = 64 << 10
"""How much of an object is looked at to tell its compression, format and dialect."""


class Bytes(Protocol):
    """A stream of bytes read in order."""

    def readinto(self, buffer: memoryview, /) -> int: ...


@dataclass(slots=True)
class Source:
    """An open piece, as it turned out to be: `stream` gives decompressed bytes (for Parquet: a seekable file)."""

    piece: Piece
    stream: Any
    dialect: Dialect
    format: Format
    _reader: Any

    @property
    def bytes_read(self) -> int:
        """The bytes taken from storage so far."""
        return int(self._reader.bytes_read)


class Peeked:
    """A stream whose first bytes have been looked at."""

    def __init__(self, stream: Bytes, size: int = HEAD_BYTES) -> None:
        self._stream = stream
        held = bytearray(size)
        filled = 0
        with memoryview(held) as view, suppress(Damage):  # raised again where the stream is read on
            while filled < size and (count := stream.readinto(view[filled:])):
                filled += count
        self.head = bytes(held[:filled])
        self._given = 0

    def readinto(self, buffer: memoryview, /) -> int:
        if self._given == len(self.head):
            return self._stream.readinto(buffer)
        count = min(len(buffer), len(self.head) - self._given)
        buffer[:count] = self.head[self._given : self._given + count]
        self._given += count
        return count


@contextmanager
def open_piece(piece: Piece, dialects: Mapping[str, Dialect]) -> Iterator[Source | None]:
    """Open a piece for reading; None where its records are another piece's. Raises InputError for what cannot be read,
    Damage while its bytes are taken."""
    dialect = dialects.get(piece.dialect)
    if piece.format is None and piece.start:
        with storage.open_range(piece.object, 0) as reader:
            looked = look(piece.object, reader, dialect)
        if not looked.can_be_cut:
            yield None
            return
        piece, dialect = replace(piece, format=looked.format, header=looked.header), looked.dialect
    if piece.format == "parquet":
        with storage.open_seekable(piece.object) as file:
            yield Source(piece, file, dialect or _default(), "parquet", _Counted(piece.size))
        return
    with storage.open_range(piece.object, Part(piece.object.uri, piece.start).read_from) as reader:
        if piece.format is not None:
            assert dialect is not None
            yield Source(piece, reader, dialect, piece.format, reader)
            return
        opened = look(piece.object, reader, dialect)
        if piece.end is not None and not opened.can_be_cut:
            piece = replace(piece, end=None, size=piece.object.size)
        if opened.format != "parquet":
            yield Source(piece, opened.stream, opened.dialect, opened.format, reader)
            return
    with storage.open_seekable(piece.object) as file:
        yield Source(piece, file, opened.dialect, "parquet", _Counted(piece.size))


@dataclass(slots=True)
class Looked:
    """What an object's first bytes tell: `compressed`, and the head of the decompressed stream."""

    stream: Peeked
    head: bytes
    compressed: bool
    dialect: Dialect
    format: Format

    @property
    def can_be_cut(self) -> bool:
        """Whether parts of the object can be read apart."""
        return not self.compressed and detect.is_splittable(self.head, self.dialect, self.format)

    @property
    def header(self) -> bytes:
        """What stands before the first record of an object that can be cut."""
        return detect.header_of(self.head, self.dialect, self.format)


def look(info: ObjectInfo, reader: Bytes, dialect: Dialect | None) -> Looked:
    """Settle compression, format and dialect of the object whose first bytes `reader` gives."""
    raw = Peeked(reader)
    codec = sniff(raw.head)
    stream = raw if codec is None else Peeked(open_decompressed(raw, codec, info.uri))
    format = detect.detect(info.uri, stream.head, info.size, dialect)
    chosen = dialect or detect.choose_dialect(info.uri, stream.head, format)
    return Looked(stream, stream.head, codec is not None, chosen, format)


class _Counted:
    """Parquet readers seek: the piece counts as its planned size."""

    def __init__(self, size: int) -> None:
        self.bytes_read = size


def _default() -> Dialect:
    from jobs.readings import dialect_file

    return dialect_file.load("default")
