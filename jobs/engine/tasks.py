"""What map and reduce tasks do, whichever engine started them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import pyarrow as pa

from jobs.engine import progress
from jobs.engine.plan import Split
from jobs.engine.reading import SplitReader
from jobs.engine.report import Report, RunFile
from jobs.engine.resuming import Merging, ResultReader
from jobs.engine.run import Run
from jobs.engine.shuffle import Aside, BlockWriter, block_size, read_block
from jobs.errors import JobError
from jobs.partials import days, slices
from jobs.partials.merge import divide, keep, merge, partition
from jobs.partials.schema import GROUP_BYTES, Accumulator
from jobs.partials.slices import Collected
from jobs.partials.walks import without_repeats
from jobs.readings.kernel_keys import new_keys
from jobs.readings.model import Keys

if TYPE_CHECKING:
    from jobs.engine.declaration import Declaration

REPORT_KEY = b"report"
ROWS_MARK = "rows"
BATCH_ROWS = 65_536
_LINE_ROWS = 8_192  # rows that travel in one line: well below 2 MB
_RUN_ROWS = 4_096  # rows of a sorted run that a merge holds at least
PIECE_BYTES = 12 << 20
"""A reduce task merges and finishes its rows in pieces of about this much: each takes several times its size."""
_MOST_PIECES = 1000

Pair = tuple[bytes, bytes]
T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class Held(Protocol[T_contra]):
    """What map tasks put batches into between flushes."""

    def add(self, batch: T_contra, /) -> None: ...
    def flush(self) -> Iterator[tuple[str, pa.Table]]: ...
    @property
    def nbytes(self) -> int: ...


class MapTask:
    """One map task: splits in; blocks of partial rows by partition, or files of rows, out."""

    def __init__(self, job: type[Declaration], run: Run) -> None:
        run.provide_zones()
        self._job, self._run = job, run
        self._name = attempt("map")
        self._blocks = BlockWriter(run.carrier, Path(run.scratch) / f"{self._name}.blocks")
        keys = new_keys(run.kernel)
        self._reader = SplitReader(job, run, keys, self._blocks)
        self._earlier = ResultReader(job, run, self._reader.report) if run.resumed else None
        self._merging = Merging(job.PARTIALS)
        self._accumulator: Accumulator | None = None
        if job.PARTIALS and not run.resumed and not job.counts_objects(run.settings):
            self._accumulator = Collected(keys, job.COLLECTED) if run.ordered else job.accumulator(run, keys)
        self._absences = job.absences(run, keys) if self._reader.absent else None

    def split(self, line: bytes) -> Iterator[Pair]:
        split = Split.loads(line)
        try:
            yield from self._split(split)
        except JobError:
            raise
        except Exception as error:
            named = list(dict.fromkeys(piece.object.uri for piece in split.pieces))
            more = f" and {len(named) - 1} more" if len(named) > 1 else ""
            error.add_note(f"in split {split.index}: {''.join(named[:1])}{more}")
            raise

    def _split(self, split: Split) -> Iterator[Pair]:
        if split.table is not None:
            kind, block = split.table
            yield from deal(self._job, self._run, self._blocks, kind, read_block(block))
            return
        if self._earlier is not None:
            for partials in self._earlier.read(split):
                yield from self._add(partials, self._merging)
        elif self._job.PARTIALS:
            for readings in self._reader.read(split):
                held = self._accumulator if readings.absence is None else self._absences
                if held is not None:
                    yield from self._add(readings, held)
        else:
            yield from self._rows(split)

    def close(self) -> Iterator[Pair]:
        yield from self._flush(self._merging)
        for held in (self._accumulator, self._absences):
            if held is not None:
                yield from self._flush(held)
        yield REPORT_KEY, self._reader.close().dumps().encode()

    def counts(self) -> dict[str, int]:
        """What has been read so far, by name, for a cluster's counters."""
        report = self._reader.report
        rejects = {f"rejects: {reason}": number for reason, number in report.tally.rejects.items()}
        return {"bytes": report.size, "readings": report.tally.readings, **rejects}

    def _add(self, batch: T, held: Held[T]) -> Iterator[Pair]:
        held.add(batch)
        if held.nbytes > GROUP_BYTES:
            yield from self._flush(held)

    def _flush(self, held: Held[T]) -> Iterator[Pair]:
        in_order: object = self._accumulator if self._run.ordered else None
        for kind, table in held.flush():
            for key, value in deal(self._job, self._run, self._blocks, kind, table, labelled=held is in_order):
                self._reader.report.shuffled += block_size(value.decode().partition("\t")[2])
                yield key, value

    def _rows(self, split: Split) -> Iterator[Pair]:
        tables = (self._job.rows(self._run, readings) for readings in self._reader.read(split))
        key = b"rows-%06d" % split.index
        for line in ship(self._run, self._job.schema(self._run.settings), tables, split.index, self._name):
            yield key, line


class ReduceTask:
    """One reduce task: the blocks of a partition in; out come sorted runs of result rows, whose lines are the manifest,
    or, before another stage, blocks of partial rows again."""

    def __init__(self, job: type[Declaration], run: Run, stage: int) -> None:
        run.provide_zones()
        self._job, self._run, self._stage = job, run, stage
        self._name = attempt("reduce")
        self._blocks = BlockWriter(run.carrier, Path(run.scratch) / f"{self._name}.blocks")

    def partition(self, key: bytes, values: Iterable[bytes]) -> Iterator[tuple[bytes | None, bytes]]:
        is_last = self._stage == self._run.stages - 1
        if not key.isdigit():  # a report, or rows of a job that has nothing to merge
            yield from ((None if is_last else key, value) for value in values)
            return
        first, values = _first_of(values)
        kind = first.decode().partition("\t")[0]
        if is_last and _is_by_day(self._job, kind):
            yield from self._days(int(key), kind, values)
            return
        blocks: dict[str, list[pa.Table]] = {}
        if self._run.ordered and self._stage == 0:
            report = walk_through(self._job, self._run, _labelled_only(self._job, values, blocks), blocks)
            yield None if is_last else REPORT_KEY, report.dumps().encode()
        else:
            for value in values:
                kind, text = value.decode().split("\t", 1)
                blocks.setdefault(kind, []).append(read_block(text))
        for piece, part in enumerate(divide(blocks, PIECE_BYTES)):
            progress.alive()
            merged = {kind: merge(self._job.PARTIALS[kind], tables) for kind, tables in part.items()}
            if is_last:
                tables = self._job.finish_in_pieces(self._run, merged)
                first, order = next(tables), int(key) * _MOST_PIECES + piece
                rows = (chunk for table in chain([first], tables) for chunk in _chunks(table, _RUN_ROWS))
                yield from ((None, line) for line in ship(self._run, first.schema, rows, order, self._name))
            else:
                for kind, table in self._job.regroup(self._run, merged).items():
                    yield from deal(self._job, self._run, self._blocks, kind, table)

    def _days(self, number: int, kind: str, values: Iterable[bytes]) -> Iterator[tuple[None, bytes]]:
        """Readings of whole days, which may be more than memory holds."""
        with Aside(self._run.scratch if self._run.carrier == "reference" else None) as aside:
            loads = [aside.keep(value.decode().partition("\t")[2]) for value in values]
            pieces = days.pieces(loads, PIECE_BYTES, aside.put)
            rows = (self._job.finish(self._run, {kind: piece}) for piece in pieces)
            schema, order = self._job.schema(self._run.settings), number * _MOST_PIECES
            yield from ((None, line) for line in ship(self._run, schema, rows, order, self._name))


def deal(
    job: type[Declaration], run: Run, blocks: BlockWriter, kind: str, rows: pa.Table, *, labelled: bool = False
) -> Iterator[Pair]:
    """Partial rows on their way to their partitions; labelled ones are readings, which arrive in the order of time."""
    by_day = not labelled and _is_by_day(job, kind)
    for number, part in enumerate((days.partition if by_day else partition)(rows, run.partitions)):
        key = b"%05d" % number
        if labelled:
            for first, block in slices.blocks(part):
                yield key, f"{slices.label(first)}\t{blocks.write(block)}".encode()
        elif part.num_rows:
            yield from ((key, f"{kind}\t{text}".encode()) for text in blocks.fitting(part))


def walk_through(job: type[Declaration], run: Run, values: Iterable[bytes], held: dict[str, list[pa.Table]]) -> Report:
    """Fills `held` with the partial rows of labelled blocks, which come in the order of time; what was left out."""
    keys, report = Keys(), Report()
    walk = job.walk(run, keys)
    for now in slices.slices(map(_labelled, values), keys):
        distinct = without_repeats(now) if run.settings.deduplicate else now
        report.repeats += len(now) - len(distinct)
        keep(job.PARTIALS, held, walk.step(distinct))
    keep(job.PARTIALS, held, walk.close())
    return report


def _labelled_only(job: type[Declaration], values: Iterable[bytes], held: dict[str, list[pa.Table]]) -> Iterator[bytes]:
    """The labelled blocks; partial rows of a table that the driver put into the shuffle are put into `held`."""
    for value in values:
        kind, text = value.decode().split("\t", 1)
        if kind in job.PARTIALS:
            held.setdefault(kind, []).append(read_block(text))
        else:
            yield value


def _labelled(value: bytes) -> slices.Block:
    first, text = value.decode().split("\t", 1)
    return slices.unlabel(first), partial(read_block, text)


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


def set_aside(run: Run, table: pa.Table) -> str:
    """Keep a table of a task's for the driver's `conclude`; the text that `read_block` finds it by."""
    return BlockWriter(run.carrier, Path(run.scratch) / f"{attempt('aside')}.blocks").write(table)


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


def _is_by_day(job: type[Declaration], kind: str) -> bool:
    return kind in job.PARTIALS and job.PARTIALS[kind].by_day


def _first_of(values: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first of values, and all of them."""
    rest = iter(values)
    first = next(rest)
    return first, chain([first], rest)


def attempt(role: str) -> str:
    """A name for this attempt's files that no other attempt has."""
    return f"{role}-{os.getpid()}-{secrets.token_hex(8)}"
