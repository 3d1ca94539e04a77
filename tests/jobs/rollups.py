"""Rollups in tests: printed, and published once."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from jobs import api
from jobs.lake.writers import open_writer

SAMPLE = Path("sample_data")
PUBLISHED = "part-00000.parquet"
Publish = Callable[..., Path]


def printed(table: pa.Table) -> bytes:
    out = io.BytesIO()
    writer = open_writer("csv", out, table.schema)
    writer.write(table)
    writer.close()
    return out.getvalue()


def rolled(*inputs: object, engine: api.EngineName | None = "inline", **options: Any) -> bytes:
    """What a rollup prints."""
    return printed(api.run("rollup", [str(i) for i in inputs], engine=engine, **options))


def published(target: Path | str, *inputs: object, engine: api.EngineName = "inline", **options: Any) -> None:
    """Publishes a rollup with its state, unless options say otherwise."""
    given: dict[str, Any] = {"state": True, "output_dir": str(target), **options}
    api.run("rollup", [str(i) for i in inputs], engine=engine, **given)
