"""Which devices reported on which days: exactly, by a row for each device and day, or by sketches (HyperLogLog).

Sketches are Apache DataSketches' HLL_8 of 2^12 registers. Their registers and coupons depend on the set of devices
alone, but a sketch also keeps an estimate by the order of its updates; `estimate` uses the registers only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from jobs.partials import places
from jobs.partials.codes import pack, starts_of_runs, text_codes, text_ranks
from jobs.partials.merge import integers, merge
from jobs.partials.schema import STATS, Accumulator, Around, PartialSchema
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Int64Array, Readings

LG_K = 12
"""2^12 registers: the relative standard error is 1.04 / 64 = 1.6 %."""

_TEXT, _BUCKET = pa.field("group", pa.string(), nullable=False), pa.field("bucket", pa.int64(), nullable=False)
PRESENT = PartialSchema("present", pa.schema([pa.field("device_id", pa.string(), nullable=False), _TEXT, _BUCKET]), {})
"""A device that reported in a group (a metric, a site) on a day."""
SKETCHES = PartialSchema(
    "sketches",
    pa.schema([pa.field("device_id", pa.string(), nullable=False), _TEXT, _BUCKET, pa.field("sketch", pa.binary())]),
    {},
    single=True,
)
"""Sketches of the devices of a group and day, to be united; `device_id` is the group, too."""

COUNTS = pa.schema(
    [
        pa.field("group", pa.string()),
        pa.field("date", pa.date32()),
        *(pa.field(name, pa.int64()) for name in ("devices", "new", "returning", "lost")),
        pa.field("sketch", pa.binary()),
    ]
)
"""What one part of the devices adds to each group and day; the row of no group says how many devices it has, and in
`sketch` where their rows are set aside."""


class Presence(Around):
    """Accumulates PRESENT rows, or SKETCHES, by another accumulator: of moments by device, or by site."""

    def __init__(self, inner: Accumulator, group: str | None, *, sketched: bool) -> None:
        self._inner, self._group, self._sketched = inner, group, sketched

    def add(self, readings: Readings) -> None:
        self._inner.add(readings)

    def flush(self) -> Iterator[tuple[str, pa.Table]]:
        by_site = self._group == "site"
        for kind, table in self._inner.flush():
            if kind != (places.SEEN.name if by_site else STATS.name):
                continue
            device = table.column("device" if by_site else "device_id")
            if self._group is None:
                group = pa.chunked_array([pa.repeat(pa.scalar("", pa.string()), len(table))])
            else:
                group = table.column("device_id" if by_site else self._group)
            rows = merge(PRESENT, [pa.table([device, group, table.column("bucket")], schema=PRESENT.columns)])
            if self._sketched:
                yield SKETCHES.name, to_sketches(rows)
            else:
                yield PRESENT.name, rows


def to_sketches(present: pa.Table) -> pa.Table:
    """SKETCHES rows of distinct PRESENT rows: one for each group and day."""
    groups, texts = text_codes(present.column("group"))
    bucket = integers(present.column("bucket"))
    packed = pack([groups, bucket])
    order = np.argsort(packed, kind="stable")
    starts = starts_of_runs(packed[order])
    devices = present.column("device_id").take(from_numpy(order)).to_pylist()
    ends = [*starts[1:].tolist(), len(order)]
    sketches = [sketch_of(devices[a:b]) for a, b in zip(starts.tolist(), ends, strict=True)]
    group = texts.take(from_numpy(groups[order[starts]]))
    return pa.table(
        [group, group, from_numpy(bucket[order[starts]]), pa.array(sketches, pa.binary())], SKETCHES.columns
    )


def sketch_of(devices: Iterable[str]) -> bytes:
    """The sketch of devices, as bytes."""
    import datasketches

    sketch = datasketches.hll_sketch(LG_K, datasketches.tgt_hll_type.HLL_8)
    for device in devices:
        sketch.update(device)
    return bytes(sketch.serialize_compact())


def united(sketches: Iterable[bytes]) -> Any:
    """The union of sketches."""
    import datasketches

    union = datasketches.hll_union(LG_K)
    for data in sketches:
        union.update(datasketches.hll_sketch.deserialize(data))
    return union.get_result(datasketches.tgt_hll_type.HLL_8)


def estimate(sketches: Iterable[bytes]) -> int:
    """How many devices the sketches hold together: the same for the same devices, however they were cut and merged.

    A sketch that was united with itself has the same registers and no memory of their order: its estimate is the
    composite one, which sums powers of two of the registers, exactly in any order.
    """
    import datasketches

    sketch = united(sketches)
    union = datasketches.hll_union(LG_K)
    union.update(sketch)
    union.update(sketch)
    found: float = union.get_result(datasketches.tgt_hll_type.HLL_8).get_estimate()
    return round(found)


def counted(present: pa.Table, skipped: Int64Array, aside: str | None = None) -> pa.Table:
    """COUNTS rows of merged PRESENT rows of some devices, each with all its days. skipped: the days that were none, so
    that those around them follow each other. aside: where these rows are kept."""
    if not len(present):
        return COUNTS.empty_table()
    device, groups = text_ranks(present.column("device_id"))[0], text_ranks(present.column("group"))
    bucket = integers(present.column("bucket"))
    order = np.lexsort((bucket, groups[0], device))
    who, what, day = device[order], groups[0][order], (bucket - np.searchsorted(skipped, bucket))[order]
    same = (who[1:] == who[:-1]) & (what[1:] == what[:-1])
    before = np.concatenate([[False], same & (day[1:] == day[:-1] + 1)])[: len(day)]
    known = np.concatenate([[False], same])[: len(day)]
    after = np.concatenate([same & (day[1:] == day[:-1] + 1), [False]])[: len(day)]
    left = ~after
    keys = np.concatenate([what, what[left]]), np.concatenate([day, day[left] + 1])
    columns = [np.ones(len(day), np.int64), ~known, known & ~before, np.zeros(len(day), np.int64)]
    lost = [np.zeros(left.sum(), np.int64)] * 3 + [np.ones(left.sum(), np.int64)]
    packed = pack(list(keys))
    by_key = np.argsort(packed, kind="stable")
    starts = starts_of_runs(packed[by_key])
    sums = [
        np.add.reduceat(np.concatenate([c.astype(np.int64), x])[by_key], starts) if len(starts) else starts
        for c, x in zip(columns, lost, strict=True)
    ]
    first = by_key[starts]
    group = groups[1].take(from_numpy(keys[0][first]))
    days = keys[1][first]
    days = days + np.searchsorted(skipped - np.arange(len(skipped)), days, side="right")
    counts = pa.table([group, _dates(days), *map(pa.array, sums)], COUNTS.remove(len(COUNTS) - 1))
    total = _no_group(len(np.unique(device)), aside)
    return pa.concat_tables([total, counts.append_column(COUNTS.field("sketch"), pa.nulls(len(counts), pa.binary()))])


_ORDER = [("group", "ascending"), ("date", "ascending")]


def of_sketches(sketches: pa.Table) -> pa.Table:
    """COUNTS rows of SKETCHES rows."""
    rows = pa.table([sketches["group"], _dates(integers(sketches["bucket"]))], ["group", "date"])
    for name in ("devices", "new", "returning", "lost"):
        rows = rows.append_column(name, pa.nulls(len(rows), pa.int64()))
    return rows.append_column("sketch", sketches["sketch"]).cast(COUNTS).sort_by(_ORDER)


def _no_group(devices: int, aside: str | None) -> pa.Table:
    row = dict.fromkeys(COUNTS.names) | {"devices": devices, "sketch": aside.encode() if aside else None}
    return pa.Table.from_pylist([row], COUNTS)


def _dates(days: Int64Array) -> pa.Array:
    return from_numpy(days.astype(np.int32), pa.date32())


def estimated(parts: Iterable[pa.Table]) -> pa.Table:
    """The result of COUNTS rows with sketches, of whole groups: their days in order."""
    import datasketches

    held: dict[tuple[str, date], Any] = {}
    for part in parts:
        for group, day, sketch in zip(*(part[n].to_pylist() for n in ("group", "date", "sketch")), strict=True):
            if (group, day) not in held:
                held[group, day] = datasketches.hll_union(LG_K)
            held[group, day].update(datasketches.hll_sketch.deserialize(sketch))
    wholes = [union.get_result(datasketches.tgt_hll_type.HLL_8) for union in held.values()]
    devices = [estimate([bytes(whole.serialize_compact())]) for whole in wholes]
    columns = [[group for group, _ in held], [day for _, day in held], devices, *[[None] * len(held)] * 3]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, list(COUNTS)[:-1], strict=True)]
    return pa.table(arrays, COUNTS.remove(len(COUNTS) - 1)).sort_by(_ORDER)


def added_up(counts: pa.Table) -> pa.Table:
    """The result of COUNTS rows of whole groups: their days in order, each group's to the last with a device."""
    names = ["devices", "new", "returning", "lost"]
    summed = counts.group_by(["group", "date"]).aggregate([(name, "sum") for name in names]).sort_by(_ORDER)
    summed = summed.select(["group", "date", *(f"{name}_sum" for name in names)]).rename_columns(COUNTS.names[:-1])
    groups, days = text_codes(summed["group"])[0], integers(summed["date"].cast(pa.int32()))
    last = np.full(groups.max(initial=-1) + 1, -(2**31))
    there = integers(summed["devices"]) > 0
    np.maximum.at(last, groups[there], days[there])
    return summed.filter(from_numpy(days <= last[groups]))
