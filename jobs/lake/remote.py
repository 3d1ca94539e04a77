"""What storages behind a network share: pauses, small objects fetched ahead of their turn, an object as a file."""

from __future__ import annotations

import io
import os
import random
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import TypeVar

from jobs.lake.closing import Closing
from jobs.lake.storage import ObjectInfo, Reader

T = TypeVar("T")

TRIES = 6
"""How often a request is sent before its error counts, with growing pauses between."""
LONGEST_PAUSE = 20.0
LARGEST_AHEAD = 8 << 20
"""The largest object that is fetched ahead."""

_AT_ONCE = 16
_AHEAD_BYTES = 32 << 20

Fetch = Callable[[ObjectInfo, threading.Event], bytes]
"""Gives a whole object; gives up quietly once the event is set. Raises InputError."""


def pause(failures: int) -> float:
    """The seconds to wait after so many failures, not the same for all who failed together."""
    return min(LONGEST_PAUSE, random.uniform(0.1, 0.2) * float(2**failures))  # noqa: S311 - no secret


def submit(work: Callable[..., T], *args: object) -> Future[T]:
    """Have one of this process' threads do it."""
    return _threads(os.getpid()).submit(work, *args)


@lru_cache(maxsize=1)
def _threads(pid: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="storage")


class BytesReader(Closing):
    """An object that is here already."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self.bytes_read = 0

    def readinto(self, buffer: memoryview, /) -> int:
        part = self._data[self.bytes_read : self.bytes_read + len(buffer)]
        buffer[: len(part)] = part
        self.bytes_read += len(part)
        return len(part)

    def close(self) -> None:
        self._data.release()


class Ranges:
    """Ranges of a storage's objects: from what was fetched ahead, else by a reader of their own.

    read: opens the bytes [start, end) of an object.
    """

    def __init__(self, fetch: Fetch, read: Callable[[ObjectInfo, int, int], Reader]) -> None:
        self._fetch, self._read = fetch, read
        self._under_way: list[_Ahead] = []  # the innermost last

    def open(self, info: ObjectInfo, start: int, end: int | None) -> Reader:
        for ahead in reversed(self._under_way):
            if (data := ahead.take(info)) is not None:
                return BytesReader(data[start:end])
        return self._read(info, start, info.size if end is None else min(end, info.size))

    @contextmanager
    def prefetch(self, infos: Sequence[ObjectInfo]) -> Iterator[None]:
        """While this lasts, the small ones of `infos` are fetched ahead in this order."""
        ahead = _Ahead(infos, self._fetch)
        self._under_way.append(ahead)
        try:
            yield
        finally:
            self._under_way.remove(ahead)
            ahead.close()


class _Ahead:
    """Small objects fetched whole before they are asked for: a bounded number of requests and bytes."""

    def __init__(self, infos: Sequence[ObjectInfo], fetch: Fetch) -> None:
        self._left = [info for info in infos if info.size <= LARGEST_AHEAD][::-1]
        self._coming: OrderedDict[ObjectInfo, Future[bytes]] = OrderedDict()
        self._fetch = fetch
        self._stop = threading.Event()
        self._more()

    def take(self, info: ObjectInfo) -> bytes | None:
        """The object's bytes, once; None where it is not among those fetched ahead. Raises InputError."""
        coming = self._coming.pop(info, None)
        if coming is None:
            return None
        data = coming.result()
        self._more()
        return data

    def close(self) -> None:
        self._stop.set()
        for coming in self._coming.values():
            coming.cancel()

    def _more(self) -> None:
        held = sum(info.size for info in self._coming)
        while self._left and len(self._coming) < _AT_ONCE and held + self._left[-1].size <= _AHEAD_BYTES:
            info = self._left.pop()
            held += info.size
            self._coming[info] = submit(self._fetch, info, self._stop)


class SeekableObject(io.RawIOBase):
    """An object as a file. Short reads take a block, kept for the next: a Parquet footer is many of them.

    fetch: gives the bytes [start, end) of the object.
    """

    _BLOCK = 256 << 10

    def __init__(self, info: ObjectInfo, fetch: Callable[[ObjectInfo, int, int], bytes]) -> None:
        super().__init__()
        self._info, self._fetch = info, fetch
        self._at = 0
        self._block_start = 0
        self._block = b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._info.size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        left = max(self._info.size - self._at, 0)
        size = left if size is None or size < 0 else min(size, left)
        data = self._taken(self._at, size)
        self._at += size
        return data

    def _taken(self, at: int, size: int) -> bytes:
        inside = at - self._block_start
        if inside >= 0 and inside + size <= len(self._block):
            return self._block[inside : inside + size]
        if size >= self._BLOCK:
            return self._fetch(self._info, at, at + size)
        # the end of the file is read backwards: from the footer's length to the footer
        self._block_start = max(0, min(at, self._info.size - self._BLOCK))
        end = min(self._block_start + self._BLOCK, self._info.size)
        self._block = self._fetch(self._info, self._block_start, end)
        return self._block[at - self._block_start :][:size]
