"""Lines given to the kernel alone: what it took, and what it left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from jobs.kernel import library
from jobs.readings.delimited import DelimitedReference
from jobs.readings.dialect import Delimited, Dialect, Fixed
from jobs.readings.fixed import FixedReference
from jobs.readings.kernel_keys import new_keys
from jobs.readings.kernel_lines import KernelLines, open_lines
from jobs.readings.lines import Records
from jobs.readings.model import Readings, Tally
from jobs.readings.part import Sink
from jobs.readings.record import bind

needs_kernel = pytest.mark.skipif(library.load() is None, reason="no kernel: " + library.why_missing())
RUN_START = 1_900_000_000_000_000


@dataclass
class Taken:
    """Readings by the offset of their record, and where records were left."""

    instant: dict[int, int] = field(default_factory=dict)
    value: dict[int, float] = field(default_factory=dict)
    device: dict[int, str] = field(default_factory=dict)
    left: list[tuple[int, int, int]] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)

    def values(self, texts: list[str], rest: int = 1) -> list[float | None]:
        """Of each text that is not empty, the value of its line, which has `rest` bytes more; None where left."""
        return self._by_line(self.value, texts, rest)

    def instants(self, texts: list[str], rest: int = 3) -> list[int | None]:
        return self._by_line(self.instant, texts, rest)

    def _by_line(self, found: dict[int, Any], texts: list[str], rest: int) -> list[Any]:
        sizes = np.array([len(text.encode()) + rest for text in texts])
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).tolist()
        return [found.get(start) for start, size in zip(starts, sizes.tolist(), strict=True) if size > 1]


def taken(data: bytes, dialect: Dialect, names: tuple[str, ...] | None = None) -> Taken:
    """What the kernel takes of lines that are all of `data`."""
    layout: Delimited | Fixed = dialect.delimited if "delimited" in dialect.formats else dialect.fixed
    sink = Sink(new_keys(True), Tally(), lambda _: None, RUN_START)
    columns = names or (
        dialect.delimited.columns if "delimited" in dialect.formats else tuple(c.name for c in dialect.fixed.columns)
    )
    roles = bind(dialect, columns, "object.csv", RUN_START)
    reference = DelimitedReference(roles, sink) if isinstance(layout, Delimited) else FixedReference(roles, sink)
    result = Taken(tally=sink.tally)

    def leave(_: bytearray, records: Records, base: int) -> list[Readings]:
        rows = zip(records.starts.tolist(), records.stops.tolist(), records.numbers.tolist(), strict=True)
        result.left += [(start + base, stop + base, number) for start, stop, number in rows]
        return []

    reference.parse_records = leave  # type: ignore[assignment,method-assign]  # so that nothing is read
    lines = open_lines(roles, layout, reference, sink)
    assert isinstance(lines, KernelLines)
    for batch in lines.parse(bytearray(data) + bytearray(64), 0, len(data), 0, 1):
        devices = batch.keys.device_texts().to_pylist()
        for offset, instant, value, device in zip(
            batch.offset.tolist(), batch.timestamp.tolist(), batch.value.tolist(), batch.device.tolist(), strict=True
        ):
            result.instant[offset], result.value[offset] = instant, value
            result.device[offset] = devices[device]
    return result
