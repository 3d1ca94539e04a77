"""Connections to NameNodes and DataNodes, and what their answers say."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

from jobs.lake.webhdfs_errors import BROKEN, HdfsError, UnreachableError

_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 60.0
_CHUNK = 1 << 20
_CSRF = {"X-XSRF-HEADER": "sensor-jobs"}
"""What `dfs.webhdfs.rest-csrf.enabled` wants of programs, with any value."""


class Connection:
    """A connection to one address."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=_CONNECT_SECONDS, blocksize=_CHUNK)

    def ask(self, method: str, target: str, body: BinaryIO | None = None, size: int = 0) -> http.client.HTTPResponse:
        """Send a request; its answer, whose body is still to be read."""
        if self._connection.sock is None:
            self._connection.connect()
            made: Any = self._connection.sock
            made.settimeout(_ANSWER_SECONDS)
        headers = dict(_CSRF)
        if method == "PUT":
            headers |= {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        try:
            self._connection.request(method, target, body, headers)
        except (BrokenPipeError, ConnectionResetError):
            # a DataNode says why it takes no more, then closes
            with suppress(*BROKEN):
                return self._connection.getresponse()
            raise
        return self._connection.getresponse()

    def close(self) -> None:
        self._connection.close()


@contextmanager
def as_unreachable(role: str, address: str) -> Iterator[None]:
    try:
        yield
    except BROKEN as error:
        what = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        raise UnreachableError(role, address, what, is_final=isinstance(error, socket.gaierror)) from None


def refused(answer: http.client.HTTPResponse, data: bytes) -> HdfsError:
    try:
        found = json.loads(data)["RemoteException"]
        return HdfsError(found["exception"], found["message"], answer.status)
    except (ValueError, KeyError, TypeError):
        return HdfsError("", f"HTTP {answer.status} {answer.reason}", answer.status)
