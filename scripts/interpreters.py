"""Finds the Python versions that the suite supports on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

VERSIONS = ("3.11", "3.12", "3.13")


def find(skip: tuple[int, ...] = ()) -> dict[str, str | None]:
    """Each supported version but `skip`, with a working interpreter of it, or None."""
    skipped = ".".join(map(str, skip))
    return {
        version: next((path for path in _candidates(version) if _runs(path, version)), None)
        for version in VERSIONS
        if version != skipped
    }


def _candidates(version: str) -> Iterator[str]:
    found = shutil.which(f"python{version}")
    if found:
        yield found
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for folder in sorted((root / "versions").glob(f"{version}.*"), key=_patch, reverse=True):
        yield str(folder / "bin" / "python3")


def _patch(folder: Path) -> int:
    patch = folder.name.rpartition(".")[2]
    return int(patch) if patch.isdecimal() else -1


def _runs(path: str, version: str) -> bool:
    """A pyenv shim is on PATH also where no version stands behind it."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout.startswith(f"Python {version}.")
