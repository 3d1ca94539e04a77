"""Log objects wherever they lie: listed, read in order, read at places. The scheme of a URI picks the storage.

Reads are pinned: what is read is the object as it was listed, else InputError says that it changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, cast

from jobs.errors import InputError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

_STORAGES = {
    "": "jobs.lake.local",
    "file": "jobs.lake.local",
    "-": "jobs.lake.stdin",
    "s3": "jobs.lake.s3",
    "hdfs": "jobs.lake.hdfs",
}
"""The module of each scheme: another storage is another module with the functions of `Storage`."""
_PIECE = 1 << 20
_HADOOPS_S3 = re.compile(r"^s3[an]://")


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """A log object as it was listed. `size` in bytes. `etag` (S3, HDFS) or `mtime_ns` pin its content, where not None.

    `uri` is what the user sees, relative where the user typed it so; `path` is where tasks open a local file, whatever
    their working directory; None: at `uri`. `block_size`: the bytes (HDFS) that lie together on one machine.
    `name_nodes`: `host:port` of those that were asked (HDFS), with commas, whom tasks ask too.
    """

    uri: str
    size: int
    etag: str | None = None
    mtime_ns: int | None = None
    path: str | None = None
    block_size: int | None = None
    name_nodes: str | None = None


class Reader(Protocol):
    """Bytes of one object in order."""

    @property
    def bytes_read(self) -> int:
        """The bytes given so far."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the front of `buffer`; how many bytes, 0 at the end. Raises InputError, also for a changed object."""

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class Storage(Protocol):
    """What a storage module offers; the functions of this module say what each does."""

    def expand(self, spec: str, accept: Callable[[str], bool]) -> list[ObjectInfo]: ...

    def find(self, uri: str) -> ObjectInfo | None: ...

    def place(self, uri: str) -> str: ...

    def open_range(self, info: ObjectInfo, start: int, end: int | None) -> Reader: ...

    def open_seekable(self, info: ObjectInfo) -> AbstractContextManager[pa.NativeFile]: ...

    def prefetch(self, infos: Sequence[ObjectInfo]) -> AbstractContextManager[None]: ...


def canonical(uri: str) -> str:
    """`s3a://` and `s3n://` are Hadoop's words for `s3://`."""
    return _HADOOPS_S3.sub("s3://", uri)


def scheme(uri: str) -> str:
    """The scheme of a URI; empty for a path, `-` for standard input."""
    head, found, _ = uri.partition("://")
    if not found:
        return "-" if uri == "-" else ""
    if head not in _STORAGES:
        known = ", ".join(f"{name}://" for name in _STORAGES if name.isalnum())
        raise UsageError(f"there is no storage {head}://", where=uri, fix=f"use a path or one of {known}")
    return head


def expand(spec: str, accept: Callable[[str], bool]) -> list[ObjectInfo]:
    """The objects that an input names, sorted by URI, each once.

    `spec` is a file or a directory (all below it), here or at `hdfs://host:port/path`, `s3://bucket/key`,
    `s3://bucket/prefix/`, or a pattern of these with `*`, `?`, `[…]` and `**`; a pattern that matches a directory or
    prefix takes all below it. `accept` is asked about every name found (of files and of folders below what was named),
    but not about what the user named in full.
    Raises InputError for what is missing, cannot be listed or holds no object.
    """
    return _storage(spec).expand(spec, accept)


def find(uri: str) -> ObjectInfo | None:
    """The one object of that name; None where there is none. Raises InputError for what cannot be told."""
    return _storage(canonical(uri)).find(canonical(uri))


def place(uri: str) -> str:
    """Where that is: of all spellings of a file or folder the same, below that of a folder what is in it. Without a `/`
    at its end."""
    return _storage(canonical(uri)).place(canonical(uri))


def lies_in(uri: str, folder: str) -> bool:
    """Whether the one is the other or in it, however both are spelled."""
    return f"{place(uri)}/".startswith(f"{place(folder)}/")


def open_range(info: ObjectInfo, start: int = 0, end: int | None = None) -> Reader:
    """The bytes [start, end) of an object in order; `end` None: to its end. Raises InputError."""
    return _storage(info.uri).open_range(info, start, end)


def pieces(reader: Reader) -> Iterator[bytes]:
    """What a reader gives, in pieces of up to a megabyte. Raises InputError."""
    buffer = memoryview(bytearray(_PIECE))
    while count := reader.readinto(buffer):
        yield bytes(buffer[:count])


def open_seekable(info: ObjectInfo) -> AbstractContextManager[pa.NativeFile]:
    """The object as a seekable file, for Parquet. Raises InputError."""
    return _storage(info.uri).open_seekable(info)


@contextmanager
def prefetch(infos: Sequence[ObjectInfo]) -> Iterator[None]:
    """While this lasts, small remote objects of `infos` are fetched ahead in this order, several at a time.

    `open_range` takes what has been fetched, so that many small objects cost bandwidth and not one round trip each.
    """
    by_scheme: dict[str, list[ObjectInfo]] = {}
    for info in infos:
        by_scheme.setdefault(scheme(info.uri), []).append(info)
    with ExitStack() as stack:
        for found in by_scheme.values():
            stack.enter_context(_storage(found[0].uri).prefetch(found))
        yield


def read_bytes(info: ObjectInfo) -> bytes:
    """A whole small object. Raises InputError."""
    data = bytearray(info.size + 1)
    filled = 0
    with open_range(info) as reader, memoryview(data) as view:
        while count := reader.readinto(view[filled:]):
            filled += count
    return bytes(data[:filled])


def read_text(info: ObjectInfo) -> str:
    """A whole small object of UTF-8 text. Raises InputError."""
    try:
        return read_bytes(info).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"byte {error.start} is not UTF-8", where=info.uri, fix="save the file as UTF-8") from None


def changed(info: ObjectInfo) -> InputError:
    """The error for an object that is no longer what was listed."""
    return InputError("changed while it was read", where=info.uri, fix="run again when nothing writes to it any more")


def _storage(uri: str) -> Storage:
    return cast("Storage", import_module(_STORAGES[scheme(uri)]))
