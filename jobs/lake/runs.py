"""Sorted runs: files of result rows that tasks wrote, merged by key in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_HELD_ROWS = 1 << 19
_LEAST_ROWS = 4096


def read_run(path: str) -> Iterator[pa.Table]:
    """The rows of a run file (Arrow IPC), batch by batch, without copying them."""
    with pa.memory_map(path) as file:
        reader = pa.ipc.open_file(file)
        for number in range(reader.num_record_batches):
            yield pa.Table.from_batches([reader.get_batch(number)])


def merge_runs(paths: Sequence[str], keys: Sequence[str]) -> Iterator[pa.Table]:
    """The rows of all runs in the order of `keys`: texts by their UTF-8 bytes, nulls first.

    Each run must be in that order already. At most about half a million rows are held, however many runs there are.
    Rows of equal keys stand in no stated order: a result has none.
    """
    slice_rows = max(_LEAST_ROWS, _HELD_ROWS // max(len(paths), 1))
    cursors = [_Cursor(path, keys, slice_rows) for path in paths]
    while cursors := [cursor for cursor in cursors if cursor.fill()]:
        if len(cursors) == 1:
            yield from cursors[0].rest()
            return
        bound = min(cursor.last for cursor in cursors)
        heads = [head for cursor in cursors if (head := cursor.take_to(bound)).num_rows]
        yield heads[0] if len(heads) == 1 else in_order(pa.concat_tables(heads), keys)


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
    """Where a run is: `last` is the key of the last row held."""

    def __init__(self, path: str, keys: Sequence[str], slice_rows: int) -> None:
        self._keys = keys
        self._slices = (
            batch.slice(at, slice_rows) for batch in read_run(path) for at in range(0, len(batch), slice_rows)
        )
        self._held: pa.Table | None = None
        self.last: tuple[Any, ...] = ()

    def fill(self) -> bool:
        """Hold rows; whether there are any left."""
        if self._held is None:
            self._held = next(self._slices, None)
            if self._held is not None:
                self.last = self._key(self._held.num_rows - 1)
        return self._held is not None

    def take_to(self, bound: tuple[Any, ...]) -> pa.Table:
        """The rows held up to `bound`."""
        assert self._held is not None
        low, high = 0, self._held.num_rows
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self._key(middle) <= bound else (low, middle)
        taken, self._held = self._held.slice(0, low), self._held.slice(low) if low < self._held.num_rows else None
        return taken

    def rest(self) -> Iterator[pa.Table]:
        assert self._held is not None
        return chain([self._held], self._slices)

    def _key(self, row: int) -> tuple[Any, ...]:
        assert self._held is not None
        return _key(self._held, self._keys, row)


def _key(table: pa.Table, keys: Sequence[str], row: int) -> tuple[Any, ...]:
    return tuple(_comparable(table.column(name)[row].as_py()) for name in keys)


def _comparable(value: Any) -> tuple[Any, ...]:
    """A key's value as what compares like Arrow's: nulls first, texts by their bytes."""
    if value is None:
        return ()
    return (value.encode(),) if isinstance(value, str) else (value,)


def in_order(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """In the order of the keys, nulls first: whether there is a value is a key before the value."""
    columns: dict[str, pa.ChunkedArray] = {}
    for number, column in enumerate(table.column(key) for key in keys):
        if column.null_count:
            columns[f"is valid {number}"] = pc.is_valid(column)
        columns[f"value {number}"] = column
    order = pc.sort_indices(pa.table(columns), sort_keys=[(name, "ascending") for name in columns])
    return table.take(order)
