"""Parquet objects as the results that they are: what their footers say, and their rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from jobs.errors import InputError
from jobs.readings.parquet_rows import decoded, instant, open_parquet
from jobs.readings.part import Part

BATCH_ROWS = 8192  # with their states rows are wide


@dataclass(frozen=True, slots=True)
class Footer:
    """What an object says of itself. metadata: its keys and values. limits: the first and last instant (µs UTC) of
    each column of times, where all its row groups tell."""

    uri: str
    metadata: dict[str, str]
    limits: dict[str, tuple[int, int]]


def read_footer(file: Any, uri: str) -> Footer:
    """The footer of what PyArrow can seek in. Raises InputError for what is no whole Parquet."""
    metadata = open_parquet(file, uri).metadata
    limits: dict[str, tuple[int, int]] = {}
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    for index in range(metadata.num_columns):
        found = [group.column(index).statistics for group in groups]
        edges = [instant(edge) for s in found if s is not None and s.has_min_max for edge in (s.min, s.max)]
        told = [edge for edge in edges if edge is not None]
        if told and len(told) == 2 * len(groups):
            limits[metadata.schema.column(index).path] = (min(told), max(told))
    texts = {name.decode(): value.decode("utf-8", "replace") for name, value in (metadata.metadata or {}).items()}
    return Footer(uri, texts, limits)


def read_results(file: Any, part: Part, columns: Sequence[str]) -> Iterator[pa.Table]:
    """The given columns of the rows of a part's row groups.

    Raises InputError for what is no Parquet or lacks a column, Damage for a row group that cannot be decoded.
    """
    opened = open_parquet(file, part.uri)
    if lacking := [name for name in columns if name not in opened.schema_arrow.names]:
        raise InputError(f"has no column {', '.join(lacking)}", where=part.uri, fix="publish it again")
    for number in range(opened.num_row_groups) if part.row_groups is None else part.row_groups:
        yield from decoded(opened, part.uri, number, columns, BATCH_ROWS, lambda batch: pa.Table.from_batches([batch]))
