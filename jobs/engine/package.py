"""The suite as one archive for a cluster's nodes: this package, mrjob and the kernel.

A machine of another kind goes without the kernel.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import jobs
from jobs.engine import archives
from jobs.kernel import library

_PACKAGES = ("jobs", "mrjob")
_KEPT = 8


def build(cache: Path) -> Path:
    """The archive, in `cache`: made where the one of this content is not there yet."""
    files = dict(sorted(_files()))
    digest = hashlib.sha256(f"{jobs.__version__} {sys.implementation.cache_tag}".encode())
    for name, path in files.items():
        digest.update(b"\0".join((name.encode(), path.read_bytes())))
    return archives.made(cache, "sensor-jobs", digest.hexdigest(), files, _KEPT)


def _files() -> Iterator[tuple[str, Path]]:
    """What tasks may need, by its name in the archive; the kernel as it is loaded here."""
    for package in _PACKAGES:
        spec = find_spec(package)
        assert spec is not None
        assert spec.submodule_search_locations is not None
        for place in spec.submodule_search_locations:
            for path in Path(place).rglob("*"):
                if path.suffix in (".py", ".toml"):
                    yield str(Path(package, path.relative_to(place))), path
    if (kernel := library.loaded_from()) is not None:
        yield "jobs/kernel/_kernel.so", kernel
