"""Log objects as local files."""

# ruff: noqa: PTH100, PTH112, PTH114, PTH116, PTH118 - paths stay as the user typed them; Path would tidy them
from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from jobs.errors import AwayError, InputError, MissingError
from jobs.lake import globs
from jobs.lake.closing import Closing
from jobs.lake.storage import ObjectInfo, changed

if TYPE_CHECKING:
    import pyarrow as pa

Accept = Callable[[str], bool]


def path_of(uri: str) -> str:
    """The path of a local URI: itself, or that of `file:///path`."""
    return unquote(uri.removeprefix("file://")) if uri.startswith("file://") else uri


# Listing


@dataclass(frozen=True, slots=True)
class _Found:
    """A file on the way; `linked`: reached through a symbolic link."""

    path: str
    stat: os.stat_result
    linked: bool


def expand(spec: str, accept: Accept) -> list[ObjectInfo]:
    path = path_of(spec)
    if _is_there(path, spec):
        found = list(_everything(path, accept))
    elif globs.has_magic(path):
        found = list(_matches(path, accept))
        if not found:
            raise MissingError("no file matches", where=spec, fix="check the pattern; quote it against the shell")
    else:
        raise MissingError("no such file or directory", where=spec, fix="check the name")
    if not found:
        raise MissingError("no log files in it", where=spec, fix="names that begin with . or _ are passed over")
    return [_info(f) for f in _each_once(found)]


def _is_there(path: str, spec: str) -> bool:
    try:
        os.lstat(path)
    except PermissionError as error:  # of a folder above, which hides whether it is there
        raise _refusal(error, spec) from None
    except (OSError, ValueError):
        return False
    return True


def find(uri: str) -> ObjectInfo | None:
    path = path_of(uri)
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _refusal(error, uri) from None
    return _info(_Found(path, status, False)) if stat.S_ISREG(status.st_mode) else None


def place(uri: str) -> str:
    return os.path.realpath(path_of(uri)).rstrip("/")


def _info(found: _Found) -> ObjectInfo:
    return ObjectInfo(found.path, found.stat.st_size, mtime_ns=found.stat.st_mtime_ns, path=os.path.abspath(found.path))


def _each_once(found: list[_Found]) -> list[_Found]:
    """Sorted; what a link shows a second time is left out, so that `latest -> dt=2026-03-01` counts nothing twice."""
    by_path = {f.path: f for f in sorted(found, key=lambda f: f.path)}
    seen = {(f.stat.st_dev, f.stat.st_ino) for f in by_path.values() if not f.linked}
    kept = []
    for f in by_path.values():
        if f.linked:
            identity = (f.stat.st_dev, f.stat.st_ino)
            if identity in seen:
                continue
            seen.add(identity)
        kept.append(f)
    return kept


def _everything(path: str, accept: Accept) -> Iterator[_Found]:
    """The file of that name, or all accepted files below the directory."""
    status = _status(path)
    if stat.S_ISDIR(status.st_mode):
        yield from _below(path, accept, os.path.islink(path), ())
    elif stat.S_ISREG(status.st_mode):
        yield _Found(path, status, os.path.islink(path))
    else:
        kind = "a pipe" if stat.S_ISFIFO(status.st_mode) else "no regular file"
        raise InputError(f"is {kind}", where=path, fix=f"pass it as standard input: `- < {path}`")


def _below(folder: str, accept: Accept, linked: bool, above: tuple[tuple[int, int], ...]) -> Iterator[_Found]:
    """All accepted files below; a link back to a folder above is not followed."""
    status = _status(folder)
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    for entry in _entries(folder):
        if not accept(entry.name):
            continue
        try:
            status = entry.stat()
        except FileNotFoundError:
            if not entry.is_symlink():
                continue  # removed since it was listed
            raise InputError("a symbolic link to nothing", where=entry.path, fix="remove it") from None
        except OSError as error:
            raise _refusal(error, entry.path) from None
        through = linked or entry.is_symlink()
        if stat.S_ISDIR(status.st_mode):
            yield from _below(entry.path, accept, through, (*above, here))
        elif stat.S_ISREG(status.st_mode):
            yield _Found(entry.path, status, through)


def _matches(pattern: str, accept: Accept) -> Iterator[_Found]:
    """What a pattern matches: files, and all below directories."""
    root, names = ("/", pattern.lstrip("/").split("/")) if pattern.startswith("/") else ("", pattern.split("/"))
    for path in _resolved(root, names, accept):
        yield from _everything(path, accept)


def _resolved(base: str, names: list[str], accept: Accept) -> Iterator[str]:
    if not names:
        yield base
        return
    name, rest = names[0], names[1:]
    if name == "**":
        if not rest:
            yield base or "."
            return
        yield from _resolved(base, rest, accept)
        for folder in _folders(base, accept):
            yield from _resolved(folder, names, accept)
    elif not globs.has_magic(name):
        path = os.path.join(base, name)
        if os.path.isdir(path) if rest else os.path.lexists(path):
            yield from _resolved(path, rest, accept)
    else:
        wanted = globs.name_pattern(name)
        for entry in _entries(base or "."):
            if wanted.fullmatch(entry.name) and accept(entry.name) and (not rest or _is_folder(entry)):
                yield from _resolved(os.path.join(base, entry.name), rest, accept)


def _folders(base: str, accept: Accept) -> Iterator[str]:
    for entry in _entries(base or "."):
        if not entry.name.startswith(".") and accept(entry.name) and _is_folder(entry, links=False):
            yield os.path.join(base, entry.name)


def _is_folder(entry: os.DirEntry[str], *, links: bool = True) -> bool:
    try:
        return entry.is_dir(follow_symlinks=links)
    except OSError as error:
        raise _refusal(error, entry.path) from None


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise _refusal(error, folder) from None


def _status(path: str) -> os.stat_result:
    try:
        return os.stat(path)
    except OSError as error:
        raise _refusal(error, path) from None


def _refusal(error: OSError, where: str) -> InputError:
    if isinstance(error, PermissionError):
        return InputError("no permission to read it", where=where, fix="ask its owner, or leave it out of the input")
    if isinstance(error, FileNotFoundError):
        return MissingError(
            "no such file or directory", where=where, fix="check the name, and whether it was moved away"
        )
    return AwayError(f"cannot be read: {error.strerror}", where=where)


# Reading


class FileReader(Closing):
    """A range of a file, read straight into the caller's buffer."""

    def __init__(self, info: ObjectInfo, start: int, end: int | None) -> None:
        self._info, self._start, self._end = info, start, end
        self._fd = _open(info)
        self.bytes_read = 0
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._fd, start, 0 if end is None else end - start, os.POSIX_FADV_SEQUENTIAL)

    def readinto(self, buffer: memoryview, /) -> int:
        at = self._start + self.bytes_read
        if self._end is not None and self._end - at < len(buffer):
            buffer = buffer[: max(self._end - at, 0)]
        if not len(buffer):
            return 0
        try:
            count = os.preadv(self._fd, [buffer], at)
        except OSError as error:
            raise _refusal(error, self._info.uri) from None
        if not count:
            _check(os.fstat(self._fd), self._info)
        self.bytes_read += count
        return count

    def close(self) -> None:
        """Raises InputError if the file changed meanwhile."""
        if self._fd >= 0:
            try:
                _check(os.fstat(self._fd), self._info)
            finally:
                self.drop()

    def drop(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def open_range(info: ObjectInfo, start: int, end: int | None) -> FileReader:
    return FileReader(info, start, end)


@contextmanager
def open_seekable(info: ObjectInfo) -> Iterator[pa.NativeFile]:
    import pyarrow as pa

    path = info.path or path_of(info.uri)
    os.close(_open(info))
    try:
        opened = pa.OSFile(path)
    except OSError as error:
        raise _refusal(error, info.uri) from None
    with opened as file:
        yield file
    if info.mtime_ns is not None:
        _check(_status(path), info)


def prefetch(infos: Sequence[ObjectInfo]) -> AbstractContextManager[None]:
    """The operating system reads ahead by itself."""
    return nullcontext()


def _open(info: ObjectInfo) -> int:
    try:
        fd = os.open(info.path or path_of(info.uri), os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _refusal(error, info.uri) from None
    try:
        _check(os.fstat(fd), info)
    except InputError:
        os.close(fd)
        raise
    return fd


def _check(status: os.stat_result, info: ObjectInfo) -> None:
    if info.mtime_ns is not None and (status.st_size, status.st_mtime_ns) != (info.size, info.mtime_ns):
        raise changed(info)
