"""Python files as an archive for a cluster's nodes, named by its content: a cluster keeps it, and later jobs find it.

An archive is unpacked on the node, because a library within a zip cannot be loaded. Modules are in it compiled too;
another Python there than here compiles the sources itself.
"""

from __future__ import annotations

import posixpath
import py_compile
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.errors import JobError

if TYPE_CHECKING:
    from jobs.engine.hdfs_files import HdfsFiles

_LEVEL = 1  # a third of the time of zlib's own choice, for a tenth more bytes
_EPOCH = (1980, 1, 1, 0, 0, 0)


def made(cache: Path, name: str, digest: str, files: Mapping[str, Path], keep: int) -> Path:
    """`NAME-DIGEST.zip` in `cache` with these files by their names in it; made where it is not there yet.

    keep: how many archives of that name stay there, the newest.
    """
    archive = cache / f"{name}-{digest[:16]}.zip"
    if not archive.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=cache, suffix=".new", delete=False) as file:
            try:
                _write(file.name, files)
                Path(file.name).rename(archive)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
        by_age = sorted(cache.glob(f"{name}-{'[0-9a-f]' * 16}.zip"), key=lambda path: path.stat().st_mtime)
        for old in by_age[:-keep]:
            old.unlink(missing_ok=True)
    return archive


def kept(files: HdfsFiles, archive: Path, home: str, option: str) -> str:
    """The archive's URI in HDFS, below `home`: put there where it is not yet. option: names another home.

    Raises JobError where it cannot be put there.
    """
    uri = f"{home}/packages/{archive.name}"
    try:
        if not files.exists(uri):
            files.mkdir(posixpath.dirname(uri))
            _put(files, archive, uri)
    except OSError as error:
        if not isinstance(cause := error.__cause__, JobError):
            raise
        fix = f"name a folder of HDFS that you may write in: {option}"
        raise JobError(cause.what, where=home, fix="; or ".join(filter(None, [cause.fix, fix]))) from error
    return uri


def _put(files: HdfsFiles, archive: Path, uri: str) -> None:
    try:
        files.put(str(archive), uri)
    except OSError:
        if not files.exists(uri):  # another run was faster
            raise


def _write(target: str, files: Mapping[str, Path]) -> None:
    with zipfile.ZipFile(target, "w") as archive, tempfile.TemporaryDirectory() as folder:
        for name, path in files.items():
            _add(archive, name, path)
            if path.suffix == ".py" and (compiled := _compiled(name, path, folder)) is not None:
                inside = Path(name).parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"
                _add(archive, str(inside), compiled)


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    archive.writestr(zipfile.ZipInfo(name, _EPOCH), path.read_bytes(), zipfile.ZIP_DEFLATED, _LEVEL)


def _compiled(name: str, path: Path, folder: str) -> Path | None:
    """The module's bytecode, which is not checked against the source's time, for that changes on the way."""
    compiled = Path(folder, "compiled")
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    try:
        py_compile.compile(str(path), str(compiled), name, doraise=True, invalidation_mode=mode)
    except py_compile.PyCompileError:
        return None  # written for another Python
    return compiled
