"""The known answer: daily statistics of what was drawn, by other means than the jobs'."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa

from scripts.sample_data_generator.draw import DAY_MS, Int64Array, Lines, Spec

EXACT_LIMIT = 300_000
EPOCH = date(1970, 1, 1)
SCHEMA = pa.schema(
    [
        ("device_id", pa.string()),
        ("metric", pa.string()),
        ("unit", pa.string()),
        ("date", pa.date32()),
        ("count", pa.int64()),
        ("mean", pa.float64()),
        ("stddev", pa.float64()),
        ("min", pa.float64()),
        ("max", pa.float64()),
        ("sum", pa.float64()),
        ("first_timestamp", pa.timestamp("us", "UTC")),
        ("last_timestamp", pa.timestamp("us", "UTC")),
    ]
)


class Answer(Protocol):
    """Gathers what was written; `table` has the columns of SCHEMA, in key order, days in UTC."""

    def add(self, lines: Lines) -> None: ...

    def table(self) -> pa.Table: ...


def answer_for(spec: Spec) -> Answer:
    """Exact for small specs; for large ones counts, extremes and times are exact, the rest within a few 1e-16."""
    values = spec.lines * (len(spec.metrics) if spec.wide else 1)
    return ExactAnswer(spec) if values <= EXACT_LIMIT else DenseAnswer(spec)


def write(table: pa.Table, path: Path) -> None:
    """As CSV: doubles in their shortest exact form, nulls empty."""
    from pyarrow import csv

    csv.write_csv(table, path, csv.WriteOptions(quoting_style="needed"))


def read(path: Path) -> pa.Table:
    """A table that `write` wrote."""
    from pyarrow import csv

    options = csv.ConvertOptions(
        column_types=SCHEMA,
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        timestamp_parsers=["%Y-%m-%d %H:%M:%S", csv.ISO8601],
    )
    return csv.read_csv(path, convert_options=options)


class ExactAnswer:
    """Every figure correctly rounded from the doubles written; `spec` is needed for `add` only."""

    def __init__(self, spec: Spec | None = None) -> None:
        self.spec = spec
        self.values: dict[tuple[str, str, str | None, int], list[float]] = defaultdict(list)
        self.times: dict[tuple[str, str, str | None, int], list[int]] = defaultdict(list)

    def reading(self, device: str, metric: str, unit: str | None, microseconds: int, value: float) -> None:
        key = (device, metric, unit, microseconds // (DAY_MS * 1000))
        self.values[key].append(value)
        self.times[key].append(microseconds)

    def add(self, lines: Lines) -> None:
        assert self.spec is not None
        devices = self.spec.device_ids()
        names = [metric.name for metric in self.spec.metrics]
        units = [metric.unit if self.spec.wide else None for metric in self.spec.metrics]
        powers = [10**decimals for decimals in self.spec.decimals]
        for column in range(lines.value.shape[1]):
            kept = lines if lines.missing is None else lines.take(~lines.missing[:, column])
            columns = (kept.time, kept.device, kept.metric[:, column], kept.value[:, column])
            for time, device, metric, value in zip(*(c.tolist() for c in columns), strict=True):
                self.reading(devices[device], names[metric], units[metric], time * 1000, value / powers[metric])

    def table(self) -> pa.Table:
        def order(key: tuple[str, str, str | None, int]) -> tuple[bytes, bytes, bool, bytes, int]:
            device, metric, unit, day = key
            return device.encode(), metric.encode(), unit is not None, (unit or "").encode(), day

        rows = []
        for key in sorted(self.values, key=order):
            device, metric, unit, day = key
            values, times = self.values[key], self.times[key]
            total = math.fsum(values) + 0.0  # a sum that is zero is +0.0
            rows.append(
                {
                    "device_id": device,
                    "metric": metric,
                    "unit": unit,
                    "date": EPOCH + timedelta(days=day),
                    "count": len(values),
                    "mean": total / len(values),
                    "stddev": statistics.stdev(values) if len(values) > 1 else None,
                    "min": min(values, key=_total_order),
                    "max": max(values, key=_total_order),
                    "sum": total,
                    "first_timestamp": datetime.fromtimestamp(0, UTC) + timedelta(microseconds=min(times)),
                    "last_timestamp": datetime.fromtimestamp(0, UTC) + timedelta(microseconds=max(times)),
                }
            )
        return pa.Table.from_pylist(rows, SCHEMA)


def _total_order(value: float) -> tuple[float, float]:
    """−0.0 stands before +0.0."""
    return value, math.copysign(1.0, value)


class DenseAnswer:
    """Arrays over every (day, device, metric), added to a chunk at a time; sums are of whole numbers, so exact."""

    MARGIN_DAYS = 1  # clock jumps may leave the drawn days

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.shape = (spec.days + 2 * self.MARGIN_DAYS, spec.devices, len(spec.metrics))
        size = math.prod(self.shape)
        self.count = np.zeros(size, np.int64)
        self.total = np.zeros(size, np.int64)
        self.squares_low = np.zeros(size, np.int64)  # Σ of the squares' low 32 bits, and of what is above
        self.squares_high = np.zeros(size, np.int64)
        self.least, self.first = (np.full(size, np.iinfo(np.int64).max) for _ in range(2))
        self.greatest, self.last = (np.full(size, np.iinfo(np.int64).min) for _ in range(2))

    def add(self, lines: Lines) -> None:
        day = (lines.time - self.spec.start_ms) // DAY_MS + self.MARGIN_DAYS
        row = (day * self.spec.devices + lines.device) * len(self.spec.metrics)
        for column in range(lines.value.shape[1]):
            group, value, time = row + lines.metric[:, column], lines.value[:, column], lines.time
            if lines.missing is not None:
                there = ~lines.missing[:, column]
                group, value, time = group[there], value[there], time[there]
            square = value * value
            np.add.at(self.count, group, 1)
            np.add.at(self.total, group, value)
            np.add.at(self.squares_low, group, square & 0xFFFF_FFFF)
            np.add.at(self.squares_high, group, square >> 32)
            np.minimum.at(self.least, group, value)
            np.maximum.at(self.greatest, group, value)
            np.minimum.at(self.first, group, time)
            np.maximum.at(self.last, group, time)

    def table(self) -> pa.Table:
        spec = self.spec
        names = [metric.name for metric in spec.metrics]
        by_name = sorted(range(len(names)), key=lambda i: names[i].encode())
        groups = np.arange(math.prod(self.shape)).reshape(self.shape).transpose(1, 2, 0)[:, by_name]
        there = groups[self.count[groups] > 0]
        rest, metric = np.divmod(there, self.shape[2])
        day, device = np.divmod(rest, self.shape[1])
        power = 10.0 ** np.array(spec.decimals)[metric]
        count = self.count[there]
        total = self.total[there] / power
        units = pa.array([m.unit if spec.wide else None for m in spec.metrics], pa.string())
        first_day = (spec.start - EPOCH).days - self.MARGIN_DAYS
        return pa.table(
            [
                pa.array(spec.device_ids()).take(pa.array(device)),
                pa.array(names).take(pa.array(metric)),
                units.take(pa.array(metric)),
                pa.array((day + first_day).astype(np.int32)).cast(pa.date32()),
                pa.array(count),
                pa.array(total / count),
                self._stddev(there, power),
                pa.array(self.least[there] / power),
                pa.array(self.greatest[there] / power),
                pa.array(total),
                pa.array(self.first[there] * 1000).cast(SCHEMA.field("first_timestamp").type),
                pa.array(self.last[there] * 1000).cast(SCHEMA.field("last_timestamp").type),
            ],
            schema=SCHEMA,
        )

    def _stddev(self, there: Int64Array, power: np.typing.NDArray[np.float64]) -> pa.Array:
        """√((n·Σx² − (Σx)²) / (n·(n − 1))), the numerator as a whole number of any size; null for one reading."""
        count, total = self.count[there].astype(object), self.total[there].astype(object)
        squares = (self.squares_high[there].astype(object) * (1 << 32)) + self.squares_low[there]
        spread = (count * squares - total * total).astype(np.float64)
        pairs = (self.count[there] * (self.count[there] - 1)).astype(np.float64)
        single = pairs == 0
        return pa.array(np.sqrt(spread / np.where(single, 1.0, pairs)) / power, mask=single)
