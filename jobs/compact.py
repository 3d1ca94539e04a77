"""Compact: raw logs in, a lake of sorted Parquet files with a folder a day out.

With --output-dir the readings are shuffled by UTC day, sorted and published; without one a preview says what would be.
docs/compact.md says how the files lie and what reading them costs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pyarrow as pa

from jobs.engine.job import Column, SensorJob
from jobs.engine.options import Option, Settings, byte_size
from jobs.engine.run import Run
from jobs.errors import UsageError
from jobs.extract import Extract
from jobs.lake.parts import Layout
from jobs.lake.runs import whole_groups
from jobs.partials import buckets, day_counts, days, moments
from jobs.partials.schema import QUALIFIED, STATS, Accumulator
from jobs.partials.slices import Collected
from jobs.readings import zones
from jobs.readings.model import Keys

TIME = pa.timestamp("us", tz="UTC")
DATE = Column("date", pa.date32(), "the UTC day; its folder is dt=YYYY-MM-DD")
SORTED_BY = ("device_id", "metric", "unit", "timestamp")
ENCODINGS = {"timestamp": "DELTA_BINARY_PACKED", "value": "PLAIN"}
LEAST_TARGET = 64 << 10


def parse_target(text: str) -> int:
    """Bytes. Raises ValueError for fewer than a file is worth."""
    size = byte_size("--target-size", text)
    if size < LEAST_TARGET:
        raise ValueError("must be at least 64K")
    return size


class Compact(SensorJob):
    """Sorted Parquet by day, or what it would be."""

    NAME = "compact"
    QUESTION = "How do I make my lake fast?"
    KEYS = ("date",)
    COLUMNS = (
        DATE,
        Column("readings", pa.int64(), "how many readings"),
        Column("devices", pa.int64(), "of how many devices"),
        Column("metrics", pa.int64(), "of how many metrics"),
        Column("first_timestamp", TIME, "the earliest reading's time", unit="UTC"),
        Column("last_timestamp", TIME, "the latest reading's time", unit="UTC"),
        Column("files", pa.int64(), "how many files the day would have, about"),
        Column("bytes", pa.int64(), f"how large they would be, about: {day_counts.READING_BYTES} bytes a reading"),
    )
    OPTIONS = (
        Option(
            "--target-size", "how large a file is, about, as 32M or 1G (default: 128M)", "128M", parse_target, "BYTES"
        ),
        Option(
            "--measure", "count readings by day from the logs and from what was written, and time both", switch=True
        ),
    )
    PARTIALS = moments.KINDS | {QUALIFIED.name: QUALIFIED}
    COLLECTED = QUALIFIED
    LISTS_INPUT = True

    @classmethod
    def columns(cls, settings: Settings) -> tuple[Column, ...]:
        return (DATE, *Extract.COLUMNS) if settings.output_dir else cls.COLUMNS

    @classmethod
    def layout(cls, settings: Settings) -> Layout | None:
        if not settings.output_dir:
            return None
        if settings.output_format not in (None, "parquet"):
            raise UsageError(
                "compact publishes Parquet only", where=f"--output-format {settings.output_format}", fix="leave it out"
            )
        return Layout(DATE.name, settings.option("target_size"), SORTED_BY, ENCODINGS)

    @classmethod
    def measured(cls, settings: Settings) -> Settings | None:
        if not settings.option("measure"):
            return None
        if not settings.output_dir:
            raise UsageError("nothing is written that could be read", where="--measure", fix="add --output-dir")
        alike = replace(settings, output_dir=None, output_format=None, rejects=None, overwrite=False, deduplicate=False)
        return replace(alike, print_result=True).given("measure", False)

    @classmethod
    def hint(cls, settings: Settings) -> str | None:
        return None if settings.output_dir else "nothing was written: --output-dir DIR writes these files"

    @classmethod
    def regroups(cls, settings: Settings) -> bool:
        return settings.output_dir is not None

    @classmethod
    def accumulator(cls, run: Run, keys: Keys) -> Accumulator:
        if run.settings.output_dir:
            return Collected(keys, QUALIFIED)
        return moments.open_moments(keys, buckets.days(zones.load("UTC")), None, run.kernel)

    @classmethod
    def finish(cls, run: Run, partials: Mapping[str, pa.Table]) -> pa.Table:
        if run.settings.output_dir:
            return days.dated(days.in_order(partials[QUALIFIED.name])).select(cls.schema(run.settings).names)
        rows = moments.settle(partials, buckets.days(zones.load("UTC")), None, run.kernel)
        return day_counts.of_devices(rows[STATS.name])

    @classmethod
    def conclude(cls, run: Run, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
        if run.settings.output_dir:
            return tables
        target = run.settings.option("target_size")
        return (
            day_counts.total(table, target).cast(cls.schema(run.settings)) for table in whole_groups(tables, cls.KEYS)
        )


if __name__ == "__main__":
    Compact.run()
