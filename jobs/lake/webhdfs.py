"""HDFS over HTTP (WebHDFS): requests to the active NameNode, bytes from and to DataNodes.

A request that meets a NameNode which is away or on standby goes to the next one; what breaks is sent again, a bounded
number of times. https://hadoop.apache.org/docs/stable/hadoop-project-dist/hadoop-hdfs/WebHDFS.html
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import quote, urlencode, urlsplit

from jobs.lake.hadoop_conf import ADDRESSES, name_nodes
from jobs.lake.remote import TRIES, pause
from jobs.lake.user import to_hadoop
from jobs.lake.webhdfs_errors import BROKEN, NO_IDS, HdfsError, UnreachableError
from jobs.lake.webhdfs_http import Connection, as_unreachable, refused

_ROOT = "/webhdfs/v1"
_AWAY = {"StandbyException", "RetriableException"}


@dataclass(frozen=True, slots=True)
class Status:
    """A file or folder. `id` is its own for as long as it lives, whatever its path. `modified` in ms; `size` and
    `block_size` in bytes. `marked`: what it has that another folder in its place may not have."""

    name: str
    is_folder: bool
    id: int
    size: int
    modified: int
    block_size: int
    owner: str
    group: str
    permission: str
    children: int
    marked: tuple[str, ...] = ()


def split_uri(uri: str) -> tuple[str, str]:
    """Authority and path of `hdfs://authority/path`, with a single `/` between names, and none at its end but for the
    root's."""
    authority, _, path = uri.removeprefix("hdfs://").partition("/")
    return authority, "/" + "/".join(filter(None, path.split("/")))


def by_id(file_id: int) -> str:
    """The path of a file or folder that holds wherever it is moved to."""
    return f"/.reserved/.inodes/{file_id}"


def client(uri: str, known: str | None = None) -> WebHdfs:
    """The client of this process for the file system of `uri`. known: the addresses of its NameNodes, with commas.

    Raises UsageError where they are neither known nor configured.
    """
    authority, user = split_uri(uri)[0], to_hadoop(uri)
    # connections must not be shared with a fork
    key = (os.getpid(), authority, user, known, *map(os.environ.get, (ADDRESSES, "HADOOP_CONF_DIR", "HADOOP_HOME")))
    if key not in _clients:
        _clients[key] = WebHdfs(tuple(known.split(",")) if known else name_nodes(authority, uri), user)
    return _clients[key]


_clients: dict[tuple[object, ...], WebHdfs] = {}


class WebHdfs:
    """A file system. Its methods raise HdfsError for what HDFS refuses, UnreachableError for what cannot be reached."""

    def __init__(self, addresses: tuple[str, ...], user: str) -> None:
        self._addresses, self._user = addresses, user
        self.addresses = ",".join(addresses)
        self._active = 0
        self._own = threading.local()  # connections that are kept, of each thread

    # Names

    def status(self, path: str) -> Status | None:
        """None where there is nothing of that name."""
        try:
            return _status(self._call("GET", path, "GETFILESTATUS")["FileStatus"])
        except HdfsError as error:
            if error.kind == "FileNotFoundException":
                return None
            raise

    def listed(self, folder: str) -> Iterator[Status]:
        """What is in a folder, by name, a page of it at a time."""
        after: dict[str, str] = {}
        while True:
            page = self._call("GET", folder, "LISTSTATUS_BATCH", **after)["DirectoryListing"]
            entries = page["partialListing"]["FileStatuses"]["FileStatus"]
            yield from map(_status, entries)
            if not page["remainingEntries"] or not entries:
                return
            after = {"startAfter": entries[-1]["pathSuffix"]}

    def make_folder(self, path: str) -> None:
        """With those above it; nothing where it is there."""
        self._call("PUT", path, "MKDIRS")

    def check_access(self, path: str, rights: str) -> None:
        """Raises HdfsError if the user does not have the rights, such as `-wx`."""
        self._call("GET", path, "CHECKACCESS", fsaction=rights)

    def access_list(self, path: str) -> set[str]:
        """The entries of its ACL beside its permission."""
        return set(self._call("GET", path, "GETACLSTATUS")["AclStatus"]["entries"])

    def set_permission(self, path: str, permission: str) -> None:
        self._call("PUT", path, "SETPERMISSION", permission=permission)

    def set_group(self, path: str, group: str) -> None:
        """Raises HdfsError if the user is not in the group, or not the owner."""
        self._call("PUT", path, "SETOWNER", group=group)

    def move(self, file_id: int, path: str, *, at: str | None = None) -> bool:
        """Rename the file or folder with that id to `path`, at once or not at all; whether it is there now.

        False where the name is taken or the id gone. at: where it must be still, so that nothing happens if it is not.
        """
        try:
            # with rename options an existing folder is an error; without them, what is renamed lands inside it
            self._call("PUT", at or by_id(file_id), "RENAME", destination=path, renameoptions="NONE")
        except HdfsError as error:
            if error.kind not in ("FileAlreadyExistsException", "FileNotFoundException"):
                raise
        else:
            if at is None:
                return True
        # an answer that was lost has the rename sent again, which then meets itself
        found = self.status(path)
        return found is not None and found.id == file_id

    def check_move(self, file_id: int, folder: str) -> None:
        """Raises HdfsError if the user may not rename what has that id within `folder`; nothing where it is gone."""
        # rights are looked at before names: a rename to below a folder that is not there tells them and does nothing
        nowhere = f"{folder}/.{secrets.token_hex(16)}/nowhere"
        try:
            self._call("PUT", by_id(file_id), "RENAME", destination=nowhere, renameoptions="NONE")
        except HdfsError as error:
            if error.kind != "FileNotFoundException":
                raise

    def delete(self, file_id: int, *, recursive: bool = True) -> None:
        """Delete the file or folder with that id; nothing where it is gone."""
        self.delete_path(by_id(file_id), recursive=recursive)

    def delete_path(self, path: str, *, recursive: bool = True) -> None:
        """Delete what has that name; nothing where nothing has."""
        try:
            self._call("DELETE", path, "DELETE", recursive=str(recursive).lower())
        except HdfsError as error:
            if error.kind != "FileNotFoundException":
                raise

    # Bytes

    def read(self, path: str) -> bytes:
        """A whole small file."""
        status = self.status(path)
        if status is None:
            raise HdfsError("FileNotFoundException", f"File does not exist: {path}", 404)
        if not status.size:
            return b""
        failed: frozenset[str] = frozenset()
        for failures in range(1, TRIES + 1):
            try:
                with self.opened(path, 0, status.size, failed) as (node, body), as_unreachable("DataNode", node):
                    return bytes(body.read())
            except UnreachableError as error:
                if failures == TRIES or error.role == "NameNode":
                    raise
                failed |= {error.address}
                time.sleep(pause(failures))
        raise AssertionError

    @contextmanager
    def opened(
        self, path: str, start: int, size: int, failed: frozenset[str] = frozenset()
    ) -> Iterator[tuple[str, http.client.HTTPResponse]]:
        """The DataNode asked, and its answer: `size` bytes from `start` on, which must lie in the file.

        failed: DataNodes that another replica is preferred to.
        """
        node, query = self._data_node("GET", path, "OPEN", failed, offset=str(start), length=str(size))
        with self._asked(node, "GET", path, query) as answer:
            yield node, answer

    def create(self, path: str, body: BinaryIO, size: int) -> None:
        """Write a file whole, in the place of one of that name."""
        failed: frozenset[str] = frozenset()
        for failures in range(1, TRIES + 1):
            body.seek(0)
            node, query = self._data_node("PUT", path, "CREATE", failed, overwrite="true", createparent="false")
            try:
                with self._asked(node, "PUT", path, query, body, size):
                    return
            except UnreachableError:
                if failures == TRIES:
                    raise
                failed |= {node}
                time.sleep(pause(failures))

    def _data_node(self, method: str, path: str, op: str, failed: frozenset[str], **params: str) -> tuple[str, str]:
        """Host and port of a DataNode to ask, and the query to send there."""
        location = urlsplit("")
        for _ in range(TRIES):
            # nodes are excluded by host, so one that shares its host with another may be named again
            excluded = {"excludedatanodes": ",".join(sorted(map(_ip, failed)))} if failed else {}
            try:
                location = urlsplit(self._call(method, path, op, noredirect="true", **params, **excluded)["Location"])
            except HdfsError:
                if not failed:
                    raise
                failed = frozenset()  # they may be all there are
                continue
            if location.netloc not in failed:
                break
        return location.netloc, location.query

    @contextmanager
    def _asked(
        self, node: str, method: str, path: str, query: str, body: BinaryIO | None = None, size: int = 0
    ) -> Iterator[http.client.HTTPResponse]:
        """A DataNode's answer. It keeps no connection, so neither do we."""
        connection = Connection(node)
        try:
            with as_unreachable("DataNode", node):
                answer = connection.ask(method, f"{_ROOT}{quote(path)}?{query}", body, size)
                if answer.status >= 300:
                    raise refused(answer, answer.read())
            yield answer
        finally:
            connection.close()

    # The NameNode

    def _call(self, method: str, path: str, op: str, **params: str) -> Any:
        """The NameNode's answer."""
        query = urlencode({"op": op, "user.name": self._user, **params})
        target = f"{_ROOT}{quote(path)}?{query}"
        away: HdfsError | None = None
        last: HdfsError | UnreachableError
        for failures in range(1, TRIES * len(self._addresses) + 1):
            address = self._addresses[self._active % len(self._addresses)]
            try:
                with as_unreachable("NameNode", address):
                    return self._ask_name_node(address, method, target)
            except HdfsError as error:
                if error.kind not in _AWAY:
                    raise
                away = last = error
            except UnreachableError as error:
                last = away or error  # what one NameNode says tells more than that another is silent
                if error.is_final and len(self._addresses) == 1:
                    raise
            if failures == TRIES * len(self._addresses):
                raise last
            self._active += 1
            if failures % len(self._addresses) == 0:
                time.sleep(pause(failures // len(self._addresses)))
        raise AssertionError

    def _ask_name_node(self, address: str, method: str, target: str) -> Any:
        held: dict[str, Connection] = self._own.__dict__
        kept = held.pop(address, None)
        connection = kept or Connection(address)
        try:
            answer = connection.ask(method, target)
            data = answer.read()
            if answer.length is None and not answer.chunked and answer.status < 300:
                raise ConnectionError("the connection ended early")
        except BROKEN:
            connection.close()
            if kept is None:
                raise
            return self._ask_name_node(address, method, target)  # it was closed while it was kept
        if answer.will_close:
            connection.close()
        else:
            held[address] = connection
        if answer.status >= 300:
            raise refused(answer, data)
        try:
            return json.loads(data) if data else {}
        except ValueError:
            raise HdfsError("", f"HTTP {answer.status} without WebHDFS's JSON", answer.status) from None


def _status(data: dict[str, Any]) -> Status:
    if "fileId" not in data:
        raise HdfsError(NO_IDS, "files have no ids", 200)
    return Status(
        data["pathSuffix"],
        data["type"] == "DIRECTORY",
        data["fileId"],
        data["length"],
        data["modificationTime"],
        data["blockSize"],
        data["owner"],
        data["group"],
        data["permission"],
        data.get("childrenNum", 0),
        tuple(name for name in ("aclBit", "snapshotEnabled", "encBit") if data.get(name)),
    )


def _ip(node: str) -> str:
    """The NameNode excludes DataNodes by address, not by name."""
    host = node.rpartition(":")[0]
    try:
        return socket.gethostbyname(host)
    except OSError:
        return host
