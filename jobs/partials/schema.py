"""What partial rows are: keys, and columns that merge by a sum, a minimum or a maximum of integers.

Every engine merges partial rows with these three words alone, so that the same rows come out whatever was merged first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import pyarrow as pa

from jobs.readings.model import Readings

Merge = Literal["sum", "min", "max"]

SUM_WORDS = 5
SQUARE_WORDS = 10
MAX_COUNT = 2**31 - 1
"""The most readings that one partial row can stand for: beyond it the exact words could overflow."""


@dataclass(frozen=True)
class PartialSchema:
    """Partial rows of one kind: the key columns, and how each of the other columns merges."""

    name: str
    columns: pa.Schema
    merges: Mapping[str, Merge]
    single: bool = False  # rows stand for themselves, and two of the same keys for two things: none merge
    by_day: bool = False  # all rows of a UTC day go to one task, which is given them in their order (see `days`)

    @property
    def keys(self) -> list[str]:
        return [name for name in self.columns.names if name not in self.merges]

    def has(self, column: str) -> bool:
        return column in self.columns.names

    def empty(self) -> pa.Table:
        return self.columns.empty_table()


GROUP_BYTES = 64 << 20
"""An accumulator is flushed when it holds this much, so that memory does not grow with the input."""
FLUSH_ROWS = 65_536
"""How many partial rows an accumulator hands out at once."""


class Accumulator(Protocol):
    """Turns batches of readings into partial rows."""

    def add(self, readings: Readings) -> None:
        """Takes one batch in; nothing of it is kept by reference."""

    def flush(self) -> Iterator[tuple[str, pa.Table]]:
        """The partial rows of all since the last flush, each with the name of their schema; empties.

        They come in no stated order, and in pieces, so that they need little more memory than is held already.
        """

    @property
    def groups(self) -> int:
        """How many partial rows are held, at most."""

    @property
    def nbytes(self) -> int:
        """How much memory is held."""


class Around:
    """Of an accumulator that holds nothing itself: all is held by another, `_inner`."""

    _inner: Accumulator

    @property
    def groups(self) -> int:
        return self._inner.groups

    @property
    def nbytes(self) -> int:
        return self._inner.nbytes


def _int64(*names: str) -> list[pa.Field]:
    return [pa.field(name, pa.int64(), nullable=False) for name in names]


SERIES = [
    pa.field("device_id", pa.string(), nullable=False),
    pa.field("metric", pa.string(), nullable=False),
    pa.field("unit", pa.string()),
    *_int64("bucket"),
]
SUMS = [f"s{i}" for i in range(SUM_WORDS)]
SQUARES = [f"q{i}" for i in range(SQUARE_WORDS)]
PRODUCTS = [f"p{i}" for i in range(SQUARE_WORDS)]
_MOMENTS: dict[str, Merge] = {"count": "sum", "min": "min", "max": "max", "first": "min", "last": "max"}
_MOMENTS.update(dict.fromkeys([*SUMS, *SQUARES], "sum"))

STATS = PartialSchema(
    "stats",
    pa.schema(
        [
            *SERIES,
            pa.field("window", pa.int16(), nullable=False),
            *_int64("count", "min", "max", "first", "last", *SUMS, *SQUARES),
        ]
    ),
    _MOMENTS,
)
"""Moments of a series in a bucket (see `buckets`; NO_TIME for readings without a time), one row for each window of
magnitudes (see `exact`) that occurs. min, max: images of doubles (see `images`); first, last: µs since 1970 UTC;
s0..s4, q0..q9: the words of the exact sum of the values and of their squares."""

SKETCH = PartialSchema(
    "sketch",
    pa.schema([*SERIES, pa.field("index", pa.int32(), nullable=False), *_int64("count")]),
    {"count": "sum"},
)
"""How many values of a series in a bucket of time fall into each bucket of magnitudes (see `sketch`)."""

_TEXTS = pa.dictionary(pa.int32(), pa.string())
READINGS = PartialSchema(
    "readings",
    pa.schema(
        [
            pa.field("device_id", _TEXTS, nullable=False),
            pa.field("metric", _TEXTS, nullable=False),
            pa.field("unit", _TEXTS),
            *_int64("timestamp"),
            pa.field("value", pa.float64(), nullable=False),
        ]
    ),
    {},
    single=True,
)
"""Readings passed on as they are (see `passing`). timestamp: µs since 1970 UTC, or NO_TIME."""

QUALIFIED = PartialSchema(
    "qualified", READINGS.columns.append(pa.field("quality", _TEXTS)), {}, single=True, by_day=True
)
"""The same with their quality marks, on their way to the day that they are of."""

PLACED = PartialSchema(
    "placed", READINGS.columns.append(pa.field("place", pa.int64(), nullable=False)), {}, single=True
)
"""The same with the place of each (see `arrivals`): map tasks read in the order of records then."""
