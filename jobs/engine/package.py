"""The suite as one archive for a cluster's nodes: this package, mrjob and the kernel, compiled, in a file named by its
content, so that a cluster keeps it and later jobs find it there.

An archive is unpacked on the node, because a library within a zip cannot be loaded. Another Python there than here
compiles the sources itself; a machine of another kind goes without the kernel.
"""

from __future__ import annotations

import hashlib
import py_compile
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import jobs
from jobs.kernel import library

_PACKAGES = ("jobs", "mrjob")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_KEPT = 8


def build(cache: Path) -> Path:
    """The archive, in `cache`: made where the one of this content is not there yet."""
    files = dict(sorted(_files()))
    digest = hashlib.sha256(f"{jobs.__version__} {sys.implementation.cache_tag}".encode())
    for name, path in files.items():
        digest.update(b"\0".join((name.encode(), path.read_bytes())))
    archive = cache / f"sensor-jobs-{digest.hexdigest()[:16]}.zip"
    if not archive.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=cache, suffix=".new", delete=False) as file:
            try:
                _write(file.name, files)
                Path(file.name).rename(archive)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
        by_age = sorted(cache.glob("sensor-jobs-*.zip"), key=lambda path: path.stat().st_mtime)
        for old in by_age[:-_KEPT]:
            old.unlink(missing_ok=True)
    return archive


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


def _write(target: str, files: dict[str, Path]) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive, tempfile.TemporaryDirectory() as folder:
        for name, path in files.items():
            _add(archive, name, path)
            if path.suffix == ".py" and (compiled := _compiled(name, path, folder)) is not None:
                inside = Path(name).parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"
                _add(archive, str(inside), compiled)


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    archive.writestr(zipfile.ZipInfo(name, _EPOCH), path.read_bytes(), zipfile.ZIP_DEFLATED)


def _compiled(name: str, path: Path, folder: str) -> Path | None:
    """The module's bytecode, which is not checked against the source's time, for that changes on the way."""
    compiled = Path(folder, "compiled")
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    try:
        py_compile.compile(str(path), str(compiled), name, doraise=True, invalidation_mode=mode)
    except py_compile.PyCompileError:
        return None  # written for another Python
    return compiled
