"""The baseline of what is normal: a result of hourly_profile, read and checked by the driver."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.engine.options import Settings
from jobs.errors import InputError, UsageError
from jobs.lake import side_table, storage
from jobs.lake.published import open_published, read_published
from jobs.partials import profile
from jobs.partials.deviation import MOMENTS, QUARTILES, usual
from jobs.readings import zones
from jobs.readings.arrays import from_numpy

_JOB = "hourly_profile"
_ERROR = 0.01  # of quantiles, where nothing says what it is: hourly_profile's own
_TEXTS = ("device_id", "metric", "unit")
_BOUNDS = {"day_of_week": (1, 7), "hour": (0, 23)}


def load(settings: Settings) -> pa.Table:
    """What is usual (`deviation.usual`) by --baseline: its columns device_id (not there where all devices have one),
    metric, unit, day_of_week (not there where all days have one), hour, and those of USUAL.

    Raises InputError for a file that is missing or wrong, UsageError for a profile of another time zone.
    """
    uri = settings.option("baseline")
    table, made = _read(uri)
    if made and made["job"] != _JOB:
        raise InputError(f"is a result of {made['job']}, not of {_JOB}", where=uri)
    zone = made.get("options", {}).get("time_zone", settings.time_zone)
    if zone != settings.time_zone:
        raise UsageError(
            f"its hours are those of {zone}, not of {settings.time_zone}", where=uri, fix=f"use --time-zone {zone}"
        )
    rows = usual(_checked(table, uri), dict(made.get("options", {}).get("job", ())).get("quantile_error", _ERROR))
    if not len(rows):
        raise InputError("no hour of it tells how far values spread", where=uri, fix="make it of more readings")
    try:
        profile.Baseline(rows, zones.load(settings.time_zone))
    except ValueError as error:
        raise InputError(str(error), where=uri) from None
    return rows


def _read(uri: str) -> tuple[pa.Table, dict[str, Any]]:
    """The rows, and what is said of their run where it was published as a folder."""
    info = storage.find(uri)
    if info is None:
        manifest = read_published(uri)
        return pa.concat_tables([manifest.schema.empty_table(), *open_published(uri)]), dict(manifest.provenance)
    return side_table.read(info, _TEXTS, quoted_is_null=False, long_texts=True), {}


def _checked(table: pa.Table, uri: str) -> pa.Table:
    """The columns that are used, of the types that they have."""
    names = table.column_names
    if "site" in names and "device_id" not in names:
        raise InputError(
            "is a profile of sites, of which readings say nothing", where=uri, fix="make it --by device or metric"
        )
    statistics = [name for group in (QUARTILES, MOMENTS) if set(group) <= set(names) for name in group]
    missing = [name for name in ("metric", "unit", "hour") if names.count(name) != 1]
    if missing or not statistics:
        lacking = ", ".join(missing) or f"{', '.join(QUARTILES)} and no {', '.join(MOMENTS)}"
        raise InputError(f"is no profile of hours: it has no {lacking}", where=uri, fix=f"make it with jobs.{_JOB}")
    keys = {name: pa.string() for name in _TEXTS} | dict.fromkeys(_BOUNDS, pa.int64())
    wanted = {name: kind for name, kind in keys.items() if name in names} | dict.fromkeys(statistics, pa.float64())
    try:
        table = pa.table({name: table[name].cast(kind) for name, kind in wanted.items()})
    except pa.ArrowInvalid as error:
        raise InputError(f"is no profile of hours: {str(error).splitlines()[0]}", where=uri) from None
    for name in wanted.keys() & keys.keys() - {"unit"}:
        if table[name].null_count:
            raise InputError(f"a row has no {name}", where=uri)
    for name, (low, high) in _BOUNDS.items():
        if (
            name in wanted
            and not pc.all(pc.is_in(table[name], from_numpy(np.arange(low, high + 1))), min_count=0).as_py()
        ):
            raise InputError(f"{name} is not from {low} to {high}", where=uri)
    return table
