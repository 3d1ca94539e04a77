"""Standard input as one object named `-`: a stream that is read once, in order, by one task."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from jobs.errors import InputError
from jobs.lake.closing import Closing
from jobs.lake.storage import ObjectInfo

if TYPE_CHECKING:
    import pyarrow as pa

_STDIN = 0


class StreamReader(Closing):
    """A file descriptor read to its end; it stays open."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.bytes_read = 0

    def readinto(self, buffer: memoryview, /) -> int:
        try:
            count = os.readv(self._fd, [buffer])
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", where="standard input") from None
        self.bytes_read += count
        return count

    def close(self) -> None:
        """Standard input is not ours to close."""


def expand(spec: str, accept: Callable[[str], bool]) -> list[ObjectInfo]:
    return [ObjectInfo(spec, 0)]


def find(uri: str) -> ObjectInfo:
    return ObjectInfo(uri, 0)


def place(uri: str) -> str:
    return uri


def open_range(info: ObjectInfo, start: int, end: int | None) -> StreamReader:
    assert start == 0 and end is None, "standard input is not split"
    return StreamReader(_STDIN)


def open_seekable(info: ObjectInfo) -> AbstractContextManager[pa.NativeFile]:
    raise InputError(
        "Parquet cannot be read from a stream", where="standard input", fix="save it to a file and name that"
    )


def prefetch(infos: Sequence[ObjectInfo]) -> AbstractContextManager[None]:
    return nullcontext()
