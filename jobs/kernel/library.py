"""Finds and loads the kernel. Without it every job works, slower: `why_missing` says what to tell the user."""

from __future__ import annotations

import ctypes
import hashlib
import os
from functools import cache
from pathlib import Path

ABI = 4
"""The version of the exported functions and structures that this package speaks (kernel.h: ABI_VERSION)."""

FOLDER = Path(__file__).resolve().parent
_BESIDE = FOLDER / "_kernel.so"


def load() -> ctypes.CDLL | None:
    """The library, or None where there is none, it speaks another version, or JOBS_KERNEL=off.

    It is the file that JOBS_KERNEL_LIBRARY names, else `_kernel.so` in this package. Calls release the interpreter.
    """
    return None if _switched_off() else _open(_path())[0]


def why_missing() -> str:
    """Why `load` gives None and what to do about it; empty where it gives the library."""
    return "JOBS_KERNEL=off" if _switched_off() else _open(_path())[1]


def loaded_from() -> Path | None:
    """The file of the library that `load` gives."""
    return None if load() is None else _path()


def sources() -> list[Path]:
    """The C files and headers, in the order in which they are compiled; none where only the library was shipped."""
    return sorted(path for path in FOLDER.iterdir() if path.suffix in {".c", ".h"})


def digest() -> str:
    """A hash of the sources, which a library built from them carries."""
    parts = [path.name.encode() + b"\0" + path.read_bytes() for path in sources()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _switched_off() -> bool:
    return os.environ.get("JOBS_KERNEL", "").lower() == "off"


def _path() -> Path:
    named = os.environ.get("JOBS_KERNEL_LIBRARY")
    return Path(named) if named else _BESIDE


@cache
def _open(path: Path) -> tuple[ctypes.CDLL | None, str]:
    if not path.is_file():
        return None, f"{path} is not there: build it with python -m jobs.kernel.build"
    try:
        library = ctypes.CDLL(str(path))
        version = library.kernel_abi()
    except (OSError, AttributeError) as error:
        return None, f"{path} cannot be loaded ({error}): build it with python -m jobs.kernel.build --force"
    if version != ABI:
        return None, f"{path} is of another version: build it with python -m jobs.kernel.build"
    built_from = ctypes.string_at(ctypes.addressof(ctypes.c_char.in_dll(library, "kernel_digest")))
    if path == _BESIDE and sources() and digest().encode() not in built_from:
        return None, f"{path} is not built from the sources beside it: build it with python -m jobs.kernel.build"
    return library, ""
