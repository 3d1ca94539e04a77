"""Reading Parquet in tests."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.readings.dialect import Dialect, Long, Quality
from jobs.readings.model import Absence, Keys, Reject, Tally, in_record_order
from jobs.readings.part import Part, Sink
from jobs.readings.reader import read_part

RUN_START = 1_800_000_000_000_000
LONG = Dialect(
    "test", formats=("parquet",), long=Long(unit="unit"), quality=Quality("quality"), optional=("unit", "quality")
)
T0 = datetime(2026, 3, 1, tzinfo=UTC)
Told = list[tuple[int, int | None, str, str | None]]


def stored(table: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def read(
    data: bytes | Path, dialect: Dialect = LONG, groups: tuple[int, ...] | None = None
) -> tuple[list[dict[str, Any]], Told, Tally]:
    """The readings in the order of their rows, the rejects, and what was counted."""
    rejects: list[Reject] = []
    keys, tally = Keys(), Tally()
    source: Any = io.BytesIO(data) if isinstance(data, bytes) else str(data)
    sink = Sink(keys, tally, rejects.append, RUN_START, absent=True)
    batches = list(read_part(source, Part("x.parquet", row_groups=groups), dialect, "parquet", sink))
    assert all(0 < len(batch) <= 65_536 for batch in batches)
    counts = {absence: sum(len(b) for b in batches if b.absence is absence) for absence in Absence}
    of_values = {"value", "value_range"}
    rejected = sum(reject.reason in of_values for reject in rejects)
    assert counts == {Absence.MISSING: tally.missing, Absence.REJECTED: rejected}
    joined = in_record_order(batch for batch in batches if batch.absence is None)
    rows = [] if joined is None else joined.to_arrow().to_pylist()
    assert tally.readings == len(rows)
    assert sum(tally.rejects.values()) == len(rejects)
    return rows, [(r.offset, r.line, str(r.reason), r.column) for r in rejects], tally


def readings(count: int) -> list[dict[str, Any]]:
    return [
        {
            "timestamp": datetime.fromtimestamp(T0.timestamp() + i, UTC),
            "device_id": f"dév-{i % 5}",
            "metric": "tp"[i % 2],
            "value": i / 8,
            "unit": None if i % 2 else "°C",
            "quality": None,
        }
        for i in range(count)
    ]


def table(count: int, time: pa.DataType | None = None) -> pa.Table:
    rows = pa.Table.from_pylist(readings(count)).drop_columns(["quality"])
    return rows.set_column(0, "timestamp", rows["timestamp"].cast(time or pa.timestamp("us", "UTC")))
