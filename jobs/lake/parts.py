"""A result as part files: cut by the number of rows or bytes, never by task, and hashed as they are written."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from jobs.errors import JobError
from jobs.lake import writers
from jobs.lake.durable import step
from jobs.lake.manifest import Part, part_name
from jobs.lake.writers import OutputFormat, Sink, Writer, open_writer
from jobs.partials.codes import starts_of_runs

PART_ROWS = 1 << 20
"""The rows of every part but the last."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A result with a folder `dt=YYYY-MM-DD` for each day.

    column: the first column, the day by which the rows are sorted before all; it names the folder and is not written.
    target_size: bytes; a file ends with the row group with which it reaches them. keys: how rows of a day are sorted.
    encodings: those of Parquet columns that a dictionary would make larger.
    """

    column: str
    target_size: int
    keys: tuple[str, ...]
    encodings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PartFile:
    """A part that lies in `path`, complete and on the disk, the `number`-th of its `folder` (`dt=…/`, or none)."""

    path: Path
    folder: str
    number: int
    size: int
    rows: int
    sha256: str

    @property
    def keeps_name(self) -> bool:
        """Whether it bears a name without the run's id where it is the only one."""
        return not self.folder

    def named(self, output: str, run_id: str | None) -> Part:
        return Part(self.folder + part_name(self.number, output, run_id), self.size, self.rows, self.sha256)


def write_parts(
    folder: Path,
    tables: Iterable[pa.Table],
    schema: pa.Schema,
    output: OutputFormat,
    keys: Sequence[str] = (),
    layout: Layout | None = None,
) -> Iterator[PartFile]:
    """Write the rows of all tables into part files of `folder`; at least one, be it without rows."""
    order, encodings = (tuple(keys), None) if layout is None else (layout.keys, layout.encodings)
    file = _PartWriter(folder, output, lambda sink: open_writer(output, sink, schema, order, encodings))
    if layout is None:
        yield from file.write("", _in_steps(tables, PART_ROWS), lambda rows, _: rows >= PART_ROWS)
        return
    by_day = groupby(_days(tables, layout.column), itemgetter(0))
    empty = True
    for day, found in by_day:
        place, empty = f"dt={day}/", False
        (folder / place).mkdir()
        steps = _in_steps((table for _, table in found), writers.ROW_GROUP_ROWS)
        yield from file.write(place, steps, lambda _, size: size >= layout.target_size)
    if empty:
        yield from file.write("", iter(()), lambda rows, size: False)


@contextmanager
def on_the_way(scratch: Path, run_id: str) -> Iterator[Path]:
    """Where parts lie on their way to a storage elsewhere. Raises JobError where they cannot be written there."""
    folder = scratch / f"publish-{run_id}"
    try:
        folder.mkdir(parents=True)
        yield folder
    except OSError as error:
        raise JobError(f"cannot be written: {error.strerror}", where=str(folder)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def named(written: Iterator[PartFile], output: str, run_id: str) -> Iterator[tuple[PartFile, Part]]:
    """Part files with their names: the only one of a result bears none of its run."""
    first, second = next(written), next(written, None)
    mark = None if second is None and first.keeps_name else run_id
    for file in chain([first], [] if second is None else [second], written):
        yield file, file.named(output, mark)


class _PartWriter:
    """Writes part files below `folder`."""

    def __init__(self, folder: Path, output: OutputFormat, opened: Callable[[Sink], Writer]) -> None:
        self._folder, self._output, self._open = folder, output, opened

    def write(self, place: str, steps: Iterator[pa.Table], is_full: Callable[[int, int], bool]) -> Iterator[PartFile]:
        """The parts of one folder; a part ends after the first step with which its rows and bytes are enough."""
        number = 0
        table = next(steps, None)
        while table is not None or number == 0:
            path = self._folder / f"{place}{number:05d}.{self._output}"
            with step("publish.part"), path.open("xb") as file:
                sink = _HashedFile(file)
                writer = self._open(sink)
                rows = 0
                while table is not None and not (rows and is_full(rows, sink.size)):
                    writer.write(table)
                    rows += table.num_rows
                    table = next(steps, None)
                writer.close()
                file.flush()
                os.fsync(file.fileno())
            yield PartFile(path, place, number, sink.size, rows, sink.digest.hexdigest())
            number += 1


def _in_steps(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The same rows, cut wherever so many are full."""
    room = rows
    for table in tables:
        at = 0
        while at < table.num_rows:
            taken = table.slice(at, room)
            yield taken
            at += taken.num_rows
            room = (room - taken.num_rows) or rows


def _days(tables: Iterable[pa.Table], column: str) -> Iterator[tuple[str, pa.Table]]:
    """The rows without their day, which stands before them; each table is of one."""
    for table in tables:
        days = table.column(column).to_numpy().astype("datetime64[D]").astype(np.int64)
        rest = table.drop_columns([column])
        starts = starts_of_runs(days).tolist()
        for start, end in zip(starts, [*starts[1:], len(days)], strict=True):
            yield table.column(column)[start].as_py().isoformat(), rest.slice(start, end - start)


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
