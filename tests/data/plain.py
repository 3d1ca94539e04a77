"""Readings of the real sets by the csv module alone, with nothing of the suite in between."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

DUST = "µg/m³"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Reading(NamedTuple):
    """One reading; its names are those of the columns of `extract`."""

    timestamp: datetime
    device_id: str
    metric: str
    unit: str | None
    value: float

    @property
    def micros(self) -> int:
        """µs since 1970 UTC."""
        return (self.timestamp - _EPOCH) // timedelta(microseconds=1)


def beijing(shared_data: Path, *metrics: str, until: str) -> Iterator[Reading]:
    """Metrics of the twelve stations, by their clock, before a day such as 2014-03-01."""
    for path in sorted((shared_data / "uci_beijing_prsa").glob("PRSA_Data_*.csv")):
        with path.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                year, month, day, hour = (int(row[name]) for name in ("year", "month", "day", "hour"))
                time = datetime(year, month, day, hour, tzinfo=UTC)
                if time.isoformat() >= until:
                    break
                for metric in metrics:
                    if row[metric] != "NA":
                        yield Reading(time, row["station"], metric, DUST, float(row[metric]))


def particles(path: Path, *metrics: str) -> Iterator[Reading]:
    """Metrics of a particle sensor's file of a day, in the order of its records."""
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter=";"):
            for metric in metrics:
                if row[metric]:
                    time = datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC)
                    yield Reading(time, row["sensor_id"], metric, DUST, float(row[metric]))


def household(path: Path) -> Iterator[Reading]:
    """The active power of a household, by its clock; of a record that is cut, nothing."""
    with path.open(encoding="ascii", newline="") as lines:
        for row in csv.DictReader(lines, delimiter=";"):
            if row["Sub_metering_3"] and row["Global_active_power"] not in ("?", ""):
                time = datetime.strptime(f"{row['Date']} {row['Time']}", "%d/%m/%Y %H:%M:%S").replace(tzinfo=UTC)
                yield Reading(time, "household", "global_active_power", "kW", float(row["Global_active_power"]))


def nab(path: Path) -> Iterator[Reading]:
    """A file of the anomaly benchmark."""
    with path.open(encoding="ascii", newline="") as lines:
        for row in csv.DictReader(lines):
            time = datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC)
            yield Reading(time, path.stem, "value", None, float(row["value"]))


def table(readings: Iterable[Reading]) -> pa.Table:
    """Readings as the oracles of tests/jobs take them."""
    columns = [list(column) for column in zip(*readings, strict=True)]
    types = [pa.timestamp("us", "UTC"), pa.string(), pa.string(), pa.string(), pa.float64()]
    return pa.table([pa.array(c, t) for c, t in zip(columns, types, strict=True)], names=list(Reading._fields))
