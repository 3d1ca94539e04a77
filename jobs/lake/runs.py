"""Sorted runs: files of result rows that tasks wrote, merged by key in bounded memory."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.partials.codes import pack, text_ranks
from jobs.partials.images import to_images
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Int64Array

_HELD_ROWS = 1 << 17
_LEAST_ROWS = 2048


def read_run(*paths: str) -> Iterator[pa.Table]:
    """The rows of a run's files (Arrow IPC), batch by batch; no more is in memory than is held on to, and no file is
    open between batches, for a merge may have more runs than a process may have files."""
    for path in paths:
        for number in count():
            with pa.OSFile(path) as file:
                reader = pa.ipc.open_file(file)
                if number == reader.num_record_batches:
                    break
                batch = reader.get_batch(number)
            yield pa.Table.from_batches([batch])


def merge_runs(runs: Sequence[str | Sequence[str]], keys: Sequence[str]) -> Iterator[pa.Table]:
    """The rows of all runs, each a file or several, in the order of `keys`: texts by their UTF-8 bytes, nulls first.

    Each run must be in that order already. About an eighth of a million rows are held, and of each run two batches at
    most; half of them are merged while the half before is put to use. Rows of equal keys stand in no stated order: a
    result has none.
    """
    if pa.cpu_count() == 1:
        return _merged(runs, keys, _HELD_ROWS)
    return _one_ahead(_merged(runs, keys, _HELD_ROWS // 2))


def _one_ahead(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, tables, None)
        while (table := coming.result()) is not None:
            coming = thread.submit(next, tables, None)
            yield table


def _merged(runs: Sequence[str | Sequence[str]], keys: Sequence[str], held: int) -> Iterator[pa.Table]:
    rows = max(_LEAST_ROWS, held // max(len(runs), 1))
    cursors = [_Cursor((run,) if isinstance(run, str) else run, keys, rows) for run in runs]
    while cursors := [cursor for cursor in cursors if cursor.fill()]:
        bound = min((cursor.last for cursor in cursors if cursor.more), default=None)
        heads = [head for cursor in cursors if (head := cursor.take_to(bound)).num_rows]
        yield heads[0] if len(heads) == 1 else in_order(pa.concat_tables(heads).combine_chunks(), keys)


def whole_groups(tables: Iterable[pa.Table], keys: Sequence[str]) -> Iterator[pa.Table]:
    """The same rows, in the order of `keys` already, in tables none of which parts rows of equal keys."""
    held: pa.Table | None = None
    for table in tables:
        if not table.num_rows:
            continue
        held = table if held is None else pa.concat_tables([held, table])
        begin = _first_like_last(held, keys)
        if begin:
            yield held.slice(0, begin)
            held = held.slice(begin)
    if held is not None:
        yield held


def _first_like_last(table: pa.Table, keys: Sequence[str]) -> int:
    """Where the rows begin that have the keys of the last one."""
    low, high = 0, table.num_rows - 1
    last = _key(table, keys, high)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _key(table, keys, middle) == last else (middle + 1, high)
    return low


class _Cursor:
    """Where a run is: `last` is the key of the last row held; `more` are to come, unless the run is at its end."""

    def __init__(self, run: Sequence[str], keys: Sequence[str], rows: int) -> None:
        self._keys, self._rows = keys, rows
        self._batches = read_run(*run)
        self._held: pa.Table | None = None
        self.last: tuple[Any, ...] = ()
        self.more = True

    def fill(self) -> bool:
        """Hold so many rows, or what is left; whether there are any.

        Where all runs do so before each step, no step is a short one.
        """
        held = [] if self._held is None else [self._held]
        while self.more and sum(table.num_rows for table in held) < self._rows:
            batch = next(self._batches, None)
            self.more = batch is not None
            held += [] if batch is None else [batch]
        self._held = pa.concat_tables(held) if held else None
        if self._held is not None:
            self.last = self._key(self._held.num_rows - 1)
        return self._held is not None

    def take_to(self, bound: tuple[Any, ...] | None) -> pa.Table:
        """The rows held up to `bound`, or all."""
        assert self._held is not None
        rows = self._held.num_rows
        end = rows if bound is None else bisect_right(range(rows), bound, key=self._key)
        taken, self._held = self._held.slice(0, end), self._held.slice(end) if end < rows else None
        return taken

    def _key(self, row: int) -> tuple[Any, ...]:
        assert self._held is not None
        return _key(self._held, self._keys, row)


def _key(table: pa.Table, keys: Sequence[str], row: int) -> tuple[Any, ...]:
    return tuple(_comparable(table.column(name)[row].as_py()) for name in keys)


def _comparable(value: Any) -> tuple[Any, ...]:
    """A key's value as what compares like its rank: nulls first, texts by their bytes, -0.0 before 0.0."""
    if value is None:
        return ()
    if isinstance(value, float):
        return value, math.copysign(1, value)
    return (value.encode(),) if isinstance(value, str) else (value,)


def in_order(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """In the order of the keys. A stable sort makes use of the order that there is: it merges."""
    order = np.argsort(pack([_ranks(table.column(key)) for key in keys]), kind="stable")
    return table.take(from_numpy(order))


def _ranks(column: pa.ChunkedArray) -> Int64Array:
    """Integers that compare like the values, nulls first."""
    if pa.types.is_string(column.type):
        return text_ranks(column)[0]
    ranked = from_numpy(to_images(column.to_numpy())) if pa.types.is_floating(column.type) else column
    ranks: Int64Array = pc.rank(ranked, "ascending", tiebreaker="dense").to_numpy().astype(np.int64)
    ranks[pc.is_null(column).to_numpy()] = 0
    return ranks
