"""Doubles and batches of readings that statistics are tried on."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from jobs.readings.model import NO_TIME, Keys, Readings

TINY = 5e-324
EDGES = [
    *(0.0, -0.0, TINY, -TINY, 2.0**-1022, 2.0**-1022 - TINY, sys.float_info.max, -sys.float_info.max),
    *(1e300, -1e300, 1e-300, 2.0**64, 2.0**64 - 2048, -(2.0**64), 2.0**-44, 2.0**-44 - 2.0**-97, 2.0**-152, 2.0**172),
    *(101325.0, 98_700.25, 1e9 + 1e-3, 1e9 - 1e-3, 0.1, 1.0, 123_456_789.012),
]
ANY = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(EDGES))
ORDINARY = st.one_of(
    st.integers(-(10**6), 10**9).map(lambda n: n / 1000),
    st.floats(-(2.0**63), 2.0**63).filter(lambda x: x == 0 or abs(x) >= 2.0**-44),
)
DOUBLES = st.one_of(ANY, ORDINARY)

Row = tuple[int, str, str, str | None, float]
"""Timestamp, device, metric, unit, value."""

TIMES = st.one_of(
    st.integers(1_774_656_000_000_000, 1_774_656_000_000_000 + 3 * 86_400_000_000),  # 2026-03-28 to 30, a DST change
    st.integers(-2_208_988_800_000_000, 7_258_118_400_000_000),
    st.just(NO_TIME),
)
ROWS: st.SearchStrategy[list[Row]] = st.lists(
    st.tuples(
        TIMES,
        st.sampled_from(["a", "a ", "é", "𝄞", "z" * 20]),
        st.sampled_from(["m", "n"]),
        st.sampled_from([None, "", "°C"]),
        DOUBLES,
    ),
    max_size=30,
)


def rounded(exact: Fraction) -> float:
    """The nearest double; infinite where there is none."""
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def gathered(flushed: Iterable[tuple[str, pa.Table]]) -> dict[str, pa.Table]:
    """All that an accumulator flushed, by kind."""
    tables: dict[str, list[pa.Table]] = {}
    for kind, table in flushed:
        tables.setdefault(kind, []).append(table)
    return {kind: pa.concat_tables(some) for kind, some in tables.items()}


def batch(rows: Sequence[Row], keys: Keys) -> Readings:
    return Readings(
        keys,
        np.array([row[0] for row in rows], np.int64),
        np.array([keys.device(row[1]) for row in rows], np.int32),
        np.array([keys.series(row[2], row[3]) for row in rows], np.int32),
        np.array([row[4] for row in rows], np.float64),
        np.zeros(len(rows), np.int64),
    )
