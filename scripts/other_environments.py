"""Environments beside the project's own: of every other supported Python, and of the oldest supported Spark."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.environment import ROOT, Environment, prepare

VERSIONS = ("3.11", "3.12", "3.13")
OLD_SPARK, OLD_SPARK_PYTHON = "3.5", "3.11"
"""Those of EMR 7."""


def of_python(version: str, python: str) -> Environment:
    """The environment of another Python, prepared."""
    return prepare(("dev",), ROOT / f".venv-{version}", base=python, kernel=False)


def of_old_spark(python: str) -> Environment:
    """The environment of the oldest supported Spark, prepared."""
    folder = ROOT / f".venv-spark-{OLD_SPARK}"
    return prepare(("dev", "spark"), folder, base=python, kernel=False, pins=(f"pyspark=={OLD_SPARK}.*",))


def old_spark_python() -> str | None:
    """The interpreter for the oldest supported Spark, where there is one."""
    return sys.executable if sys.version_info[:2] == (3, 11) else find()[OLD_SPARK_PYTHON]


def others(*, every: bool) -> dict[str, str | None]:
    """The newest supported version that is not the running one, or every such, as `find`."""
    found = find(skip=sys.version_info[:2])
    return found if every else dict(list(found.items())[-1:])


def find(skip: tuple[int, ...] = ()) -> dict[str, str | None]:
    """Each supported version but `skip`, oldest first, with a working interpreter of it, or None."""
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
