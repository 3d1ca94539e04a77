"""Keys of several columns as one integer a row, so that sorting and grouping cost no Python per key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jobs.readings.arrays import from_numpy
from jobs.readings.model import Int64Array

_LIMIT = 2**63 - 1
_SPARSE = 16


def pack(columns: Sequence[Int64Array]) -> Int64Array:
    """One integer a row that compares as the columns do, the first before the second and so on."""
    packed, span = np.zeros(len(columns[0]), np.int64), 1
    for whole in columns:
        column, width = _narrow(whole)
        if span * width > _LIMIT:
            packed, span = _ranks(packed)
        if span * width > _LIMIT:
            column, width = _ranks(column)
        packed, span = packed * width + column, span * width
    return packed


def _narrow(column: Int64Array) -> tuple[Int64Array, int]:
    """The column less its minimum, and its width."""
    if not len(column):
        return column, 1
    low, high = int(column.min()), int(column.max())
    if high - low >= _LIMIT:
        return _ranks(column)
    return column - low, high - low + 1


def _ranks(column: Int64Array) -> tuple[Int64Array, int]:
    distinct, ranks = np.unique(column, return_inverse=True)
    return ranks.astype(np.int64), len(distinct)


def text_codes(column: pa.ChunkedArray) -> tuple[Int64Array, pa.Array]:
    """Each text as a place in an array of the distinct texts, in the order of first use; -1 for null."""
    whole = pa.chunked_array([column.combine_chunks()])  # chunks would be encoded each with the texts of all before
    return dictionary_codes(whole.dictionary_encode())


def dictionary_codes(column: pa.ChunkedArray) -> tuple[Int64Array, pa.Array]:
    """The same for texts that are encoded already."""
    unified = column.unify_dictionaries()
    if unified.num_chunks == 0:
        return np.empty(0, np.int64), pa.array([], column.type.value_type)
    codes = [chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False) for chunk in unified.chunks]
    return np.concatenate(codes).astype(np.int64), unified.chunk(0).dictionary


def text_ranks(column: pa.ChunkedArray) -> tuple[Int64Array, pa.Array]:
    """The same, with the distinct texts in the order of their UTF-8 bytes, so that codes compare as texts do."""
    codes, texts = text_codes(column)
    order = pc.array_sort_indices(texts).to_numpy()
    ranks = np.empty(len(order) + 1, np.int64)
    ranks[order] = np.arange(len(order))
    ranks[-1] = -1
    return ranks[codes], texts.take(from_numpy(order))


def distinct(codes: npt.NDArray[np.integer[Any]]) -> tuple[Int64Array, Int64Array]:
    """The distinct integers in order, and the place of each row's among them; there are rows, and none is negative.

    Without sorting, unless the integers are far larger than the rows are many.
    """
    span = int(codes.max()) + 1
    if span > _SPARSE * len(codes):
        found, places = np.unique(codes, return_inverse=True)
        return found.astype(np.int64), places.astype(np.int64)
    seen = np.zeros(span, np.bool_)
    seen[codes] = True
    return np.flatnonzero(seen), (np.cumsum(seen) - 1)[codes]


def distinct_counts(codes: Int64Array) -> tuple[Int64Array, Int64Array]:
    """The distinct integers in order, and how often each is there; as `distinct`."""
    if int(codes.max()) >= _SPARSE * len(codes):
        found, counts = np.unique(codes, return_counts=True)
        return found, counts.astype(np.int64)
    counts = np.bincount(codes)
    found = np.flatnonzero(counts)
    return found, counts[found]


def starts_of_runs(ordered: Int64Array) -> Int64Array:
    """Where each run of equal integers begins."""
    return np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(ordered) else ordered
