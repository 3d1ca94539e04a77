"""Log objects on disk: plain or compressed, whole, of several members, or cut short."""

from __future__ import annotations

import bz2
import lzma
import zlib
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

Compression = Literal["none", "gz", "zst", "bz2", "xz"]
COMPRESSIONS: tuple[Compression, ...] = ("none", "gz", "zst", "bz2", "xz")


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class ObjectWriter:
    """Writes one object; `offset` counts the bytes before compression."""

    def __init__(self, path: Path, compression: Compression) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.compression = path, compression
        self.offset = 0
        self._file = path.open("wb")
        self._compressor = _compressor(compression)
        self._cut = False

    def write(self, data: bytes) -> None:
        """More text; after `cut` it is lost."""
        if not self._cut:
            self.offset += len(data)
            self._file.write(self._compressor.compress(data))

    def new_member(self) -> None:
        """Ends the gzip member (zstd frame, bzip2 or xz stream) and begins another behind it."""
        self._file.write(self._compressor.flush())
        self._compressor = _compressor(self.compression)

    def cut(self) -> None:
        """Ends the object amid its compressed data such that exactly the text written so far can be restored.

        gz and zst: one byte after a flushed block, too little for any symbol of the next; bz2 and xz cannot flush, so
        the cut falls into the header of a second stream.
        """
        if self.compression == "gz":
            self._file.write(self._compressor.flush(zlib.Z_SYNC_FLUSH))  # type: ignore[call-arg]  # no bz2 or xz here
            self._file.write(b"\x05")
        elif self.compression == "zst":
            import zstandard

            self._file.write(self._compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))  # type: ignore[call-arg]  # no bz2 or xz here
            self._file.write(b"\x05")
        else:
            self._file.write(self._compressor.flush())
            self._file.write(_compressor(self.compression).flush()[:4])
        self._cut = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not self._cut:
            self._file.write(self._compressor.flush())
        self._file.close()


class _Plain:
    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def _compressor(compression: Compression) -> _Compressor:
    if compression == "gz":
        return zlib.compressobj(6, zlib.DEFLATED, 31)
    if compression == "bz2":
        return bz2.BZ2Compressor()
    if compression == "xz":
        return lzma.LZMACompressor()
    if compression == "zst":
        import zstandard

        compressor: _Compressor = zstandard.ZstdCompressor().compressobj()
        return compressor
    return _Plain()
