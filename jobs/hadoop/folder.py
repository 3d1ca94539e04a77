"""A cluster's folder: what says that it is one, and how starts and removals of it keep out of each other's way."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from jobs.engine.scratch import is_still
from jobs.errors import JobError, UsageError
from jobs.hadoop.terminal import Say

_OWN = _STATE, _NEW, _LOCK = "cluster.json", "cluster.new", "lock"


def read(home: Path) -> str | None:
    """What was last written of the cluster in the folder; None where there is none."""
    try:
        return (home / _STATE).read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None


def write(home: Path, state: str) -> None:
    """Keep this of the cluster, all or nothing; from now on the folder is a cluster's."""
    (home / _NEW).write_text(state, "utf-8")
    (home / _NEW).rename(home / _STATE)


def check(home: Path) -> None:
    """Raises UsageError where no cluster can be made in this folder, or other files are in it."""
    where, other = f"--dir {home}", "name another"
    if re.search(r"[\s,:]", str(home)):
        fix = "name one without blanks, commas and colons"
        raise UsageError("Hadoop cannot work in a folder of this name", where=where, fix=fix)
    above = next(path for path in (home, *home.parents) if os.path.lexists(path))
    if not above.is_dir():
        raise UsageError(f"{above} is not a folder", where=where, fix=other)
    if read(home) is None and _has_others(home):
        raise UsageError("is neither empty nor a cluster's folder", where=where, fix=other)


@contextmanager
def locked(home: Path, say: Say) -> Iterator[None]:
    """While it lasts, nobody else starts or removes the cluster of this folder, which is there. Raises JobError where
    it cannot be made or written to."""
    while True:
        try:
            home.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):  # with exist_ok it would look again, when the folder may have gone
                home.mkdir()
            lock = _opened(home / _LOCK)
        except OSError as error:
            raise JobError(f"cannot be used: {error.strerror}", where=f"--dir {home}", fix="name another") from None
        if lock is None:
            continue
        with lock:
            say("waiting for another process that starts or ends this cluster")
            fcntl.flock(lock, fcntl.LOCK_EX)
            if is_still(home / _LOCK, lock):
                yield
                return


def remove(home: Path) -> None:
    """Remove the folder with all in it: what says that it is a cluster's, and the lock, last. Whoever makes a new lock
    meanwhile keeps the folder."""
    for path in home.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name not in (_STATE, _LOCK):
            path.unlink()
    for name in (_STATE, _LOCK):
        (home / name).unlink(missing_ok=True)
    try:
        home.rmdir()
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise


def _has_others(home: Path) -> bool:
    """Whether files that are not a cluster's are in the folder."""
    try:
        return any(path.name not in _OWN for path in home.iterdir())
    except FileNotFoundError:
        return False


def _opened(lock: Path) -> TextIO | None:
    """None where its folder was removed meanwhile."""
    try:
        return lock.open("w")
    except FileNotFoundError:
        return None
