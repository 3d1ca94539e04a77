"""Log objects as files in HDFS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jobs.errors import MissingError
from jobs.lake import globs
from jobs.lake.hadoop_conf import name_nodes
from jobs.lake.hdfs_reader import RangeReader, check, fetch, fetch_whole, info_of
from jobs.lake.remote import Ranges, SeekableObject
from jobs.lake.storage import ObjectInfo
from jobs.lake.webhdfs import Status, WebHdfs, client, split_uri
from jobs.lake.webhdfs_errors import HdfsError, UnreachableError, refusal

if TYPE_CHECKING:
    import pyarrow as pa

Accept = Callable[[str], bool]

# Listing


def expand(spec: str, accept: Accept) -> list[ObjectInfo]:
    authority, path = split_uri(spec)
    listing = _Listing(client(spec), f"hdfs://{authority}", accept)
    try:
        status = listing.hdfs.status(path)
        if status is not None:
            found = list(listing.everything(path, status))
        elif globs.has_magic(path):
            found = list(listing.matches(path))
            if not found:
                raise MissingError("no file matches", where=spec, fix="check the pattern; quote it against the shell")
        else:
            raise MissingError("no such file or directory", where=spec, fix="check the name")
    except (HdfsError, UnreachableError) as error:
        raise refusal(error, spec) from None
    if not found:
        raise MissingError("no log files in it", where=spec, fix="names that begin with . or _ are passed over")
    return sorted({info.uri: info for info in found}.values(), key=lambda info: info.uri)


def find(uri: str) -> ObjectInfo | None:
    hdfs = client(uri)
    try:
        status = hdfs.status(split_uri(uri)[1])
    except (HdfsError, UnreachableError) as error:
        raise refusal(error, uri) from None
    return None if status is None or status.is_folder else info_of(uri, status, hdfs)


def place(uri: str) -> str:
    authority, path = split_uri(uri)
    return f"hdfs://{','.join(name_nodes(authority, uri))}{path}".rstrip("/")


class _Listing:
    """Walks through folders; what `accept` does not want is passed over, but for what the user named in full."""

    def __init__(self, hdfs: WebHdfs, root: str, accept: Accept) -> None:
        self.hdfs, self._root, self._accept = hdfs, root, accept

    def everything(self, path: str, status: Status) -> Iterator[ObjectInfo]:
        """The file of that name, or all accepted files below the folder."""
        if not status.is_folder:
            yield info_of(self._root + path, status, self.hdfs)
            return
        for entry in self._entries(path):
            yield from self.everything(_joined(path, entry.name), entry)

    def matches(self, pattern: str) -> Iterator[ObjectInfo]:
        """What a pattern matches: files, and all below folders."""
        for path, status in self._resolved("/", pattern.strip("/").split("/")):
            yield from self.everything(path, status)

    def _resolved(self, base: str, names: list[str]) -> Iterator[tuple[str, Status]]:
        name, rest = names[0], names[1:]
        if name == "**":
            if not rest:
                status = self.hdfs.status(base)
                if status is not None:
                    yield base, status
                return
            yield from self._resolved(base, rest)
            for entry in self._entries(base):
                if entry.is_folder and not entry.name.startswith("."):
                    yield from self._resolved(_joined(base, entry.name), names)
            return
        if globs.has_magic(name):
            wanted = globs.name_pattern(name)
            found = [entry for entry in self._entries(base) if wanted.fullmatch(entry.name)]
        else:
            status = self.hdfs.status(_joined(base, name))
            found = [] if status is None else [status]
        for entry in found:
            path = _joined(base, entry.name or name)
            if not rest:
                yield path, entry
            elif entry.is_folder:
                yield from self._resolved(path, rest)

    def _entries(self, folder: str) -> Iterator[Status]:
        return (entry for entry in self.hdfs.listed(folder) if self._accept(entry.name))


def _joined(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"


# Reading

_ranges = Ranges(fetch_whole, RangeReader)
open_range, prefetch = _ranges.open, _ranges.prefetch


@contextmanager
def open_seekable(info: ObjectInfo) -> Iterator[pa.NativeFile]:
    import pyarrow as pa

    check(info)
    with pa.PythonFile(SeekableObject(info, fetch), mode="r") as file:
        yield file
    check(info)
