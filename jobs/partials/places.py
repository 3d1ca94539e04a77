"""Statistics by place: which site a device stood at when it measured, and how many devices of it reported.

The metadata (DEVICES) gives each device sites for half-open intervals of time that do not overlap. What it says nothing
about is at the site UNMATCHED. Where it is at hand, `Located` groups readings by site, or by site and device, and
`Placed` accumulates by site and counts devices; else statistics are made by device first, and `regrouped` makes those
of sites where the metadata of the same devices come along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.partials.codes import pack, starts_of_runs, text_codes, text_ranks
from jobs.partials.merge import integers, merge
from jobs.partials.passing import accumulated
from jobs.partials.schema import READINGS, SKETCH, STATS, Accumulator, Around, PartialSchema
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Int32Array, Int64Array, Keys, Readings

UNMATCHED = "(unmatched)"
"""The site of readings whose device is not in the metadata, or not at their time."""
ALWAYS = (-(2**63), 2**63 - 1)
"""The bounds of an interval without bounds."""

DEVICES = PartialSchema(
    "devices",
    pa.schema(
        [
            pa.field("device_id", pa.string(), nullable=False),
            pa.field("site", pa.string(), nullable=False),
            pa.field("valid_from", pa.int64(), nullable=False),
            pa.field("valid_to", pa.int64(), nullable=False),
        ]
    ),
    {},
    single=True,
)
"""Where a device stands for valid_from <= t < valid_to (µs since 1970 UTC); its intervals do not overlap."""

SEEN = PartialSchema(
    "seen",
    pa.schema([*[STATS.columns.field(i) for i in range(4)], pa.field("device", pa.string(), nullable=False)]),
    {},
)
"""A device that reported at a site (`device_id`) in a bucket of time."""

Named = Callable[[pa.StringArray, pa.StringArray], pa.StringArray]
"""The group of each device at a site."""


class Places:
    """The sites of devices, from rows of DEVICES in any order. Rows are meant in the order of their use here."""

    def __init__(self, devices: pa.Table) -> None:
        codes, texts = text_codes(devices.column("device_id"))
        begin, end = (integers(devices.column(name)) for name in ("valid_from", "valid_to"))
        order = np.lexsort((begin, codes))
        self._first = starts_of_runs(codes[order])
        self._count = np.diff(self._first, append=len(codes))
        self._place = {text: code for code, text in enumerate(texts.to_pylist())}
        self._begin, self._end = begin[order], end[order]
        sites = devices.column("site").take(from_numpy(order))
        self._sites = pa.concat_arrays([pa.array([UNMATCHED]), *sites.chunks])
        self.timed = moved(devices)

    def rows_of(self, devices: pa.StringArray) -> tuple[Int64Array, Int64Array]:
        """The first row of each device, and how many it has; 0 for one that is not there."""
        places = np.array([self._place.get(text, -1) for text in devices.to_pylist()], np.int64)
        known = places >= 0
        first, count = np.zeros(len(places), np.int64), np.zeros(len(places), np.int64)
        first[known], count[known] = self._first[places[known]], self._count[places[known]]
        return first, count

    def row_at(self, first: Int64Array, count: Int64Array, times: Int64Array) -> Int64Array:
        """Which of the rows of its device holds each instant; -1 for none."""
        if not len(self._begin):
            return np.full(len(times), -1)
        low, high = first, first + count
        for _ in range(int(count.max(initial=0)).bit_length()):
            middle = (low + high) // 2
            begun = (low < high) & (self._begin[np.minimum(middle, len(self._begin) - 1)] <= times)
            low, high = np.where(begun, middle + 1, low), np.where(begun, high, middle)
        row = low - 1
        return np.where((row >= first) & (times < self._end[row]), row, -1)

    def sites(self, rows: Int64Array) -> pa.StringArray:
        """The site of each row; UNMATCHED for -1."""
        return self._sites.take(from_numpy(rows + 1))


def moved(devices: pa.Table) -> bool:
    """Whether any of the rows of DEVICES is bounded in time."""
    bounds = zip(("valid_from", "valid_to"), ALWAYS, strict=True)
    return any(bool((integers(devices.column(name)) != bound).any()) for name, bound in bounds)


class Stands:
    """Where readings were made, as numbers: one for each device, or where devices moved one for each device and row of
    its metadata, and one for each device beside them."""

    def __init__(self, keys: Keys, places: Places) -> None:
        self._keys, self._places = keys, places
        self._first = self._count = self._base = np.empty(0, np.int64)  # by the code of the device
        self.count = 0

    def of(self, readings: Readings) -> Int32Array:
        """The number of each reading."""
        if self._keys.device_count > len(self._first):
            self._learn()
        device = readings.device
        if not self._places.timed:
            return device
        first = self._first[device]
        row = self._places.row_at(first, self._count[device], readings.timestamp)
        return (self._base[device] + np.where(row < 0, 0, row - first + 1)).astype(np.int32)

    def known(self, start: int = 0) -> tuple[pa.StringArray, pa.StringArray]:
        """The device and the site that each number from `start` on stands for; `start` is the first of a device."""
        begin = int(np.searchsorted(self._base, start))
        first, count = self._first[begin:], self._count[begin:]
        texts = self._keys.device_texts().slice(begin, len(first))
        if not self._places.timed:
            return texts, self._places.sites(np.where(count > 0, first, -1))
        device = np.repeat(np.arange(len(count)), count + 1)
        place = np.arange(len(device)) + start - self._base[begin:][device]
        return texts.take(from_numpy(device)), self._places.sites(np.where(place > 0, first[device] + place - 1, -1))

    def _learn(self) -> None:
        """Numbers for the devices that came since the last batch: one, or one for each row and one for none."""
        first, count = self._places.rows_of(self._keys.device_texts().slice(len(self._first)))
        self._first, self._count = np.concatenate([self._first, first]), np.concatenate([self._count, count])
        sizes = self._count + 1 if self._places.timed else np.ones(len(self._count), np.int64)
        self._base = np.cumsum(sizes) - sizes
        self.count = int(sizes.sum())


class Located:
    """Numbers readings for groups by site (`grouping`): by `named`, which names the group of devices at sites."""

    def __init__(self, keys: Keys, places: Places, named: Named) -> None:
        self._stands, self._named = Stands(keys, places), named

    def of(self, readings: Readings) -> Int32Array:
        return self._stands.of(readings)

    @property
    def count(self) -> int:
        return self._stands.count

    def groups(self, start: int) -> pa.StringArray:
        return self._named(*self._stands.known(start))


def the_site(_: pa.StringArray, sites: pa.StringArray) -> pa.StringArray:
    """Groups that are sites."""
    return sites


def site_and_device(devices: pa.StringArray, sites: pa.StringArray) -> pa.StringArray:
    """Groups that are devices at sites, as texts that `parted` parts."""
    escaped = pc.replace_substring(pc.replace_substring(sites, "~", "~0"), ":", "~1")
    return pc.binary_join_element_wise(escaped, devices, ":")


def parted(texts: pa.ChunkedArray) -> tuple[pa.StringArray, pa.StringArray]:
    """The sites and the devices of texts that `site_and_device` made."""
    parts = pc.split_pattern(texts.combine_chunks(), ":", max_splits=1)
    escaped, devices = (pc.list_element(parts, i) for i in range(2))
    return pc.replace_substring(pc.replace_substring(escaped, "~1", ":"), "~0", "~"), devices


class Placed(Around):
    """Accumulates by site: by numbers of `Stands` within, so that devices can be counted."""

    def __init__(self, keys: Keys, places: Places, opened: Callable[[Keys], Accumulator]) -> None:
        self._stands, self._numbers = Stands(keys, places), _Numbers(keys)
        self._inner = opened(self._numbers)

    def add(self, readings: Readings) -> None:
        number = self._stands.of(readings)
        self._numbers.count = self._stands.count
        self._inner.add(replace(readings, keys=self._numbers, device=number))

    def flush(self) -> Iterator[tuple[str, pa.Table]]:
        devices, sites = self._stands.known()
        for kind, table in self._inner.flush():
            number = table.column("device_id").cast(pa.int64())
            yield from _by_site(kind, table, sites.take(number.combine_chunks()), devices.take(number.combine_chunks()))


class _Numbers(Keys):
    """Keys whose devices are numbers, written as texts, and whose series are those of other keys."""

    def __init__(self, keys: Keys) -> None:
        super().__init__()
        self._inner, self.count = keys, 0

    def device_texts(self) -> pa.StringArray:
        return from_numpy(np.arange(self.count)).cast(pa.string())

    def series_texts(self) -> list[tuple[str, str | None]]:
        return self._inner.series_texts()


def regrouped(
    partials: Mapping[str, pa.Table], places: Places, opened: Callable[[Keys], Accumulator]
) -> dict[str, pa.Table]:
    """Partial rows by site of those by device: STATS and SKETCH where devices do not move, READINGS always."""
    found: dict[str, list[pa.Table]] = {}
    fresh: list[tuple[str, pa.Table]] = []
    for kind in (STATS, SKETCH):
        rows = partials.get(kind.name, kind.empty())
        codes, texts = text_codes(rows.column("device_id"))
        first, count = places.rows_of(texts)
        sites = places.sites(np.where(count > 0, first, -1))
        fresh += _by_site(kind.name, rows, sites.take(from_numpy(codes)), texts.take(from_numpy(codes)))
    readings = partials.get(READINGS.name, READINGS.empty())
    if len(readings):
        fresh += accumulated(readings, lambda keys: Placed(keys, places, opened))
    for name, table in fresh:
        found.setdefault(name, []).append(table)
    kinds = {kind.name: kind for kind in (STATS, SKETCH, SEEN)}
    return {name: merge(kinds[name], tables) for name, tables in found.items()}


def _by_site(
    kind: str, rows: pa.Table, sites: pa.StringArray, devices: pa.StringArray
) -> Iterator[tuple[str, pa.Table]]:
    """The rows with sites for devices, merged; and, of STATS, the devices seen."""
    schema = STATS if kind == STATS.name else SKETCH
    placed = rows.set_column(0, schema.columns.field(0), sites)
    yield kind, merge(schema, [placed])
    if kind == STATS.name:
        seen = placed.select(SEEN.columns.names[:-1]).append_column(SEEN.columns.field("device"), devices)
        yield SEEN.name, merge(SEEN, [seen])


def devices_seen(seen: pa.Table) -> Int64Array:
    """How many devices each key of merged SEEN rows has, in the order in which `finish` gives rows of the same keys."""
    packed = np.sort(series_keys(seen))
    return np.diff(starts_of_runs(packed), append=len(packed))


def series_keys(rows: pa.Table) -> Int64Array:
    """Integers that sort as (device_id, metric, unit, bucket) do: texts by their UTF-8 bytes, nulls first."""
    texts = [text_ranks(rows.column(name))[0] for name in ("device_id", "metric", "unit")]
    return pack([*texts, integers(rows.column("bucket"))])
