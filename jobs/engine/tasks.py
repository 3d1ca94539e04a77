"""What map and reduce tasks do, whichever engine started them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from jobs.engine.plan import Split
from jobs.engine.reading import SplitReader
from jobs.engine.report import Report, RunFile
from jobs.engine.run import Run
from jobs.engine.shuffle import BlockWriter, read_block
from jobs.partials.merge import divide, merge, partition
from jobs.readings.kernel_keys import new_keys

if TYPE_CHECKING:
    from jobs.engine.job import SensorJob

REPORT_KEY = b"report"
GROUP_BYTES = 96 << 20
"""A task's group table is flushed when it holds this much, so that memory does not grow with the input."""

ROWS_MARK = "rows"
BATCH_ROWS = 65_536
_LINE_ROWS = 8_192  # rows that travel in one line: well below 2 MB
PIECE_BYTES = 24 << 20
"""A reduce task merges and finishes its rows in pieces of about this much: each takes several times its size."""
_MOST_PIECES = 1000

Pair = tuple[bytes, bytes]


class MapTask:
    """One map task: splits in; blocks of partial rows by partition, or files of rows, out."""

    def __init__(self, job: type[SensorJob], run: Run) -> None:
        run.provide_zones()
        self._job, self._run = job, run
        self._name = attempt("map")
        self._blocks = BlockWriter(run.carrier, Path(run.scratch) / f"{self._name}.blocks")
        keys = new_keys(run.kernel)
        self._reader = SplitReader(run, keys, self._blocks, ordered=not job.PARTIALS)
        self._accumulator = job.accumulator(run, keys) if job.PARTIALS else None

    def split(self, line: bytes) -> Iterator[Pair]:
        split = Split.loads(line)
        if self._accumulator is None:
            yield from self._rows(split)
            return
        for readings in self._reader.read(split):
            self._accumulator.add(readings)
            if self._accumulator.nbytes > GROUP_BYTES:
                yield from self._flush()

    def close(self) -> Iterator[Pair]:
        if self._accumulator is not None:
            yield from self._flush()
        yield REPORT_KEY, self._reader.close().dumps().encode()

    def _flush(self) -> Iterator[Pair]:
        assert self._accumulator is not None
        for kind, table in self._accumulator.flush():
            for number, part in enumerate(partition(table, self._run.partitions)):
                if part.num_rows:
                    yield b"%05d" % number, f"{kind}\t{self._blocks.write(part)}".encode()

    def _rows(self, split: Split) -> Iterator[Pair]:
        tables = (self._job.rows(self._run, readings) for readings in self._reader.read(split))
        key = b"rows-%06d" % split.index
        for line in ship(self._run, self._job.schema(self._run.settings), tables, split.index, self._name):
            yield key, line


class ReduceTask:
    """One reduce task: the blocks of a partition in, sorted runs of result rows out; its lines are the manifest."""

    def __init__(self, job: type[SensorJob], run: Run) -> None:
        run.provide_zones()
        self._job, self._run = job, run
        self._name = attempt("reduce")

    def partition(self, key: bytes, values: Iterable[bytes]) -> Iterator[bytes]:
        if not key.isdigit():  # a report, or rows of a job that has nothing to merge
            yield from values
            return
        blocks: dict[str, list[pa.Table]] = {}
        for value in values:
            kind, text = value.decode().split("\t", 1)
            blocks.setdefault(kind, []).append(read_block(text))
        for piece, part in enumerate(divide(blocks, PIECE_BYTES)):
            merged = {kind: merge(self._job.PARTIALS[kind], tables) for kind, tables in part.items()}
            result = self._job.finish(self._run, merged)
            yield from ship(self._run, result.schema, [result], int(key) * _MOST_PIECES + piece, self._name)


def ship(run: Run, schema: pa.Schema, tables: Iterable[pa.Table], order: int, name: str) -> Iterator[bytes]:
    """Send result rows to the driver: the report that names a file in the scratch, or the rows themselves in lines.

    The lines of one run sort into the order of its rows.
    """
    if run.carrier == "inline":
        blocks = BlockWriter("inline", Path())
        chunks = (chunk for table in tables for chunk in _chunks(table, _LINE_ROWS))
        for number, chunk in enumerate(chunks):
            yield f"{ROWS_MARK}\t{order:06d}\t{number:09d}\t{blocks.write(chunk)}".encode()
        return
    path = Path(run.scratch) / f"{name}-{order:06d}.arrow"
    rows = write_run(schema, tables, path)
    yield Report(runs=[RunFile(order, str(path), rows)]).dumps().encode()


def receive(line: bytes, folder: Path) -> Report:
    """What a line of the tasks' output says; rows that travelled in it are put into a run file in `folder`."""
    if not line.startswith(ROWS_MARK.encode() + b"\t"):
        return Report.loads(line)
    _, order, number, block = line.decode().split("\t", 3)
    path = folder / f"received-{order}-{number}.arrow"
    table = read_block(block)
    rows = write_run(table.schema, [table], path)
    return Report(runs=[RunFile(int(order), str(path), rows, int(number))])


def write_run(schema: pa.Schema, tables: Iterable[pa.Table], path: Path) -> int:
    """Write a run as an Arrow IPC file of batches that a merge can take in turn; how many rows it has."""
    rows = 0
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as out:
        for table in tables:
            out.write_table(table, max_chunksize=BATCH_ROWS)
            rows += table.num_rows
    return rows


def _chunks(table: pa.Table, rows: int) -> Iterator[pa.Table]:
    yield from (table.slice(begin, rows) for begin in range(0, table.num_rows, rows))


def attempt(role: str) -> str:
    """A name for this attempt's files that no other attempt has."""
    return f"{role}-{os.getpid()}-{secrets.token_hex(8)}"
