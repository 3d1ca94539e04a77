"""Limits of what metrics can measure, read from a TOML file by the driver."""

from __future__ import annotations

import math
from difflib import get_close_matches
from typing import Any

from jobs.errors import InputError
from jobs.lake import toml_file

_KEYS = ("min", "max", "step")


def load(uri: str) -> dict[str, dict[str, float]]:
    """The limits of each metric: a table by its name, with some of `min`, `max` and `step`, which are numbers.

    Raises InputError for a file that is missing or wrong, naming file, key and reason.
    """
    tables = toml_file.load(uri, "--limits names a TOML file, a table for each metric")
    return {metric: _limits(metric, table, uri) for metric, table in tables.items()}


def _limits(metric: str, table: Any, uri: str) -> dict[str, float]:
    if not isinstance(table, dict):
        raise InputError("is no table", where=f"{uri}: {metric}", fix=f"write [{metric}], then min, max or step")
    for key, value in table.items():
        where = f"{uri}: {metric}.{key}"
        if key not in _KEYS:
            near = get_close_matches(key, _KEYS, 1)
            raise InputError(
                "unknown key", where=where, fix=f"did you mean {near[0]}?" if near else f"use {', '.join(_KEYS)}"
            )
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not _is_finite(value):
            raise InputError(f"{value!r} is no number", where=where)
    limits = {key: float(value) for key, value in table.items()}
    if "min" in limits and "max" in limits and limits["min"] > limits["max"]:
        raise InputError("min is above max", where=f"{uri}: {metric}")
    if limits.get("step", 0.0) < 0:
        raise InputError("a step is not negative", where=f"{uri}: {metric}.step")
    return limits


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False
