"""A run's scratch folder: held while the run lives, swept by the next run when it did not end by itself."""

from __future__ import annotations

import fcntl
import getpass
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_HOLD = "held"
_GONE = ".gone"


@contextmanager
def scratch(run_id: str, base: str | None = None) -> Iterator[Path]:
    """A new folder for this run; gone afterwards. The lock on its `held` file tells the living from the dead."""
    home = Path(base or tempfile.gettempdir()) / f"sensor-jobs-{_owner()}"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    sweep(home)
    folder = home / run_id
    folder.mkdir(mode=0o700)
    with (folder / f"{_HOLD}.new").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        Path(held.name).rename(folder / _HOLD)  # seen by a sweep only once it is locked
        try:
            yield folder
        finally:
            _remove(folder)


def sweep(home: Path) -> None:
    """Remove the folders of runs that are no more."""
    for folder in home.iterdir():
        if folder.suffix == _GONE:
            shutil.rmtree(folder, ignore_errors=True)
            continue
        try:
            with (folder / _HOLD).open("r+") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(folder)
        except FileNotFoundError:
            _remove_if_old(folder)
        except OSError:
            continue  # its run is alive


def _remove(folder: Path) -> None:
    """Remove a folder under a name that says so: the next sweep ends what a kill cuts short."""
    with suppress(FileNotFoundError):
        shutil.rmtree(folder.rename(folder.with_name(folder.name + _GONE)), ignore_errors=True)


def _remove_if_old(folder: Path, seconds: float = 60.0) -> None:
    """A folder without its lock file belongs to a run that has just begun, or died before it could take the lock."""
    try:
        changed = folder.stat().st_mtime
    except OSError:
        return
    if time.time() - changed > seconds:
        _remove(folder)


def _owner() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
