"""The layout of the One Billion Row Challenge: {device=min/mean/max, …} in one line, rounded as its baseline does.

mean = r(r(sum) / count) with r(x) = floor(10·x + 0.5) / 10: ties go up, and sums are rounded before they are divided.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.errors import UsageError
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Float64Array

if TYPE_CHECKING:
    from jobs.lake.writers import Sink

LAYOUT = "1brc"
_LARGEST = 2.0**63


def parse_layout(text: str) -> str:
    """The value of `--layout`. Raises ValueError."""
    if text != LAYOUT:
        raise ValueError(f"the layout is {LAYOUT}")
    return text


class ContestWriter:
    """Writes rows with device_id, count, min, max and sum. Raises UsageError for a device with several rows."""

    def __init__(self, sink: Sink, schema: pa.Schema) -> None:
        missing = {"device_id", "min", "max", "sum", "count"} - set(schema.names)
        if missing:
            raise UsageError("the contest prints one result for each device", where="--layout 1brc --by metric")
        self._sink = sink
        self._last: str | None = None
        self._held: list[str] | None = []  # None: refused

    def write(self, table: pa.Table) -> None:
        if self._held is None or not len(table):
            return
        devices = table.column("device_id").combine_chunks()
        self._refuse_repeats(devices)
        count = table.column("count").to_numpy()
        low, high, total = (_tenths(table.column(name).to_numpy()) for name in ("min", "max", "sum"))
        mean = _tenths(total / 10.0 / count)
        texts = (_spelled(tenths) for tenths in (low, mean, high))
        entries = pc.binary_join_element_wise(devices, pc.binary_join_element_wise(*texts, "/"), "=")
        self._held.append(", ".join(entries.to_pylist()))
        self._last = devices[-1].as_py()

    def close(self) -> None:
        if self._held is not None:
            self._sink.write(f"{{{', '.join(self._held)}}}\n".encode())

    def _refuse_repeats(self, devices: pa.StringArray) -> None:
        repeated = pc.any(pc.equal(devices.slice(1), devices.slice(0, len(devices) - 1))).as_py()
        if repeated or devices[0].as_py() == self._last:
            self._held = None
            raise UsageError(
                "the contest prints one result for each device, and there are more",
                where="--layout 1brc",
                fix="use --window all, and choose one metric with --metric",
            )


def _tenths(values: Float64Array) -> Float64Array:
    """As whole numbers, which doubles beyond 2^53 are anyway."""
    with np.errstate(over="ignore"):
        return np.floor(values * 10.0 + 0.5)


def _spelled(tenths: Float64Array) -> pa.StringArray:
    if np.any(np.abs(tenths) >= _LARGEST):
        return pa.array(map(_spelled_one, tenths.tolist()), pa.string())
    whole, digit = (from_numpy(part).cast(pa.string()) for part in divmod(np.abs(tenths).astype(np.int64), 10))
    sign = pc.if_else(from_numpy(tenths < 0), "-", "")
    return pc.binary_join_element_wise(pc.binary_join_element_wise(sign, whole, ""), digit, ".")


def _spelled_one(tenths: float) -> str:
    if not math.isfinite(tenths):
        return f"{'-' * (tenths < 0)}Infinity"
    whole, digit = divmod(abs(int(tenths)), 10)
    return f"{'-' * (tenths < 0)}{whole}.{digit}"
