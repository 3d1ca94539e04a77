"""Published files, in a cluster's HDFS and here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from jobs.lake import webhdfs

_RUN = re.compile(r"-[a-z_]+-\d{8}T\d{6}Z-[0-9a-f]{8}\b")


def files(folder: str) -> dict[str, str]:
    """The digests of the files below a folder but `_SUCCESS`, by their paths within it, without their run's name."""
    return dict(_files(webhdfs.client("hdfs:///"), folder, ""))


def local_files(folder: Path) -> dict[str, str]:
    """The same of a folder here."""
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {_RUN.sub("", name): _digest(path.read_bytes()) for name, path in found.items() if path.name != "_SUCCESS"}


def _files(hdfs: webhdfs.WebHdfs, folder: str, within: str) -> Iterator[tuple[str, str]]:
    for one in hdfs.listed(folder):
        path, name = f"{folder}/{one.name}", f"{within}{one.name}"
        if one.is_folder:
            yield from _files(hdfs, path, f"{name}/")
        elif one.name != "_SUCCESS":
            yield _RUN.sub("", name), _digest(hdfs.read(path))


def _digest(data: bytes) -> str:
    """What can be compared without a word about megabytes of difference."""
    return hashlib.sha256(data).hexdigest()
