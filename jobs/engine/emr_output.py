"""What the steps of a run on Amazon EMR gave, from S3: read as input is, so that a connection that breaks is taken up
where it broke; and what the driver of a twin said there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jobs.engine.applications import SUBMITTED
from jobs.errors import InputError, JobError, MissingError
from jobs.lake import storage
from jobs.lake.storage import ObjectInfo

_HADOOPS_OWN = ("_", ".")


def parts(folder: str) -> list[ObjectInfo]:
    """The parts in their order. Raises JobError where S3 does not tell."""
    with _told():
        try:
            return storage.expand(f"{folder.rstrip('/')}/", lambda name: not name.startswith(_HADOOPS_OWN))
        except MissingError:
            return []


def read(folder: str) -> Iterator[bytes]:
    """The bytes of all parts, and an empty piece between two of them, as mrjob has it. Raises JobError for what cannot
    be read."""
    from mrjob.cat import decompress

    found = parts(folder)
    with _told(), storage.prefetch(found):
        for number, part in enumerate(found):
            if number:
                yield b""
            with storage.open_range(part) as reader:
                yield from decompress(storage.pieces(reader), part.uri)


def driver_said(files: Any, logs: str, step: str, stream: str) -> str:
    """What the driver of a Spark step wrote, from the cluster's logs, which have those of other steps too. files: of
    mrjob's runner; logs: their folder in S3."""
    submitted = SUBMITTED.search(_logged(files, f"{logs}steps/{step}/", re.compile(r"/stderr(\.gz)?$")))
    if submitted is None:
        return ""
    return _logged(files, f"{logs}containers/{submitted[1]}/", re.compile(rf"/container_\w+_000001/{stream}(\.gz)?$"))


def _logged(files: Any, folder: str, wanted: re.Pattern[str]) -> str:
    found = sorted(uri for uri in files.ls(folder) if wanted.search(uri))
    return b"".join(part for uri in found for part in files.cat(uri)).decode("utf-8", "replace")


@contextmanager
def _told() -> Iterator[None]:
    """What keeps us from them is no fault of the job's input."""
    try:
        yield
    except InputError as error:
        raise JobError(error.what, where=error.where, fix=error.fix) from None
