"""States of a rollup as input of another: what their files say of them, and which of them give what is asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jobs.engine.declaration import Column
from jobs.engine.filters import matching
from jobs.engine.groups import group_column
from jobs.engine.options import Settings
from jobs.engine.resuming import Resumed
from jobs.errors import InputError, UsageError
from jobs.lake.spelling import spell
from jobs.partials import states, windows
from jobs.partials.buckets import Buckets
from jobs.readings import zones
from jobs.readings.arrays import from_numpy
from jobs.readings.zones import DAY

if TYPE_CHECKING:
    from jobs.readings.parquet_results import Footer

KEY = "sensor_jobs.state"
"""What a file's metadata calls its state."""
_MARGIN = 366 * DAY  # windows are to nest a year before and after the data too: what is refused does not hang on a day
_ANEW = "or roll up the logs"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a state is of: the options of the rollup that made it. quantile_error: that of its sketch, if it has one."""

    window: str
    time_zone: str
    by: str
    quantile_error: float | None

    @staticmethod
    def of(settings: Settings) -> Origin:
        chosen = {name: settings.option(name) for name in ("window", "by", "quantile_error", "quantiles")}
        error = chosen["quantile_error"] if chosen["quantiles"] else None
        return Origin(chosen["window"], settings.time_zone, chosen["by"], error)

    def metadata(self) -> dict[str, str]:
        """As `from_footer` reads it."""
        return {KEY: json.dumps({"version": states.VERSION, **asdict(self)})}

    @staticmethod
    def from_footer(footer: Footer) -> Origin:
        """Raises InputError for a state of another version, or that is none."""
        try:
            data = json.loads(footer.metadata[KEY])
            version = data.pop("version")
            if version == states.VERSION:
                origin = Origin(**data)
                origin.buckets()
                return origin
        except (ValueError, TypeError, KeyError, AttributeError):
            raise InputError(f"its metadata {KEY} cannot be read", where=footer.uri, fix="publish it again") from None
        raise InputError(
            f"its state is of version {version}, and this suite knows version {states.VERSION}",
            where=footer.uri,
            fix="use the version of the suite that made it, " + _ANEW,
        )

    def buckets(self) -> Buckets:
        return windows.buckets_of(self.window, zones.load(self.time_zone))


def state_columns(settings: Settings) -> tuple[Column, ...]:
    """The columns that --state adds. Raises UsageError where the result would be published as text."""
    if not settings.option("state"):
        return ()
    if settings.output_dir and settings.output_format not in (None, "parquet"):
        raise not_as_text()
    stats = Column(states.STATS_STATE, states.TYPE, "the exact sums, to be merged")
    sketch = Column(states.SKETCH_STATE, states.TYPE, "the sketch of the quantiles, to be merged")
    return (stats, sketch) if settings.option("quantiles") else (stats,)


def not_as_text() -> UsageError:
    return UsageError(
        "a state is published as Parquet, not as text",
        where="--state",
        fix="add --output-dir, and leave out --output-format and --cat-output",
    )


def check(footers: Sequence[Footer], settings: Settings) -> None:
    """Raises JobError for states of which those that the settings ask for cannot be made."""
    uri = footers[0].uri
    if settings.dialect:
        raise UsageError(f"{uri} is a state, which has no dialect", where="--dialect", fix="leave it out")
    if settings.deduplicate:
        raise UsageError(
            f"{uri} is a state, in which repeats cannot be told", where="--deduplicate", fix="leave it out, " + _ANEW
        )
    if settings.option("devices"):
        raise UsageError(f"{uri} is a state, which is joined with nothing", where="--devices", fix="leave it out")
    origins: dict[Origin, list[Footer]] = {}
    for footer in footers:
        origins.setdefault(Origin.from_footer(footer), []).append(footer)
    for origin, own in origins.items():
        _check_keys(origin, settings, own[0].uri)
        _check_sketch(origin, settings, own[0].uri)
        _check_windows(origin, settings, own)


def columns(settings: Settings) -> tuple[str, ...]:
    """The columns of states that are read."""
    group = "device_id" if settings.devices else group_column(settings)
    return states.columns_of(group, sketched=bool(settings.option("quantiles")))


def resume(rows: pa.Table, settings: Settings, buckets: Buckets, uri: str) -> Resumed:
    """The partial rows, in these buckets, of rows with `columns`. Raises InputError for rows that are no states."""
    try:
        kept = rows.filter(from_numpy(_kept(rows, settings)))
        sketched = bool(settings.option("quantiles"))
        partials = states.decode(kept, buckets, group_column(settings), sketched=sketched)
    except ValueError as error:
        raise InputError(f"its state cannot be merged: {error}", where=uri, fix="publish it again") from None
    return Resumed(partials, *(pc.sum(table["count"]).as_py() or 0 for table in (rows, kept)))


def _check_keys(origin: Origin, settings: Settings, uri: str) -> None:
    by = settings.option("by")
    if origin.by == "device":
        if by == "site":
            raise UsageError(f"{uri} has a state of devices, not of sites", where="--by site", fix=_ANEW[3:])
        return
    what = f"{uri} has a state of {'sites' if origin.by == 'site' else 'all devices together'}"
    if by not in (origin.by, "metric"):
        raise UsageError(what, where=f"--by {by}", fix=f"add --by {origin.by}, {_ANEW}")
    if settings.devices:
        raise UsageError(what, where="--device", fix=f"leave it out, {_ANEW}")


def _check_sketch(origin: Origin, settings: Settings, uri: str) -> None:
    if not settings.option("quantiles"):
        return
    if origin.quantile_error is None:
        raise UsageError(
            f"{uri} has a state without a sketch",
            where="--quantiles",
            fix="leave it out, or roll up the logs with --state and --quantiles",
        )
    if origin.quantile_error != settings.option("quantile_error"):
        raise UsageError(
            f"the sketch in {uri} has the error {origin.quantile_error:g}",
            where=f"--quantile-error {settings.option('quantile_error'):g}",
            fix=f"give --quantile-error {origin.quantile_error:g}, {_ANEW}",
        )


def _check_windows(origin: Origin, settings: Settings, footers: Sequence[Footer]) -> None:
    source, uri = origin.buckets(), footers[0].uri
    for flag, bound in (("--from", settings.since), ("--to", settings.until)):
        if bound is not None and source.starts(source.of(np.array([bound]))) != bound:
            raise UsageError(
                f"{_spelled(bound)} lies amid a window {_of(origin, uri)}",
                where=flag,
                fix=f"name the beginning of one, {_ANEW}",
            )
    window, zone = settings.option("window"), settings.time_zone
    where = f"--window {window}" + (f" --time-zone {zone}" if zone != origin.time_zone else "")
    if window == windows.ALL:
        return
    if origin.window == windows.ALL:
        raise UsageError(f"{uri} has a single window of all time", where=where, fix=f"name --window all, {_ANEW}")
    edges = [
        edge for footer in footers for name in ("window_start", "window_end") for edge in footer.limits.get(name, ())
    ]
    first, last = min(edges, default=0), max(edges, default=0)
    target = windows.buckets_of(window, zones.load(zone))
    for margin in (0, _MARGIN):  # an example from the data is the better one
        stray = windows.amid(source, target, first - margin, last + margin)
        if stray is None:
            continue
        raise UsageError(
            f"one would begin at {_spelled(stray)}, amid a window {_of(origin, uri)}",
            where=where,
            fix=f"name a window that holds whole ones, {_ANEW}",
        )


def _kept(rows: pa.Table, settings: Settings) -> npt.NDArray[np.bool_]:
    """Which rows the filters keep. Raises ValueError for one that they would cut."""
    kept = np.ones(len(rows), np.bool_)
    for name, globs in (("device_id", settings.devices), ("metric", settings.metrics)):
        if globs:
            kept &= matching(rows.column(name), globs)
    first, last = (states.times_of(rows.column(name)) for name in ("first_timestamp", "last_timestamp"))
    for bound, keeps_later in ((settings.since, True), (settings.until, False)):
        if bound is not None:
            if not np.array_equal(first >= bound, last >= bound):
                raise ValueError(f"{_spelled(bound)} lies within a window")
            kept &= (first >= bound) == keeps_later
    return kept


def _of(origin: Origin, uri: str) -> str:
    return f"({origin.window}, {origin.time_zone}) of {uri}"


def _spelled(instant: int) -> str:
    text: str = spell(pa.array([instant], pa.timestamp("us", "UTC")))[0].as_py()
    return text
