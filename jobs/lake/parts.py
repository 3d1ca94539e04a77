"""A result as part files: cut by the number of rows, never by task, and hashed as they are written."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from jobs.lake.durable import step
from jobs.lake.manifest import Part
from jobs.lake.writers import OutputFormat, open_writer

PART_ROWS = 1 << 20
"""The rows of every part but the last."""


@dataclass(frozen=True, slots=True)
class PartFile:
    """A part that lies in `path`, complete and on the disk."""

    path: Path
    size: int
    rows: int
    sha256: str

    def named(self, name: str) -> Part:
        return Part(name, self.size, self.rows, self.sha256)


def write_parts(
    folder: Path, tables: Iterable[pa.Table], schema: pa.Schema, output: OutputFormat, keys: Sequence[str] = ()
) -> Iterator[PartFile]:
    """Write the rows of all tables into part files of `folder`; at least one, be it without rows."""
    rest = _in_steps(tables)
    number = 0
    table = next(rest, None)
    while table is not None or number == 0:
        path = folder / f"{number:05d}.{output}"
        with step("publish.part"), path.open("xb") as file:
            sink = _HashedFile(file)
            writer = open_writer(output, sink, schema, tuple(keys))
            rows = 0
            while table is not None and rows < PART_ROWS:
                writer.write(table)
                rows += table.num_rows
                table = next(rest, None)
            writer.close()
            file.flush()
            os.fsync(file.fileno())
        yield PartFile(path, sink.size, rows, sink.digest.hexdigest())
        number += 1


def _in_steps(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows, cut where a part ends."""
    room = PART_ROWS
    for table in tables:
        at = 0
        while at < table.num_rows:
            taken = table.slice(at, room)
            yield taken
            at += taken.num_rows
            room = (room - taken.num_rows) or PART_ROWS


class _HashedFile(io.RawIOBase):
    """Passes bytes on to a file; `digest` and `size` are of all of them."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.size

    def write(self, data: Any, /) -> int:
        view = memoryview(data)
        self._file.write(view)
        self.digest.update(view)
        self.size += view.nbytes
        return view.nbytes
