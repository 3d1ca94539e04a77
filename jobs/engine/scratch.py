"""A run's scratch folder: held while the run lives, swept by the next run when it did not end by itself."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from jobs.lake import user

_LOCK = ".lock"


@contextmanager
def scratch(run_id: str, base: str | None = None) -> Iterator[Path]:
    """A new folder for this run; gone afterwards. A lock beside it, there before it and after it, tells the living from
    the dead."""
    home = Path(base or tempfile.gettempdir()) / f"sensor-jobs-{user.owner()}"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    sweep(home)
    folder = home / run_id
    with _locked(_lock_of(folder)):
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def sweep(home: Path) -> None:
    """Remove the folders and locks of runs that are no more."""
    for path in home.iterdir():
        if path.suffix == _LOCK:
            _sweep(path)
        elif not _lock_of(path).exists():
            shutil.rmtree(path, ignore_errors=True)


def _sweep(lock: Path) -> None:
    """Remove what the lock is for, and the lock, unless its run lives."""
    try:
        with lock.open("r+") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_still(lock, held):
                shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
                lock.unlink()
    except OSError:
        return  # alive, or another one sweeps


@contextmanager
def _locked(lock: Path) -> Iterator[None]:
    """Hold the lock: anew where a sweep was faster, which took it for a dead run's."""
    while True:
        with lock.open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            if not is_still(lock, held):
                continue
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
            return


def is_still(lock: Path, held: IO[str]) -> bool:
    """Whether the lock that is held is the one by that name."""
    try:
        return os.path.samestat(lock.stat(), os.fstat(held.fileno()))
    except FileNotFoundError:
        return False


def _lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + _LOCK)
