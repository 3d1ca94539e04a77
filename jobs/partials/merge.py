"""Merging partial rows, and dealing them out to tasks by their device."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa

from jobs.partials.codes import dictionary_codes, pack, starts_of_runs, text_codes
from jobs.partials.hashing import text_hashes
from jobs.partials.schema import GROUP_BYTES, Merge, PartialSchema
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Int32Array, Int64Array

REDUCE: dict[Merge, Callable[[Int64Array, Int64Array], Int64Array]] = {
    "sum": np.add.reduceat,
    "min": np.minimum.reduceat,
    "max": np.maximum.reduceat,
}


def merge(schema: PartialSchema, tables: Sequence[pa.Table]) -> pa.Table:
    """The partial rows of all tables in no stated order: one for each key, unless they are single."""
    table = pa.concat_tables([schema.empty(), *tables])
    if schema.single or not len(table):
        return table
    codes: dict[str, Int64Array] = {}
    texts: dict[str, pa.Array] = {}
    for name in schema.keys:
        if pa.types.is_string(table.schema.field(name).type):
            codes[name], texts[name] = text_codes(table.column(name))
        else:
            codes[name] = integers(table.column(name))
    packed = pack(list(codes.values()))
    order = np.argsort(packed)
    starts = starts_of_runs(packed[order])
    firsts = order[starts]

    def column(field: pa.Field) -> pa.Array:
        if field.name in texts:
            row = codes[field.name][firsts]
            return texts[field.name].take(from_numpy(row, mask=row < 0))
        if field.name in codes:
            return from_numpy(codes[field.name][firsts]).cast(field.type)
        return from_numpy(REDUCE[schema.merges[field.name]](integers(table.column(field.name))[order], starts))

    return pa.Table.from_arrays([column(field) for field in schema.columns], schema=schema.columns)


def keep(
    kinds: Mapping[str, PartialSchema], held: dict[str, list[pa.Table]], more: Iterable[tuple[str, pa.Table]]
) -> None:
    """Takes partial rows in, merged whenever they have grown by half of a group table and to twice their size."""
    for kind, table in more:
        tables = held.setdefault(kind, [])
        tables.append(table)
        if len(tables) > 1 and sum(t.nbytes for t in tables[1:]) > max(GROUP_BYTES // 2, tables[0].nbytes):
            tables[:] = [merge(kinds[kind], tables)]


def integers(column: pa.ChunkedArray) -> Int64Array:
    """An integer column without nulls as an array."""
    array: Int64Array = column.to_numpy().astype(np.int64, copy=False)
    return array


def partition(table: pa.Table, n: int) -> list[pa.Table]:
    """The rows of each of n partitions: all rows of a device go to the one that a hash of its id names."""
    return list(_deal(table, n, np.uint64(32)))


def divide(blocks: Mapping[str, Sequence[pa.Table]], most: int) -> Iterator[dict[str, list[pa.Table]]]:
    """The tables by kind, in pieces of about `most` bytes; all rows of a device are in one piece.

    No more than one piece is copied at a time.
    """
    size = sum(table.nbytes for tables in blocks.values() for table in tables)
    n = 1 + size // most
    dealt = {kind: [_deal(table, n, np.uint64(0)) for table in tables] for kind, tables in blocks.items()}
    for _ in range(n):
        yield {kind: [next(parts) for parts in tables] for kind, tables in dealt.items()}


def _deal(table: pa.Table, n: int, bits: np.uint64) -> Iterator[pa.Table]:
    """The rows in n parts, by the 32 bits of the hash of the device from `bits` on."""
    if n == 1:
        yield table
    elif pa.types.is_dictionary(table.schema.field("device_id").type):
        yield from _deal_encoded(table, n, bits)
    else:
        order, ends = dealt(_numbers(table.column("device_id"), n, bits), n)
        for start, end in pairwise([0, *ends]):
            yield table.take(from_numpy(order[start:end]))


def _deal_encoded(table: pa.Table, n: int, bits: np.uint64) -> Iterator[pa.Table]:
    """The same where devices are dictionary-encoded; each part gets a dictionary of its own devices."""
    codes, devices = dictionary_codes(table.column("device_id"))
    numbers = _numbers(pa.chunked_array([devices]), n, bits)
    by_number, text_ends = dealt(numbers, n)
    place = np.empty(len(devices), np.int32)
    place[by_number] = np.arange(len(devices), dtype=np.int32)

    codes = codes.astype(np.int32)
    order, ends = dealt(numbers[codes], n)
    field, others = table.schema.field(0), table.select(table.column_names[1:])
    for (start, end), (low, high) in zip(pairwise([0, *ends]), pairwise([0, *text_ends]), strict=True):
        rows = order[start:end]
        own = pa.DictionaryArray.from_arrays(
            from_numpy(place[codes[rows]] - np.int32(low)), devices.take(from_numpy(by_number[low:high]))
        )
        yield others.take(from_numpy(rows)).add_column(0, field, own)


def _numbers(devices: pa.ChunkedArray, n: int, bits: np.uint64) -> Int64Array:
    """The part of each device."""
    scaled = ((text_hashes(devices) >> bits) & np.uint64(2**32 - 1)) * np.uint64(n)
    return (scaled >> np.uint64(32)).astype(np.int64)


def dealt(numbers: Int64Array, n: int) -> tuple[Int32Array, list[int]]:
    """The rows in the order of their partitions, and where each partition ends."""
    order = np.argsort(numbers.astype(np.uint16 if n <= 2**16 else np.int64), kind="stable")
    return order.astype(np.int32), np.cumsum(np.bincount(numbers, minlength=n)).tolist()
