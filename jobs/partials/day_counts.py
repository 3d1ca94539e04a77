"""What a day holds, counted: for each set of devices by itself, then for all of them."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

READING_BYTES = 8
"""About what a reading takes in a sorted Parquet file: mostly its value's digits that no neighbour shares."""


def of_devices(stats: pa.Table) -> pa.Table:
    """From STATS rows by UTC day: date, readings, devices, first, last, and a list of the metrics, by date.

    All rows of a device are there, so that devices of tables of different devices add up.
    """
    rows = stats.append_column("date", stats.column("bucket").cast(pa.int32()).cast(pa.date32()))
    found = rows.group_by("date", use_threads=False).aggregate(
        [
            ("count", "sum"),
            ("device_id", "count_distinct"),
            ("first", "min"),
            ("last", "max"),
            ("metric", "distinct"),
        ]
    )
    names = ["date", "readings", "devices", "first", "last", "metrics"]
    return found.rename_columns(names).sort_by("date")


def total(counts: pa.Table, target_size: int) -> pa.Table:
    """From rows of `of_devices`, all of each date: a row a date, with the files and bytes that it would take."""
    sums = [("readings", "sum"), ("devices", "sum"), ("first", "min"), ("last", "max")]
    found = counts.group_by("date", use_threads=False).aggregate(sums)
    metrics = pa.table(
        {
            "date": counts.column("date").take(pc.list_parent_indices(counts.column("metrics"))),
            "metric": pc.list_flatten(counts.column("metrics")),
        }
    )
    distinct = metrics.group_by("date", use_threads=False).aggregate([("metric", "count_distinct")])
    size = pc.multiply(found.column("readings_sum"), READING_BYTES)
    time = pa.timestamp("us", tz="UTC")
    columns = {
        "date": found.column("date"),
        "readings": found.column("readings_sum"),
        "devices": found.column("devices_sum"),
        "metrics": distinct.column("metric_count_distinct"),
        "first_timestamp": found.column("first_min").cast(time),
        "last_timestamp": found.column("last_max").cast(time),
        "files": pc.divide(pc.add(size, target_size - 1), target_size),
        "bytes": size,
    }
    return pa.table(columns)
