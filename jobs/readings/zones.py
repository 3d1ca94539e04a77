"""Time zones as tables of offsets: looked up once, shipped with a plan, applied to whole columns.

A zone is a sequence of UTC spans, each with one offset, over FIRST <= t < LAST (1900 to 2200); the first and last span
are taken to go on for ever. Tasks that were given a table by `provide` need no time zone database.
"""

from __future__ import annotations

import zoneinfo
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import accumulate, pairwise, repeat
from operator import add, itemgetter, sub
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from jobs.errors import UsageError
from jobs.readings.model import Int64Array

Ambiguous = Literal["earlier", "later", "reject"]
Nonexistent = Literal["forward", "reject"]
BoolArray = npt.NDArray[np.bool_]

SECOND = 1_000_000
DAY = 86_400 * SECOND
FIRST = -2_208_988_800 * SECOND
"""1900-01-01 in µs since 1970-01-01 UTC: where tables begin."""
LAST = 7_258_118_400 * SECOND
"""2200-01-01 in µs since 1970-01-01 UTC: where tables end."""
_EVER = 2**62  # far beyond any year that can be written
_STEP = 2 * DAY  # the closest two changes of any zone since 1900 are four days apart (Africa/Freetown, 1939)


@dataclass(frozen=True)
class Zone:
    """A zone's offsets from UTC: `offsets[i]` µs holds for `utc_starts[i] <= t < utc_starts[i + 1]`, t in µs UTC.

    `version` is that of the time zone database, where known.
    """

    name: str
    version: str | None
    utc_starts: Int64Array
    offsets: Int64Array

    @cached_property
    def _spans(self) -> list[tuple[int, int, int]]:
        """(begin, end, offset) of each span in UTC, the outer ones open."""
        starts = self.utc_starts.tolist()
        return list(zip([-_EVER, *starts[1:]], [*starts[1:], _EVER], self.offsets.tolist(), strict=True))

    @cached_property
    def local_spans(self) -> tuple[Int64Array, Int64Array, Int64Array]:
        """(from, to, offset), ascending: the local times that are exactly one instant, `from <= local < to`."""
        edges = sorted({edge + offset for begin, end, offset in self._spans for edge in (begin, end)})
        spans = []
        for begin, end in pairwise(edges):
            instants = self._instants(begin)
            if len(instants) == 1:
                spans.append((begin, end, begin - instants[0]))
        table = np.array(spans, np.int64)
        return table[:, 0], table[:, 1], table[:, 2]

    def _instants(self, local: int) -> list[int]:
        """The instants at which this zone's clocks show `local`: none, one or several."""
        near = self._spans[self._span_at(local - DAY) : self._span_at(local + DAY) + 1]
        return [local - offset for begin, end, offset in near if begin <= local - offset < end]

    def _span_at(self, utc: int) -> int:
        return max(bisect_right(self._spans, utc, key=itemgetter(0)) - 1, 0)

    def to_utc(self, local: int, ambiguous: Ambiguous, nonexistent: Nonexistent) -> int | None:
        """The instant of a local time, both in µs; None where a rule says `reject`."""
        instants = self._instants(local)
        if len(instants) == 1:
            return instants[0]
        if instants:
            return {"earlier": min(instants), "later": max(instants), "reject": None}[ambiguous]
        if nonexistent == "reject":
            return None
        return next(local - offset for begin, end, offset in reversed(self._spans) if local - offset >= end)

    def to_utc_array(self, local: Int64Array) -> tuple[Int64Array, BoolArray]:
        """The instants of local times, both in µs, and where they are certain: elsewhere a rule must decide."""
        begins, ends, offsets = self.local_spans
        span = np.maximum(np.searchsorted(begins, local, side="right") - 1, 0)
        return local - offsets[span], (begins[span] <= local) & (local < ends[span])

    def offset_array(self, utc: Int64Array) -> Int64Array:
        """The offsets in µs at instants in µs UTC: local = utc + offset."""
        span = np.maximum(np.searchsorted(self.utc_starts, utc, side="right") - 1, 0)
        return self.offsets[span]

    def as_json(self) -> dict[str, object]:
        """The table as plain JSON values, for a plan; `from_json` reads it back."""
        return {
            "name": self.name,
            "version": self.version,
            "utc_starts": self.utc_starts.tolist(),
            "offsets": self.offsets.tolist(),
        }

    @staticmethod
    def from_json(table: dict[str, object]) -> Zone:
        version = table["version"]
        return Zone(
            str(table["name"]),
            None if version is None else str(version),
            np.array(table["utc_starts"], np.int64),
            np.array(table["offsets"], np.int64),
        )


_UTC = Zone("UTC", None, np.array([FIRST], np.int64), np.array([0], np.int64))
_known: dict[str, Zone] = {"UTC": _UTC}


def provide(zone: Zone) -> None:
    """Makes `load` give this table: a task was shipped it and must not ask its own machine's database."""
    _known[zone.name] = zone


def load(name: str) -> Zone:
    """The table of an IANA zone.

    Raises UsageError for a name that the time zone database lacks, or where there is no database at all.
    """
    if name not in _known:
        _known[name] = _scan(name)
    return _known[name]


def _scan(name: str) -> Zone:
    try:
        zone = zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f'unknown time zone "{name}"', fix=_suggestion(name)) from None

    epoch = datetime(1970, 1, 1, tzinfo=zone)

    def offset_at(utc: int) -> timedelta:
        time = epoch + timedelta(microseconds=utc)
        return zone.fromutc(time) - time

    begins = range(FIRST, LAST, _STEP)
    first, step = epoch + timedelta(microseconds=FIRST), timedelta(microseconds=_STEP)
    times: list[datetime] = list(accumulate(repeat(step, len(begins)), add, initial=first))[1:]
    starts, offsets = [FIRST], [offset_at(FIRST)]
    for begin, after in zip(begins, map(sub, map(zone.fromutc, times), times), strict=True):
        if after != offsets[-1]:
            starts.append(_change(offset_at, begin, begin + _STEP))
            offsets.append(after)
    table = np.array([offset // timedelta(microseconds=1) for offset in offsets], np.int64)
    return Zone(name, database_version(), np.array(starts, np.int64), table)


def _change(offset_at: Callable[[int], timedelta], low: int, high: int) -> int:
    """The first whole second in (low, high] with the offset of `high`."""
    after = offset_at(high)
    while high - low > SECOND:
        middle = (low + high) // (2 * SECOND) * SECOND
        low, high = (low, middle) if offset_at(middle) == after else (middle, high)
    return high


def _suggestion(name: str) -> str:
    from difflib import get_close_matches

    names = zoneinfo.available_timezones()
    if not names:
        return "this machine has no time zone database: install the package tzdata"
    near = get_close_matches(name, names, 1)
    return f'did you mean "{near[0]}"?' if near else 'use an IANA name such as "Europe/Paris"'


def database_version() -> str | None:
    """The version of the time zone database that `load` reads, such as "2025b"; None where it does not tell."""
    for folder in map(Path, zoneinfo.TZPATH):
        if not folder.is_dir():
            continue
        for file, prefix in ((folder / "+VERSION", ""), (folder / "tzdata.zi", "# version ")):
            if file.is_file():
                with file.open(encoding="utf-8") as lines:
                    return lines.readline().removeprefix(prefix).strip() or None
        return None
    from importlib import metadata  # which takes longer than all the rest here

    try:
        return metadata.version("tzdata")
    except metadata.PackageNotFoundError:
        return None
