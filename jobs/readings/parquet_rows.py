"""Parquet objects: row groups to readings. A record is a row; its place is the row group and the row within it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
from pyarrow import types

from jobs.errors import InputError
from jobs.readings.batch import BATCH_ROWS, Batch, in_batches
from jobs.readings.compression import Damage
from jobs.readings.dialect import Dialect
from jobs.readings.model import Readings
from jobs.readings.parquet_columns import TypedColumns, is_text
from jobs.readings.part import Part, Sink
from jobs.readings.record import Roles, bind, referenced
from jobs.readings.timestamps import DAY, TimeReader
from jobs.readings.typed_times import TypedTimes, typed_times

if TYPE_CHECKING:
    import pyarrow.parquet as pq

T = TypeVar("T")

_BUFFER = 1 << 20  # bytes of each column read ahead
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RowGroup:
    """A row group as plans see it. size: compressed bytes of the columns that the dialect uses, or of all where it does
    not fit. first, last: µs UTC, no reading is earlier or later; None where the object does not tell."""

    rows: int
    size: int
    first: int | None
    last: int | None


def parquet_layout(file: Any, dialect: Dialect, uri: str = "") -> list[RowGroup]:
    """The row groups of a Parquet object; `file` is what PyArrow can seek in. Raises InputError for all others."""
    opened = open_parquet(file, uri)
    metadata, leaves = opened.metadata, dict(_leaves(opened.schema_arrow))
    chunks = {metadata.schema.column(i).path: i for i in range(metadata.num_columns)}
    named = referenced(dialect)
    fits = chunks.keys() >= set(named) - set(dialect.optional)  # else it may be read as something else than a log
    used = [chunks[name] for name in named if name in chunks] if fits else list(chunks.values())
    time, times = None, None
    if len(dialect.timestamp.columns) == 1 and dialect.timestamp.columns[0] in leaves:
        time = chunks.get(dialect.timestamp.columns[0])
        times = typed_times(leaves[dialect.timestamp.columns[0]], TimeReader(dialect.timestamp, 0))
    found = []
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        size = sum(group.column(index).total_compressed_size for index in used)
        limits = None if time is None or times is None else _limits(group.column(time), times)
        found.append(RowGroup(group.num_rows, size, *(limits or (None, None))))
    return found


def read_parquet(source: Any, part: Part, dialect: Dialect, sink: Sink) -> Iterator[Readings]:
    """The readings of a part's row groups, as `reader.read_part` gives them.

    `source`: what PyArrow can seek in. Offsets of readings are rows of the object, those of rejects rows of their row
    group, whose number, from 0, is the line. Only the columns that the dialect uses are read.
    Raises InputError for what is no Parquet or lacks a column, Damage for a row group that cannot be decoded.
    """
    file = open_parquet(source, part.uri)
    leaves = list(_leaves(file.schema_arrow))
    kinds = [kind for _, kind in leaves]
    roles = bind(dialect, [name for name, _ in leaves], part.uri, sink.run_start)
    times = None
    if roles.time is not None and len(roles.time_columns) == 1:
        times = typed_times(kinds[roles.time_columns[0]], roles.time)
    reader = TypedColumns(roles, sink.keys, times, sink.run_start)
    keys = [roles.names[index] for index in reader.key_columns if is_text(kinds[index])]
    rows = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    file = open_parquet(source, part.uri, metadata=file.metadata, read_dictionary=keys)
    for number in range(len(rows)) if part.row_groups is None else part.row_groups:
        yield from _read_group(_Group(file, part.uri, number, sum(rows[:number])), reader, roles, sink)


def decoded(
    file: pq.ParquetFile,
    uri: str,
    number: int,
    columns: Sequence[str],
    rows: int,
    prepare: Callable[[pa.RecordBatch], T],
) -> Iterator[T]:
    """The columns of a row group, so many rows at a time, prepared. Raises Damage, also for what cannot be prepared,
    and InputError where there is no such group."""
    groups = file.metadata.num_row_groups
    if number >= groups:
        raise InputError(f"has no row group {number}: it changed while it was read", where=uri)
    row = sum(file.metadata.row_group(earlier).num_rows for earlier in range(number))
    try:
        for batch in file.iter_batches(rows, [number], list(columns), use_threads=False):
            yield prepare(batch)
            row += len(batch)
    except (pa.ArrowException, OSError) as error:
        if getattr(error, "errno", None):
            raise
        raise Damage(row, f"corrupt Parquet data in row group {number} ({error})") from error


@dataclass(frozen=True, slots=True)
class _Group:
    file: pq.ParquetFile
    uri: str
    number: int
    first_row: int

    def batches(self, roles: Roles, reader: TypedColumns) -> Iterator[dict[int, pa.Array]]:
        """The needed columns, prepared. Raises Damage."""
        names = {index: roles.names[index] for index in roles.needed}

        def prepare(batch: pa.RecordBatch) -> dict[int, pa.Array]:
            arrays = dict(zip(batch.schema.names, batch.columns, strict=True))
            return reader.prepare({index: _leaf(arrays, name) for index, name in names.items()})

        return decoded(self.file, self.uri, self.number, list(names.values()), BATCH_ROWS, prepare)


def _read_group(group: _Group, reader: TypedColumns, roles: Roles, sink: Sink) -> Iterator[Readings]:
    row = 0
    for columns in group.batches(roles, reader):
        size = len(next(iter(columns.values())))
        first = group.first_row + row
        found, sure = reader.read(columns, np.arange(first, first + size, dtype=np.int64), sink)
        for readings in found:
            yield from in_batches(readings)
        rest = Batch(sink, roles.has_quality)
        for doubtful in np.flatnonzero(~sure).tolist():
            record, raw = reader.record(columns, doubtful)
            rest.add(record, row + doubtful, group.number, raw)
        for readings in rest.take():
            readings.offset += group.first_row
            yield readings
        row += size


def open_parquet(source: Any, uri: str, **options: Any) -> pq.ParquetFile:
    """What PyArrow can seek in as a Parquet file. Raises InputError for what is none."""
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(source, buffer_size=_BUFFER, page_checksum_verification=True, **options)
    except (pa.ArrowException, OSError) as error:
        if getattr(error, "errno", None):
            raise
        raise InputError(
            f"is no whole Parquet file ({error})", where=uri or None, fix="look whether it was written to its end"
        ) from None


def _leaves(fields: Iterable[pa.Field], around: str = "") -> Iterator[tuple[str, pa.DataType]]:
    """The names and types of columns; names of a structure's fields have a dot between."""
    for field in fields:
        if types.is_struct(field.type):
            yield from _leaves(field.type, f"{around}{field.name}.")
        else:
            yield around + field.name, field.type


def _leaf(columns: Mapping[str, pa.Array], name: str) -> pa.Array:
    if name in columns:
        return columns[name]
    outer = next(outer for outer in columns if name.startswith(f"{outer}."))
    fields = [field.name for field in columns[outer].type]
    return _leaf(dict(zip(fields, columns[outer].flatten(), strict=True)), name.removeprefix(f"{outer}."))


def _limits(column: pq.ColumnChunkMetaData, times: TypedTimes) -> tuple[int, int] | None:
    """The first and last instant that a column chunk may hold, in µs UTC, by its statistics."""
    statistics = column.statistics
    if statistics is None or not statistics.has_min_max:
        return None
    first, last = (_instant(value, times) for value in (statistics.min, statistics.max))
    if first is None or last is None:
        return None
    slack = DAY if times.local and times.reader.zone.name != "UTC" else 0
    return first - slack, last + slack


def instant(value: object) -> int | None:
    """A time from the statistics of a column, in µs since 1970 UTC; None for anything else."""
    if isinstance(value, datetime):
        return int((value.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1))
    return None


def _instant(value: object, times: TypedTimes) -> int | None:
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return (value - _EPOCH.date()).days * DAY
    if isinstance(value, int):
        return value * times.unit if times.unit > 0 else value // -times.unit
    return None
