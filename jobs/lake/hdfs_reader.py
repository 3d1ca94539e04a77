"""Reading HDFS files in order: a request for each block, sent to a DataNode that has it.

A connection that breaks is taken up where it broke, on another replica where there is one. What was read is checked
to be the file that was listed: by its id, time and size.
"""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from http.client import HTTPResponse

from jobs.errors import AwayError
from jobs.lake.closing import Closing
from jobs.lake.remote import TRIES, pause
from jobs.lake.storage import ObjectInfo, changed
from jobs.lake.webhdfs import Status, WebHdfs, client, split_uri
from jobs.lake.webhdfs_errors import BROKEN, HdfsError, UnreachableError, refusal


def info_of(uri: str, status: Status, hdfs: WebHdfs) -> ObjectInfo:
    """A file as it was listed."""
    return ObjectInfo(
        uri, status.size, etag=_etag(status), block_size=status.block_size or None, name_nodes=hdfs.addresses
    )


def _etag(status: Status) -> str:
    return f"{status.id}-{status.modified}"


def _client(info: ObjectInfo) -> WebHdfs:
    return client(info.uri, info.name_nodes)


def fetch(info: ObjectInfo, start: int, end: int) -> bytes:
    """The bytes [start, end) of a file. Raises InputError."""
    data = bytearray(end - start)
    reader = RangeReader(info, start, end)
    try:
        _fill(reader, memoryview(data), threading.Event())
    finally:
        reader.drop()
    return bytes(data)


def fetch_whole(info: ObjectInfo, stop: threading.Event) -> bytes:
    """A whole file, which is the one that was listed; gives up quietly once `stop` is set. Raises InputError."""
    data = bytearray(info.size)
    with RangeReader(info, 0, info.size) as reader:
        _fill(reader, memoryview(data), stop)
    return bytes(data)


def _fill(reader: RangeReader, buffer: memoryview, stop: threading.Event) -> None:
    while len(buffer) and not stop.is_set():
        buffer = buffer[reader.readinto(buffer) :]


def check(info: ObjectInfo) -> None:
    """Raises InputError if the file is no longer the one that was listed."""
    try:
        status = _client(info).status(split_uri(info.uri)[1])
    except (HdfsError, UnreachableError) as error:
        raise refusal(error, info.uri) from None
    if status is None or (info.etag is not None and (_etag(status), status.size) != (info.etag, info.size)):
        raise changed(info)


class RangeReader(Closing):
    """A range of a file. Closing it checks that the file is the one that was listed; raises InputError."""

    def __init__(self, info: ObjectInfo, start: int, end: int) -> None:
        self._info, self._at, self._end = info, start, end
        self._hdfs, self._path = _client(info), split_uri(info.uri)[1]
        self._request = ExitStack()
        self._body: _Body | None = None
        self._failed: frozenset[str] = frozenset()
        self._failures = 0
        self.bytes_read = 0

    def readinto(self, buffer: memoryview, /) -> int:
        if self._at >= self._end or not len(buffer):
            return 0
        while True:
            try:
                count = self._body_here().readinto(buffer)
                break
            except (HdfsError, UnreachableError, *BROKEN) as error:
                self._recover(error)
        self._at += count
        self.bytes_read += count
        self._failures = 0
        return count

    def close(self) -> None:
        self.drop()
        check(self._info)

    def drop(self) -> None:
        self._request.close()
        self._body = None

    def _body_here(self) -> _Body:
        """The answer that goes on where we are: it ends with the block."""
        if self._body is None or self._body.left == 0:
            self.drop()
            block = self._info.block_size or self._end
            size = min(self._end, (self._at // block + 1) * block) - self._at
            opened = self._request.enter_context(self._hdfs.opened(self._path, self._at, size, self._failed))
            self._body = _Body(*opened, size)
        return self._body

    def _recover(self, error: Exception) -> None:
        """Wait, then go on with another replica. Raises InputError if that is no use, or was tried often enough."""
        node = self._body.node if self._body is not None else None
        self.drop()
        self._failures += 1
        if isinstance(error, HdfsError):
            check(self._info)  # the reason, where it is gone or another by now
            if not isinstance(told := refusal(error, self._info.uri), AwayError):
                raise told from None
        if isinstance(error, UnreachableError):
            if error.role == "NameNode":  # it was asked often enough
                raise refusal(error, self._info.uri) from None
            node = error.address
        if self._failures == TRIES:
            if isinstance(error, HdfsError | UnreachableError):
                raise refusal(error, self._info.uri) from None
            raise AwayError(
                f"cannot be read beyond byte {self._at:,}: every connection breaks off there",
                where=self._info.uri,
                fix="hadoop fs -cat FILE says why, hdfs fsck FILE -files -blocks -locations where its blocks are",
            ) from None
        if node is not None:
            self._failed |= {node}
        time.sleep(pause(self._failures))


class _Body:
    """The answer of a DataNode; `left`: the bytes that are still to come."""

    def __init__(self, node: str, answer: HTTPResponse, size: int) -> None:
        self.node, self._answer, self.left = node, answer, size

    def readinto(self, buffer: memoryview) -> int:
        """Raises ConnectionError where the answer ends before its time."""
        count = self._answer.readinto(buffer[: self.left])
        if not count:
            raise ConnectionError("the connection ended early")
        self.left -= count
        return count
