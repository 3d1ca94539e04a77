"""Histograms as bars of text, for a terminal."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from jobs.lake.table_text import tame

if TYPE_CHECKING:
    from jobs.lake.writers import Sink

_WIDTH = 40
_LINES = 30
"""More bins than this are drawn together where they are narrow."""
_EIGHTHS = " ▏▎▍▌▋▊▉"
_TEXTS = ("device_id", "site", "metric", "unit")


class PlotWriter:
    """Writes each series as a title, then a line for each bin: its ends, count, share and bar."""

    def __init__(self, sink: Sink, schema: pa.Schema) -> None:
        self._sink = sink
        self._texts = [name for name in _TEXTS if name in schema.names]
        self._quantiles = [name for name in schema.names if name.startswith("q")]
        self._held: list[dict[str, Any]] = []

    def write(self, table: pa.Table) -> None:
        self._held += table.to_pylist()
        series = [list(rows) for _, rows in groupby(self._held, self._series)]
        self._held = series.pop() if series else []
        for rows in series:
            self._draw(rows)

    def close(self) -> None:
        if self._held:
            self._draw(self._held)

    def _series(self, row: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(row[name] for name in self._texts)

    def _draw(self, rows: list[dict[str, Any]]) -> None:
        title = "  ".join(tame(text) for text in self._series(rows[0]) if text is not None)
        rows = _readable(rows)
        total, most = sum(row["count"] for row in rows), max(row["count"] for row in rows)
        quantiles = "".join(f"  {name} {rows[0][name]:.6g}" for name in self._quantiles)
        ends = [_ends(row) for row in rows]
        left, count = max(map(len, ends)), len(f"{most:,}")
        lines = [
            f"  {end:>{left}}  {row['count']:>{count},}  {row['share']:6.1%}  {_bar(row['count'] / most)}".rstrip()
            for end, row in zip(ends, rows, strict=True)
        ]
        self._sink.write(
            "\n".join(
                [f"{title}  {total:,} {'reading' if total == 1 else 'readings'}{quantiles}", *lines, "", ""]
            ).encode()
        )


def _readable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with neighbours put together that are narrower than a line is worth."""
    if len(rows) <= _LINES or rows[0]["low"] is None or rows[-1]["high"] is None:
        return rows
    least = (rows[-1]["high"] - rows[0]["low"]) / _LINES
    found: list[dict[str, Any]] = []
    for row in rows:
        if found and row["high"] - found[-1]["low"] <= least:
            both = {name: found[-1][name] + row[name] for name in ("count", "share")}
            found[-1] = found[-1] | both | {"high": row["high"]}
        else:
            found.append(row)
    return found


def _ends(row: dict[str, Any]) -> str:
    if row["low"] is None:
        return f"below {row['high']:.6g}"
    if row["high"] is None:
        return f"above {row['low']:.6g}"
    return f"{row['low']:.6g} … {row['high']:.6g}"


def _bar(share: float) -> str:
    whole, eighths = divmod(round(share * _WIDTH * 8), 8)
    return "█" * whole + _EIGHTHS[eighths].strip()
