"""Moments of each series in each bucket of time: count, exact sums, extremes, first and last, and a sketch.

Readings become partial rows (`open_moments`, or `single_rows` where an engine groups by itself), partial rows are
merged (`merge`), settled (`settle`) and give statistics (`finish`).
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from jobs.kernel import library
from jobs.partials.array_moments import ArrayMoments
from jobs.partials.buckets import Buckets
from jobs.partials.finish import finish
from jobs.partials.kernel_moments import KernelMoments
from jobs.partials.merge import merge
from jobs.partials.passing import Passing, accumulated
from jobs.partials.quantiles import parse_error, parse_quantiles, quantile_name
from jobs.partials.rows import single_rows
from jobs.partials.schema import READINGS, SKETCH, STATS, Accumulator
from jobs.partials.sketch import Sketch
from jobs.readings.model import Keys

__all__ = [
    "KINDS",
    "finish",
    "open_moments",
    "parse_error",
    "parse_quantiles",
    "quantile_name",
    "settle",
    "single_rows",
]

KINDS = {kind.name: kind for kind in (STATS, SKETCH, READINGS)}
"""The kinds of partial rows that moments have."""


def open_moments(
    keys: Keys, buckets: Buckets, sketch: Sketch | None, kernel: bool, *, passing: bool = True
) -> Accumulator:
    """An accumulator of STATS rows, of SKETCH rows where there is a sketch, and of READINGS that it passes on.

    kernel: use it if it is there; the rows are the same without. passing: whether it may pass readings on. `settle`
    makes STATS and SKETCH rows of all.
    """
    if not passing:
        return _open(keys, buckets, sketch, kernel)
    return Passing(lambda: _open(keys, buckets, sketch, kernel), keys)


def settle(
    partials: Mapping[str, pa.Table], buckets: Buckets, sketch: Sketch | None, kernel: bool
) -> dict[str, pa.Table]:
    """Merged partial rows by kind, with those of READINGS accumulated: STATS, and SKETCH where there is a sketch."""
    kinds = [STATS] if sketch is None else [STATS, SKETCH]
    settled = {kind.name: partials.get(kind.name, kind.empty()) for kind in kinds}
    readings = partials.get(READINGS.name, READINGS.empty())
    if len(readings):
        fresh = list(accumulated(readings, lambda keys: _open(keys, buckets, sketch, kernel)))
        for kind in kinds:
            more = [table for name, table in fresh if name == kind.name]
            old = settled[kind.name]
            settled[kind.name] = merge(kind, [old, *more]) if len(old) else pa.concat_tables([old, *more])
    return settled


def _open(keys: Keys, buckets: Buckets, sketch: Sketch | None, kernel: bool) -> Accumulator:
    loaded = library.load() if kernel else None
    return ArrayMoments(keys, buckets, sketch) if loaded is None else KernelMoments(loaded, keys, buckets, sketch)
