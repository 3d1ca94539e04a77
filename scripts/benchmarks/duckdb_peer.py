"""DuckDB's daily statistics of a file or folder, as CSV on standard output.

python -m scripts.benchmarks.duckdb_peer PATH csv|jsonl|parquet|sensor_community
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

LONG = "{'timestamp': 'TIMESTAMP', 'device_id': 'VARCHAR', 'metric': 'VARCHAR', 'value': 'DOUBLE'}"
READERS = {
    "csv": f"read_csv('PATH', header = true, auto_detect = false, columns = {LONG})",
    "jsonl": f"read_json('PATH', format = 'newline_delimited', columns = {LONG})",
    "parquet": "read_parquet('PATH')",
    "sensor_community": """read_csv('PATH', header = true, auto_detect = false, delim = ';', ignore_errors = true,
        columns = {'sensor_id': 'VARCHAR', 'sensor_type': 'VARCHAR', 'location': 'VARCHAR', 'lat': 'VARCHAR',
        'lon': 'VARCHAR', 'timestamp': 'TIMESTAMP', 'P1': 'DOUBLE', 'durP1': 'VARCHAR', 'ratioP1': 'VARCHAR',
        'P2': 'DOUBLE', 'durP2': 'VARCHAR', 'ratioP2': 'VARCHAR'})""",
}
FIGURES = (
    ("count", "count({0})"),
    ("mean", "avg({0})"),
    ("stddev", "stddev_samp({0})"),
    ("min", "min({0})"),
    ("max", "max({0})"),
    ("sum", "sum({0})"),
    ("first_timestamp", "min(timestamp)"),
    ("last_timestamp", "max(timestamp)"),
)


def query(source: str, fmt: str) -> str:
    """The statistics in key order; a wide source is scanned once for both its metrics."""
    if fmt != "sensor_community":
        figures = ", ".join(f"{formula.format('value')} AS {name}" for name, formula in FIGURES)
        key = "device_id, metric, timestamp::DATE AS date"
        return f"SELECT {key}, {figures} FROM {source} GROUP BY ALL ORDER BY ALL"  # noqa: S608
    figures = ", ".join(
        f"{formula.format(metric)} FILTER ({metric} IS NOT NULL) AS {metric}_{name}"
        for metric in ("P1", "P2")
        for name, formula in FIGURES
    )
    key = "sensor_id AS device_id, timestamp::DATE AS date"
    wide = f"SELECT {key}, {figures} FROM {source} GROUP BY ALL"  # noqa: S608
    parts = []
    for metric in ("P1", "P2"):
        columns = ", ".join(f"{metric}_{name} AS {name}" for name, _ in FIGURES)
        chosen = f"SELECT device_id, '{metric}' AS metric, date, {columns} FROM wide"  # noqa: S608
        parts.append(f"{chosen} WHERE {metric}_count > 0")
    return f"WITH wide AS MATERIALIZED ({wide}) {' UNION ALL '.join(parts)} ORDER BY ALL"


def main(path: str, fmt: str) -> None:
    if Path(path).is_dir():
        path += "/**/*.csv" if fmt == "sensor_community" else f"/*.{fmt}"
    connection = duckdb.connect()
    connection.execute("SET preserve_insertion_order = false")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"COPY ({query(READERS[fmt].replace('PATH', path), fmt)}) TO '/dev/stdout' (HEADER)")


if __name__ == "__main__":
    main(*sys.argv[1:])
