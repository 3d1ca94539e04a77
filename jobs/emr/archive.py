"""The suite for machines on which nothing is installed: a bundle's wheels, unpacked, as one archive in the lake.

Spark brings it to the driver and to each executor, and unpacks it where they work. Beside it lies what Spark starts.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from jobs.emr import staging
from jobs.emr.bundle import Bundle
from jobs.emr.wheel import ROOT

NAME, LAUNCHER = "sensor-jobs.zip", "twin.py"
_LAUNCHER = ROOT / "jobs" / "spark" / "__main__.py"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16
_LIBRARY = re.compile(r"^[^/]+\.data/(?:purelib|platlib)/")
_BESIDE = re.compile(r"^[^/]+\.data/")


def build(bundle: Bundle) -> Path:
    """The folder with the archive of a bundle and its launcher, made beside the bundle unless it is there already."""
    place = bundle.path.with_name(f"{bundle.path.name}.archive")
    if not place.is_dir():
        with tempfile.TemporaryDirectory(dir=bundle.path.parent, prefix=".new-") as scratch:
            fresh = Path(scratch, place.name)
            fresh.mkdir()
            shutil.copy(_LAUNCHER, fresh / LAUNCHER)
            with zipfile.ZipFile(fresh / NAME, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                for wheel in sorted(bundle.path.glob("*.whl")):
                    for name, content in _files(wheel):
                        info = zipfile.ZipInfo(name, _EPOCH)
                        info.external_attr = _MODE
                        archive.writestr(info, content, zipfile.ZIP_DEFLATED, 1)
            try:
                fresh.rename(place)
            except OSError:
                if not place.is_dir():  # another run was faster
                    raise
        for old in bundle.path.parent.glob("*.archive"):
            if not old.with_suffix("").is_dir():  # whose bundle is forgotten
                shutil.rmtree(old, ignore_errors=True)
    return place


def stage(bundle: Bundle, base_uri: str) -> str:
    """Put what is missing of a bundle's archive below `BASE/archives/DIGEST/`; the folder's URI, without a slash at its
    end. base_uri: `s3://BUCKET/PREFIX`. Raises JobError."""
    folder, place = build(bundle), uri(bundle.digest, base_uri)
    staging.put([folder / LAUNCHER, folder / NAME], place)
    return place


def uri(digest: str, base_uri: str) -> str:
    """The folder where the archive of the bundle with this digest is staged."""
    return f"{base_uri.rstrip('/')}/archives/{digest}"


def _files(wheel: Path) -> Iterator[tuple[str, bytes]]:
    """What pip would put beside other packages of a wheel: names and contents."""
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            name = _LIBRARY.sub("", info.filename)
            if not info.is_dir() and not _BESIDE.match(name):
                yield name, archive.read(info)
