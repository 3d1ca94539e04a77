"""Reading S3 objects: ranges in order with the next one on its way.

Every request carries If-Match, so that all ranges are of the one version that was listed. A connection that breaks is
taken up again where it broke.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

from jobs.lake.closing import Closing
from jobs.lake.remote import LARGEST_AHEAD, TRIES, pause, submit
from jobs.lake.s3_client import client, http_status, refusal, split_uri
from jobs.lake.storage import ObjectInfo, changed

FIRST_RANGE = 1 << 20
"""The first request is short: a planner that looks at an object's head needs no more."""
RANGE = LARGEST_AHEAD


def fetch(info: ObjectInfo, start: int, end: int) -> bytes:
    """The bytes [start, end) of an object. Raises InputError."""
    data = bytearray(end - start)
    _fill(info, start, memoryview(data), threading.Event())
    return bytes(data)


def fetch_whole(info: ObjectInfo, stop: threading.Event) -> bytes:
    """A whole object; gives up quietly once `stop` is set. Raises InputError."""
    data = bytearray(info.size)
    _fill(info, 0, memoryview(data), stop)
    return bytes(data)


def _fill(info: ObjectInfo, start: int, buffer: memoryview, stop: threading.Event) -> None:
    """Fill `buffer` with the bytes from `start` on; gives up quietly once `stop` is set."""
    filled = failures = 0
    while filled < len(buffer) and not stop.is_set():
        try:
            with _body(info, start + filled, start + len(buffer)) as body:
                while filled < len(buffer) and not stop.is_set():
                    count = body.readinto(buffer[filled:])
                    if not count:
                        raise ConnectionError("the connection ended early")
                    filled += count
        except Exception as error:
            failures += 1
            if not _is_broken_connection(error) or failures == TRIES:
                raise _refusal(error, info) from None
            stop.wait(pause(failures))


def _body(info: ObjectInfo, start: int, end: int) -> Any:
    bucket, key = split_uri(info.uri)
    wanted = {"Bucket": bucket, "Key": key}
    if info.etag is not None:
        wanted["IfMatch"] = f'"{info.etag}"'
    if start or end < info.size:
        wanted["Range"] = f"bytes={start}-{end - 1}"
    return client().get_object(**wanted)["Body"]


def _is_broken_connection(error: Exception) -> bool:
    """Whether the request was accepted but its body broke off; what S3 itself refuses was tried again already."""
    from botocore import exceptions as boto
    from urllib3.exceptions import HTTPError

    return isinstance(
        error,
        HTTPError | OSError | boto.ReadTimeoutError | boto.ResponseStreamingError | boto.IncompleteReadError,
    )


def _refusal(error: Exception, info: ObjectInfo) -> Exception:
    if http_status(error) in (404, 412, 416):
        return changed(info)
    return refusal(error, info.uri)


class RangeReader(Closing):
    """A range of an object. From its second request on, the next is under way while one is read."""

    def __init__(self, info: ObjectInfo, start: int, end: int) -> None:
        self._info = info
        self._ranges = _cut(start, end)
        self._stop = threading.Event()
        self._coming: Future[memoryview] | None = None
        self._spare: list[bytearray] = []
        self._here = memoryview(b"")
        self._taken = 0
        self.bytes_read = 0

    def readinto(self, buffer: memoryview, /) -> int:
        if self._taken == len(self._here) and not self._advance():
            return 0
        part = self._here[self._taken : self._taken + len(buffer)]
        buffer[: len(part)] = part
        self._taken += len(part)
        self.bytes_read += len(part)
        return len(part)

    def close(self) -> None:
        self._stop.set()
        if self._coming is not None:
            self._coming.cancel()

    def _advance(self) -> bool:
        """Make the next range the one that is read, and send for the one after it."""
        first = not self.bytes_read
        coming = self._coming or self._request()
        if coming is None:
            return False
        if isinstance(self._here.obj, bytearray):
            self._spare.append(self._here.obj)
        self._here, self._taken = coming.result(), 0
        self._coming = None if first else self._request()
        return len(self._here) > 0

    def _request(self) -> Future[memoryview] | None:
        found = next(self._ranges, None)
        if found is None:
            return None
        client()  # made here: threads must not make it at the same time
        return submit(self._fetch, *found)

    def _fetch(self, start: int, end: int) -> memoryview:
        size = end - start
        held = self._spare.pop() if self._spare and len(self._spare[-1]) >= size else bytearray(size)
        view = memoryview(held)[:size]
        _fill(self._info, start, view, self._stop)
        return view


def _cut(start: int, end: int) -> Iterator[tuple[int, int]]:
    size = FIRST_RANGE
    while start < end:
        yield start, min(start + size, end)
        start, size = start + size, RANGE
