"""Writers of results: CSV, JSON lines, Parquet, and an aligned table for a terminal.

The bytes depend on the rows alone, not on how they were cut into tables.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Literal, Protocol, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from jobs.lake.spelling import csv_texts, is_plain_json, json_numbers, json_texts, spell

OutputFormat = Literal["table", "csv", "jsonl", "parquet"]

T = TypeVar("T")
R = TypeVar("R")

TEXT_ROWS = 32_768
ROW_GROUP_ROWS = 262_144
_WIDE_GROUP_ROWS = 32_768  # of rows with lists, which may be a hundred times as large


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: Any, /) -> Any: ...


class Writer(Protocol):
    """Writes the rows of tables of one schema, one after the other."""

    def write(self, table: pa.Table) -> None: ...

    def close(self) -> None:
        """Write what is held back; the sink stays open."""


def open_writer(
    output: OutputFormat,
    sink: Sink,
    schema: pa.Schema,
    keys: tuple[str, ...] = (),
    encodings: Mapping[str, str] | None = None,
) -> Writer:
    """A writer to `sink` of tables with that schema; `keys` are the columns by which the rows are sorted, `encodings`
    those of Parquet columns that have no dictionary."""
    if output == "csv":
        return CsvWriter(sink, schema)
    if output == "jsonl":
        return JsonLinesWriter(sink, schema)
    if output == "parquet":
        return ParquetWriter(sink, schema, keys, encodings or {})
    from jobs.lake.table_text import TableWriter

    return TableWriter(sink, schema)


class _LinesWriter:
    """Writes rows as lines of text; blocks are spelled side by side, on as many threads as Arrow has."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, table: pa.Table) -> None:
        blocks = (_one_batch(table.slice(at, TEXT_ROWS)) for at in range(0, table.num_rows, TEXT_ROWS))
        for lines in _in_parallel(self._lines, blocks, pa.cpu_count() if table.num_rows > TEXT_ROWS else 1):
            _put(self._sink, lines)

    def close(self) -> None:
        return

    def _lines(self, block: pa.RecordBatch) -> pa.StringArray:
        raise NotImplementedError


class CsvWriter(_LinesWriter):
    """A header; fields in quotes where RFC 4180 wants them; LF; null is an empty field, an empty text is `""`."""

    def __init__(self, sink: Sink, schema: pa.Schema) -> None:
        super().__init__(sink)
        names = csv_texts(pa.array(schema.names, pa.string())).to_pylist()
        sink.write((",".join(names) + "\n").encode())

    def _lines(self, block: pa.RecordBatch) -> pa.StringArray:
        fields = [csv_texts(spell(c)) if _is_text(c.type) else spell(c) for c in block.columns]
        fields[-1] = _joined([fields[-1], "\n"], "", null="")
        return _joined(fields, ",", null="")


class JsonLinesWriter(_LinesWriter):
    """An object a line, keys in column order, UTF-8; numbers are spelled as in CSV."""

    def __init__(self, sink: Sink, schema: pa.Schema) -> None:
        super().__init__(sink)
        names = json_texts(pa.array(schema.names, pa.string())).to_pylist()
        self._keys = [f"{',' if number else '{'}{name}:" for number, name in enumerate(names)]

    def _lines(self, block: pa.RecordBatch) -> pa.StringArray:
        parts: list[Any] = []
        quote = ""
        for key, column in zip(self._keys, block.columns, strict=True):
            before = quote + key
            quote = '"' if not _is_number(column.type) and not column.null_count and is_plain_json(column) else ""
            parts += [pa.scalar(before + quote), spell(column) if quote else _json_values(column)]
        return _joined([*parts, pa.scalar(quote + "}\n")], "", null="null")


class ParquetWriter:
    """Zstandard, row groups of 262,144 rows (32,768 of those with lists), statistics, timestamps in µs UTC."""

    def __init__(self, sink: Sink, schema: pa.Schema, keys: tuple[str, ...], encodings: Mapping[str, str]) -> None:
        import pyarrow.parquet as pq

        order = [pq.SortingColumn(schema.get_field_index(key), nulls_first=True) for key in keys]
        self._schema = schema
        wide = any(pa.types.is_nested(kind) for kind in schema.types)
        self._rows = _Rows(schema, _WIDE_GROUP_ROWS if wide else ROW_GROUP_ROWS)
        self._file = pq.ParquetWriter(
            sink,
            schema,
            version="2.6",
            compression="zstd",
            write_statistics=True,
            use_dictionary=[name for name in schema.names if name not in encodings] if encodings else True,
            column_encoding=dict(encodings) or None,
            sorting_columns=order or None,
        )

    def write(self, table: pa.Table) -> None:
        for block in self._rows.add(table):
            self._file.write_batch(block)

    def close(self) -> None:
        for block in self._rows.rest():
            self._file.write_batch(block)
        self._file.close()


class _Rows:
    """Rows cut anew into blocks of so many."""

    def __init__(self, schema: pa.Schema, rows: int) -> None:
        self._schema, self._block = schema, rows
        self._held: list[pa.Table] = []
        self._count = 0

    def add(self, table: pa.Table) -> Iterator[pa.RecordBatch]:
        self._held.append(table.cast(self._schema))
        self._count += table.num_rows
        if self._count >= self._block:
            held = pa.concat_tables(self._held)
            full = self._count - self._count % self._block
            for at in range(0, full, self._block):
                yield _one_batch(held.slice(at, self._block))
            self._held, self._count = [held.slice(full)], self._count - full

    def rest(self) -> Iterator[pa.RecordBatch]:
        if self._count:
            yield _one_batch(pa.concat_tables(self._held))
        self._held, self._count = [], 0


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    return table.combine_chunks().to_batches()[0]


def _in_parallel(work: Callable[[T], R], items: Iterable[T], at_once: int) -> Iterator[R]:
    """The results in order, with at most `at_once` under way."""
    if at_once == 1:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(at_once) as threads:
        coming: deque[Future[R]] = deque()
        for item in items:
            coming.append(threads.submit(work, item))
            if len(coming) > at_once:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind))


def _json_values(column: pa.Array) -> pa.StringArray:
    if pa.types.is_floating(column.type):
        return json_numbers(column)
    return spell(column) if _is_number(column.type) else json_texts(spell(column))


def _joined(parts: list[Any], separator: str, *, null: str) -> pa.StringArray:
    return pc.binary_join_element_wise(*parts, separator, null_handling="replace", null_replacement=null)


def _put(sink: Sink, lines: pa.StringArray) -> None:
    """Write texts one after the other: their bytes lie so in memory."""
    _, offsets, data = lines.buffers()
    first, last = lines.offset, lines.offset + len(lines)
    ends = memoryview(offsets).cast("B").cast("i")
    sink.write(memoryview(data)[ends[first] : ends[last]])
