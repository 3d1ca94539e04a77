"""The suite's requirements for a cluster's nodes: found there, or shipped with the job, in the versions that this
interpreter has of them, as an archive that the cluster keeps.

What is shipped is compiled for a Python and a processor: nodes need the same Python, and nothing in it.
"""

from __future__ import annotations

import hashlib
import logging
import platform
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path, PurePosixPath

from jobs.engine import archives
from jobs.engine.shipping import FLAG
from jobs.errors import JobError, UsageError
from jobs.lake import hadoop_conf
from jobs.requirements import CORE, SPARK

log = logging.getLogger(__name__)

NAME = "sensor-jobs-dependencies"
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
"""The command of such a Python on nodes."""
_OF_CLUSTER = ("pyspark", "py4j")
_FOR_DEVELOPERS = {"tests", "include", "__pycache__"}
_KEPT = 2


def are_shipped(chosen: str | None, *, named: bool) -> bool:
    """Whether they are: as chosen, else to a cluster elsewhere. named: whether the nodes' Python is named, which then
    is taken to have them. Raises UsageError where what is here runs on no node."""
    if chosen == "ship" and sys.platform != "linux":
        raise UsageError("what this system has runs on no node", where=f"{FLAG} ship", fix="submit from Linux")
    if chosen is not None:
        return chosen == "ship"
    return sys.platform == "linux" and not named and not hadoop_conf.is_on_this_machine()


def build(cache: Path) -> Path:
    """The archive, in `cache`: made where the one of these versions is not there yet. Raises JobError for a requirement
    whose files are not known, or that needs others."""
    found = dict(sorted(_closure()))
    digest = hashlib.sha256(f"{PYTHON} {sys.implementation.cache_tag} {platform.machine()}".encode())
    for name, distribution in found.items():
        record = distribution.read_text("RECORD")
        if record is None:
            fix = f"install it with pip, or have it on the nodes: {FLAG} node"
            raise JobError("cannot be shipped, for it does not say which files it has", where=name, fix=fix)
        if _is_condas(distribution) and any(file.suffix == ".so" for file in distribution.files or ()):
            fix = f"install it with pip, or have it on the nodes: {FLAG} node"
            raise JobError("is conda's, whose libraries lie elsewhere and are not shipped", where=name, fix=fix)
        digest.update(f"{name} {distribution.version} {record}".encode())
    files = {name: path for distribution in found.values() for name, path in _files(distribution)}
    if not list(cache.glob(f"{NAME}-{digest.hexdigest()[:16]}.zip")):
        log.warning("dependencies for the nodes are packed, which takes some seconds and is kept")
    return archives.made(cache, NAME, digest.hexdigest(), files, _KEPT)


def _closure() -> Iterator[tuple[str, metadata.Distribution]]:
    """What this interpreter has of what tasks and twins require, and what that requires."""
    wanted, seen = [*CORE, *SPARK], set(_OF_CLUSTER)
    while wanted:
        requirement, _, marker = wanted.pop().partition(";")
        found = re.match(r"[\w.-]+", requirement)
        assert found is not None
        name = re.sub(r"[-_.]+", "-", found[0]).lower()
        if name in seen or "extra" in marker:
            continue
        seen.add(name)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # for another system, or for twins where there are none
        wanted.extend(distribution.requires or ())
        yield name, distribution


def _is_condas(distribution: metadata.Distribution) -> bool:
    return (distribution.read_text("INSTALLER") or "").strip() == "conda"


def _files(distribution: metadata.Distribution) -> Iterator[tuple[str, Path]]:
    """Its files by their names beside other packages; not those of tests, and none of commands."""
    for file in distribution.files or ():
        path = Path(str(distribution.locate_file(file)))
        if not (file.parts[0] == ".." or _FOR_DEVELOPERS & set(file.parts) or file.suffix == ".pyi") and path.is_file():
            yield str(PurePosixPath(file)), path
