"""DuckDB's answer about a file or folder: CSV on standard output, or what the query itself writes.

python -m scripts.benchmarks.peers.duckdb QUESTION PATH csv|jsonl|parquet|sensor_community [NAME=VALUE …]
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


def main(question: str, path: str, fmt: str, *given: str) -> None:
    if Path(path).is_dir():
        path += "/**/*.csv" if fmt == "sensor_community" else f"/*.{fmt}"
    own = Path(__file__).with_name(f"{question}.{fmt}.sql")
    text = (own if own.exists() else Path(__file__).with_name(f"{question}.sql")).read_text("utf-8")
    query = text
    for pair in given:
        name, _, value = pair.partition("=")
        query = query.replace(f"{{{name}}}", value)
    connection = duckdb.connect()
    connection.execute("SET preserve_insertion_order = false")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"CREATE VIEW readings AS FROM {READERS[fmt].replace('PATH', path)}")
    connection.execute(query if "{output}" in text else f"COPY ({query}) TO '/dev/stdout' (HEADER)")


if __name__ == "__main__":
    main(*sys.argv[1:])
