"""Results for tests: a table of every type that results have."""

from __future__ import annotations

import pyarrow as pa

SCHEMA = pa.schema(
    [
        ("device_id", pa.string()),
        ("unit", pa.string()),
        ("date", pa.date32()),
        ("count", pa.int64()),
        ("mean", pa.float64()),
        ("last", pa.timestamp("us", "UTC")),
    ]
)

_ODD = ("plain", "", 'with "quotes"', "with, comma", "with\nnewline", "\U0001f321 ä", " blank ", "back\\slash", "\x01")


def result(rows: int) -> pa.Table:
    """Rows sorted by device; the first rows of a longer result are a shorter one."""
    numbers = range(rows)
    return pa.table(
        [
            [f"{n:06d}{_ODD[n % len(_ODD)]}" for n in numbers],
            [None if n % 3 == 0 else _ODD[n % len(_ODD)] for n in numbers],
            pa.array([n - 5 for n in numbers], pa.int32()).cast(pa.date32()),
            list(numbers),
            [None if n % 7 == 3 else (n - 8) / 3 * 10.0 ** (n % 40 - 20) for n in numbers],
            pa.array([n * 700_000 - 3_000_000 for n in numbers], pa.int64()).cast(pa.timestamp("us", "UTC")),
        ],
        schema=SCHEMA,
    )
