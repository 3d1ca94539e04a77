"""What was counted of each object that a run read, for jobs whose result that is (`Declaration.counts_objects`)."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from jobs.engine.plan import Plan
from jobs.engine.report import Report
from jobs.engine.shuffle import read_block
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Reason, Tally

REASONS: Final = tuple(str(reason) for reason in Reason)
_COUNTS: Final = ("records", "readings", "selected", "missing", "excluded", *REASONS)
_COUNTED: Final = pa.schema([pa.field("object", pa.string()), *(pa.field(name, pa.int64()) for name in _COUNTS)])

OBJECTS: Final = pa.schema(
    [
        pa.field("object", pa.string()),
        *(pa.field(name, pa.int64()) for name in ("bytes", *_COUNTS[:5], "rejects", *REASONS, "damaged_at")),
        pa.field("damage", pa.string()),
    ]
)
"""A row of each object. bytes: as it is stored, null for standard input. selected: readings that the filters left.
rejects: of all reasons. damaged_at: where the first damage begins, of the decompressed object; in Parquet, a row."""


class ObjectCounts:
    """The counts of a task's objects, whose pieces are added up."""

    def __init__(self) -> None:
        self._rows: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, uri: str, tally: Tally, selected: int) -> None:
        """One piece of an object."""
        counts = [tally.lines, tally.readings, selected, tally.missing, tally.excluded]
        counts += [tally.rejects[reason] for reason in REASONS]
        known = self._rows.get(uri)
        self._rows[uri] = counts if known is None else [a + b for a, b in zip(known, counts, strict=True)]

    def take(self) -> pa.Table:
        """The rows since the last call."""
        rows, self._rows = self._rows, {}
        columns = [list(rows), *([row[i] for row in rows.values()] for i in range(len(_COUNTS)))]
        return pa.Table.from_arrays(
            [pa.array(c, f.type) for c, f in zip(columns, _COUNTED, strict=True)], schema=_COUNTED
        )


def table(plan: Plan, report: Report) -> pa.Table:
    """OBJECTS rows of every object of the plan, by their URIs, from what the tasks reported."""
    from jobs.lake.runs import in_order

    blocks = [_COUNTED.empty_table(), *map(read_block, report.object_blocks)]
    summed = pa.concat_tables(blocks).group_by("object").aggregate([(name, "sum") for name in _COUNTS])
    counts = {name: summed[f"{name}_sum"] for name in _COUNTS}
    place = {uri: row for row, uri in enumerate(summed["object"].to_pylist())}
    first = {damage.object: damage for damage in reversed(report.damage)}  # which is sorted
    objects = plan.objects
    rows = pa.array([place.get(found.uri) for found in objects], pa.int64())
    damages = [first.get(found.uri) for found in objects]
    columns = {name: pc.fill_null(counts[name].take(rows), 0) for name in _COUNTS}
    columns["object"] = pa.array([found.uri for found in objects], pa.string())
    columns["bytes"] = pa.array([None if found.uri == "-" else found.size for found in objects], pa.int64())
    columns["rejects"] = from_numpy(sum(columns[name].to_numpy() for name in REASONS))
    columns["damaged_at"] = pa.array([damage and damage.offset for damage in damages], pa.int64())
    columns["damage"] = pa.array([damage and damage.what for damage in damages], pa.string())
    return in_order(pa.table([columns[name] for name in OBJECTS.names], schema=OBJECTS), ["object"])
