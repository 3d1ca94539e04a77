"""Publishing to a folder: put together in a hidden folder beside it, then one rename makes it the target.

An earlier result and the new one change places in one system call (Linux and macOS), so that at every moment the
target is one of them, whole. Where a file system cannot do that, the earlier one is set aside first, under a name at
which our readers look, and put back by the next run if this one is killed in between.
"""

from __future__ import annotations

import fcntl
import grp
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from jobs.errors import InputError, JobError, UsageError
from jobs.lake.durable import step
from jobs.lake.exchange import exchange
from jobs.lake.local import path_of
from jobs.lake.manifest import SUCCESS, Manifest, Part, loads, now
from jobs.lake.parts import Layout, named, write_parts
from jobs.lake.publish import foreign, lost_race, not_empty


def previous_of(target: Path) -> Path:
    """Where an earlier result lies while it is set aside."""
    return target.parent / f".{target.name}.previous"


class LocalTarget:
    """A folder. It may be a symbolic link to one, and need not be there yet."""

    def __init__(self, target: str) -> None:
        self._named = target
        self._path = Path(os.path.realpath(path_of(target)))
        self._seen: bytes | None = None

    def check(self, overwrite: bool) -> None:
        with self._told():
            self._check_place()
            if self._path.parent.is_dir():
                with self._locked():
                    self._clean()
                    self._seen = self._published()
                    if _is_filled(self._path):
                        if not overwrite:
                            raise not_empty(self._named)
                        self._check_own()
                    if self._path.is_dir():
                        self._check_group()

    def publish(
        self,
        manifest: Manifest,
        tables: Iterable[pa.Table],
        keys: Sequence[str],
        scratch: Path,
        layout: Layout | None = None,
    ) -> Manifest:
        with self._told():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._staged(manifest.run_id) as staging:
                written = write_parts(staging, tables, manifest.schema, manifest.format, keys, layout)
                parts = []
                for file, part in named(written, manifest.format, manifest.run_id):
                    file.path.rename(file.path.with_name(part.name.removeprefix(file.folder)))
                    parts.append(part)
                manifest = replace(manifest, parts=tuple(parts), published=now())
                with step("publish.success"):
                    _write(staging / SUCCESS, manifest.dumps())
                    for folder in (*_parents(manifest.parts), ""):
                        _sync(staging / folder)
                with self._locked():
                    if self._published() != self._seen:
                        raise lost_race(self._named)
                    self._reveal(staging)
        return manifest

    def prune(self, older_than: float) -> list[str]:
        with self._told(), self._locked():
            return self._clean()

    def _check_place(self) -> None:
        """Raises for a target that could not be written."""
        if self._path.exists() and not self._path.is_dir():
            raise UsageError("is a file", where=self._named, fix="name a folder")
        parent = self._path.parent
        if self._path == parent or (self._path.is_dir() and self._path.stat().st_dev != parent.stat().st_dev):
            raise UsageError("is the root of a file system", where=self._named, fix="name a folder below it")
        if self._path == Path.cwd():
            raise UsageError("is the current folder", where=self._named, fix="name a folder below it, such as ./stats")
        while not parent.exists():
            parent = parent.parent
        if not os.access(parent, os.W_OK | os.X_OK):
            raise JobError(
                f"no permission to write in {parent}", where=self._named, fix="name a folder below one of your own"
            )

    def _check_own(self) -> None:
        """Raises if the folder holds anything but a published result: that is not ours to replace."""
        if not (self._path / SUCCESS).exists():
            raise foreign(self._named, min(entry.name for entry in self._path.iterdir()))
        try:
            manifest = loads((self._path / SUCCESS).read_bytes(), self._named)
        except InputError:
            raise foreign(self._named, SUCCESS) from None
        names = {entry.relative_to(self._path).as_posix() for entry in self._path.rglob("*")}
        if others := names - {SUCCESS, *_parents(manifest.parts)} - {part.name for part in manifest.parts}:
            raise foreign(self._named, min(others))

    def _check_group(self) -> None:
        """Raises if the folder put in the target's place could not have its group: only a folder of ours can tell."""
        if self._path.stat().st_gid == os.getegid():
            return
        with step("publish.stage"):
            tried = Path(tempfile.mkdtemp(prefix=self._staging_prefix, dir=self._path.parent))
        try:
            self._keep_group(tried)
        finally:
            _remove(tried)

    def _keep_group(self, staging: Path) -> None:
        """Give the staged folder, with all in it, the target's group. Raises UsageError if the user may not, unless
        everybody may read there what the group may."""
        old = self._path.stat()
        try:
            for path in (staging, *staging.rglob("*")):
                if path.stat().st_gid != old.st_gid:
                    os.chown(path, -1, old.st_gid)
        except OSError as error:
            if not old.st_mode >> 3 & ~old.st_mode & 0o5:
                return
            raise UsageError(
                f"is readable by the group {_group(old.st_gid)}, which the folder put in its place could not have",
                where=self._named,
                fix="run as a user of that group, or give it to another with chgrp",
            ) from error

    def _published(self) -> bytes | None:
        """The `_SUCCESS` there is; None if nothing is published."""
        with suppress(FileNotFoundError, NotADirectoryError):
            return (self._path / SUCCESS).read_bytes()
        return None

    def _reveal(self, staging: Path) -> None:
        """Make the staged folder the target."""
        parent, previous = self._path.parent, previous_of(self._path)
        if self._path.is_dir():
            self._keep_group(staging)
            shutil.copymode(self._path, staging)
        if not _is_filled(self._path):
            with step("publish.rename"):
                staging.rename(self._path)
                _sync(parent)
            return
        self._check_own()
        with step("publish.exchange"):
            exchanged = exchange(staging, self._path)
            _sync(parent)
        if not exchanged:
            with step("publish.set_aside"):
                self._path.rename(previous)
            with step("publish.rename"):
                staging.rename(self._path)
                _sync(parent)
        _remove(staging if exchanged else previous)

    @contextmanager
    def _staged(self, run_id: str) -> Iterator[Path]:
        """A hidden folder beside the target, held while we live; gone afterwards unless it became the target."""
        folder = self._path.parent / f"{self._staging_prefix}{run_id}"
        with self._locked():
            self._clean()
            with step("publish.stage"):
                folder.mkdir()
            hold = os.open(folder, os.O_RDONLY)
            _lock(hold, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            os.close(hold)
            if folder.exists():
                _remove(folder)

    @property
    def _staging_prefix(self) -> str:
        return f".{self._path.name}.staging-"

    def _clean(self) -> list[str]:
        """Put back or remove what killed runs left; called with the lock held."""
        removed = []
        previous = previous_of(self._path)
        if previous.is_dir():
            if _is_filled(self._path):
                removed.append(previous.name)
                _remove(previous)
            else:
                with step("publish.recover"):
                    previous.rename(self._path)
        for folder in self._path.parent.glob(f"{_literal(self._staging_prefix)}*"):
            try:
                hold = os.open(folder, os.O_RDONLY)
            except PermissionError:
                continue  # of another user: theirs to remove
            try:
                if _lock(hold, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    removed.append(folder.name)
                    _remove(folder)
            finally:
                os.close(hold)
        return removed

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """No other run publishes in the same folder meanwhile."""
        hold = os.open(self._path.parent, os.O_RDONLY)
        try:
            _lock(hold, fcntl.LOCK_EX)
            yield
        finally:
            os.close(hold)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What the system refuses, as an error for the user."""
        try:
            yield
        except OSError as error:
            raise JobError(f"cannot be written: {error.strerror}", where=self._named) from error


def _is_filled(path: Path) -> bool:
    return path.is_dir() and any(path.iterdir())


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _parents(parts: Iterable[Part]) -> list[str]:
    """The folders in which parts lie."""
    return sorted({part.name.rpartition("/")[0] for part in parts if "/" in part.name})


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Have the folder's names on the disk."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _remove(folder: Path) -> None:
    with step("publish.remove"):
        shutil.rmtree(folder, ignore_errors=True)


def _lock(fd: int, how: int) -> bool:
    """Whether we hold the lock now. Some network file systems have none for folders: there, runs must not overlap."""
    try:
        fcntl.flock(fd, how)
    except BlockingIOError:
        return False
    except OSError:
        return not how & fcntl.LOCK_NB
    return True


def _literal(text: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in text)
