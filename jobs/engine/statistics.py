"""What jobs share that describe values by their moments: result columns, the options of quantiles, their sketch."""

from __future__ import annotations

import pyarrow as pa

from jobs.engine.declaration import Column
from jobs.engine.options import Option, Settings
from jobs.partials import moments
from jobs.partials.sketch import Sketch

TIME = pa.timestamp("us", tz="UTC")

SERIES = (
    Column("device_id", pa.string(), "who measured"),
    Column("metric", pa.string(), "what was measured"),
    Column("unit", pa.string(), "in which unit, where the logs say"),
)
DATE = Column("date", pa.date32(), "the day in --time-zone")
STATISTICS = (
    Column("count", pa.int64(), "how many readings"),
    Column("mean", pa.float64(), "sum / count"),
    Column("stddev", pa.float64(), "sample standard deviation; empty for one reading"),
    Column("min", pa.float64(), "the smallest value"),
    Column("max", pa.float64(), "the largest value"),
    Column("sum", pa.float64(), "the exact sum, rounded once"),
    Column("first_timestamp", TIME, "the earliest reading's time", unit="UTC"),
    Column("last_timestamp", TIME, "the latest reading's time", unit="UTC"),
)

QUANTILES = Option("--quantiles", "quantiles to add, as 0.5,0.95,0.99", None, moments.parse_quantiles, "Q,…")
QUANTILE_ERROR = Option(
    "--quantile-error",
    "their relative error (default: 0.01)",
    "0.01",
    moments.parse_error,
    "SHARE",
    needs="--quantiles",
)


def quantiles_of(settings: Settings) -> list[float]:
    """The quantiles that the settings ask for."""
    return settings.option("quantiles") or []


def quantile_columns(settings: Settings) -> tuple[Column, ...]:
    """A column for each quantile that the settings ask for."""
    return tuple(
        Column(moments.quantile_name(q), pa.float64(), "a quantile of the values") for q in quantiles_of(settings)
    )


def sketch_of(settings: Settings) -> Sketch | None:
    """The sketch from which the quantiles come that the settings ask for, if they do."""
    return Sketch(settings.option("quantile_error")) if settings.option("quantiles") else None
