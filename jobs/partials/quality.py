"""What is wrong with readings, counted by series and day. docs/data_quality.md defines every count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from jobs.partials.arrivals import Lateness
from jobs.partials.buckets import Buckets
from jobs.partials.codes import text_ranks
from jobs.partials.images import to_images
from jobs.partials.merge import integers
from jobs.partials.repetition import Repetition
from jobs.partials.rows import partial_rows, texts_of
from jobs.partials.schema import SERIES, Merge, PartialSchema
from jobs.partials.totals import add_up, numbered
from jobs.partials.walks import Last, Slice, Yielded, sequence_rows
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Absence, Float64Array, Int64Array, Keys, Readings

FAULTS = ("duplicates", "conflicts", "out_of_order", "future", "past", "stuck", "out_of_range", "jumps")
"""What the score counts."""
_COUNTS = ("readings", "missing", "rejects", *FAULTS, "longest_run")
_MERGES: dict[str, Merge] = {name: "max" if name == "longest_run" else "sum" for name in _COUNTS}
QUALITY = PartialSchema(
    "quality", pa.schema([*SERIES, *(pa.field(name, pa.int64(), nullable=False) for name in _COUNTS)]), _MERGES
)
"""bucket: the local day. longest_run: the most equal values in a row up to a reading of the day."""

_ABSENCES = tuple(str(absence) for absence in Absence)
_NEW_ROWS = 65_536
_PART_ROWS = 1 << 17  # counting them takes several times their size
NO_LIMITS: Mapping[str, float] = {}


@dataclass(frozen=True)
class Rules:
    """What counts as a fault. stuck: the least length of a run of equal values. limits: by metric, `min`, `max` and
    `step`. not_before: a bucket. started: µs since 1970 UTC. placed: whether the places of readings are known."""

    buckets: Buckets
    stuck: int
    started: int
    not_before: int | None = None
    limits: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    placed: bool = True

    def bounds(self, keys: Keys) -> tuple[Float64Array, Float64Array, Float64Array]:
        """Minimum, maximum and step of each series, infinite for none."""
        own = [self.limits.get(metric, NO_LIMITS) for metric, _ in keys.series_texts()]
        defaults = {"min": -np.inf, "max": np.inf, "step": np.inf}
        low, high, step = (np.array([of.get(k, none) for of in own], np.float64) for k, none in defaults.items())
        return low, high, step


class AbsentValues:
    """Accumulates batches of absent values as QUALITY rows."""

    def __init__(self, keys: Keys, buckets: Buckets) -> None:
        self._keys, self._buckets = keys, buckets
        self._held: list[list[Int64Array]] = []  # device, series, bucket, number of the absence, count

    def add(self, readings: Readings) -> None:
        assert readings.absence is not None
        absence = np.full(len(readings), _ABSENCES.index(readings.absence))
        codes = [readings.device.astype(np.int64), readings.series.astype(np.int64)]
        columns = [*codes, self._buckets.of(readings.timestamp), absence, np.ones(len(readings), np.int64)]
        self._held.append(add_up(columns, 4))
        if len(self._held) > 1 and self.groups > 2 * len(self._held[0][0]) + _NEW_ROWS:
            self._held = [self._together()]

    def flush(self) -> Yielded:
        if self._held:
            (*keys, absence, count), self._held = self._together(), []
            counts = {name: np.where(absence == number, count, 0) for number, name in enumerate(_ABSENCES)}
            columns = [counts.get(name, np.zeros(len(count), np.int64)) for name in _COUNTS]
            yield QUALITY.name, partial_rows(QUALITY, texts_of(self._keys), [*keys, *columns])

    def _together(self) -> list[Int64Array]:
        return add_up([np.concatenate(column) for column in zip(*self._held, strict=True)], 4)

    @property
    def groups(self) -> int:
        return sum(len(columns[0]) for columns in self._held)

    @property
    def nbytes(self) -> int:
        return self.groups * 8 * (3 + len(_COUNTS))


class QualityWalk:
    """Counts the faults of slices, as QUALITY rows."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._last = Last()
        self._lateness = Lateness()
        self._repetition = Repetition(rules.stuck)

    def step(self, readings: Slice) -> Yielded:
        for part in readings.parts(_PART_ROWS):
            yield from self._step(part)

    def _step(self, readings: Slice) -> Yielded:
        rules, time = self._rules, readings.timestamp
        bucket = rules.buckets.of(time)
        low, high, step = (b[readings.readings.series] for b in rules.bounds(readings.readings.keys))
        image = to_images(readings.value)
        again = ~readings.is_start  # at the time of the reading before
        again[1:] &= time[1:] == time[:-1]
        is_repeat = again.copy()
        is_repeat[1:] &= image[1:] == image[:-1]

        first = ~is_repeat
        distinct = readings.take(first)
        seen, _, before = self._last.follow(distinct)
        is_same = seen & (to_images(before) == image[first])
        repeated = self._repetition.step(distinct, bucket[first], is_same)
        with np.errstate(over="ignore"):
            jumps = seen & (np.abs(distinct.value - np.where(seen, before, distinct.value)) > step[first])

        day, firsts = numbered([readings.sequence, bucket])
        longest = np.zeros(len(firsts), np.int64)
        np.maximum.at(longest, day[first], repeated.position)
        counted = {
            "readings": day,
            "duplicates": day[is_repeat],
            "conflicts": day[again & ~is_repeat],
            "future": day[time > rules.started],
            "stuck": day[first][repeated.is_stuck],
            "out_of_range": day[(readings.value < low) | (readings.value > high)],
            "jumps": day[first][jumps],
        }
        if rules.not_before is not None:
            counted["past"] = day[bucket < rules.not_before]
        counts = {name: np.bincount(rows, minlength=len(firsts)) for name, rows in counted.items()}
        parts = [_rows(readings.sequence[firsts], bucket[firsts], longest_run=longest, **counts)]
        sequence, days, count = repeated.settled
        parts.append(_rows(sequence, days, stuck=count))
        if rules.placed:
            sequence, days, count = self._lateness.step(readings.sequence, bucket, time, readings.readings.offset)
            parts.append(_rows(sequence, days, out_of_order=count))
        columns = add_up([np.concatenate(c) for c in zip(*parts, strict=True)], 2, list(_MERGES.values()))
        yield QUALITY.name, sequence_rows(QUALITY, readings, columns[0], columns[1:])

    def close(self) -> Yielded:
        yield from ()


def _rows(sequence: Int64Array, bucket: Int64Array, **counts: Int64Array) -> list[Int64Array]:
    nothing = np.zeros(len(sequence), np.int64)
    return [sequence, bucket, *(counts.get(name, nothing).astype(np.int64) for name in _COUNTS)]


def finish(partials: Mapping[str, pa.Table], rules: Rules) -> pa.Table:
    """The counts of each series and day, from merged QUALITY rows, sorted.

    Columns: device_id, metric, unit, date (date32), readings, missing, rejects, duplicates, conflicts, out_of_order,
    future, past, stuck, longest_run, out_of_range, jumps (int64), score (float64); what was not looked for is null.
    """
    rows = partials[QUALITY.name]
    ranks, texts = zip(*(text_ranks(rows.column(name)) for name in ("device_id", "metric", "unit")), strict=True)
    bucket = integers(rows.column("bucket"))
    order = np.lexsort((bucket, *reversed(ranks)))
    counts = {name: integers(rows.column(name))[order] for name in _COUNTS}
    has_range, has_step = _limited(texts[1], rules)
    metric = ranks[1][order]
    everywhere = np.ones(len(order), np.bool_)
    unknown = {
        "out_of_order": everywhere & (not rules.placed),
        "past": everywhere & (rules.not_before is None),
        "out_of_range": ~has_range[metric],
        "jumps": ~has_step[metric],
    }
    columns = {
        name: of.take(from_numpy(rank[order], mask=rank[order] < 0))
        for name, of, rank in zip(("device_id", "metric", "unit"), texts, ranks, strict=True)
    }
    columns["date"] = from_numpy(bucket[order].astype(np.int32), pa.date32())
    for name in ("readings", *_ABSENCES, *FAULTS[:6], "longest_run", *FAULTS[6:]):
        columns[name] = from_numpy(counts[name], mask=unknown.get(name))
    faults = sum((counts[name] for name in FAULTS), np.zeros(len(order), np.int64))
    values = sum((counts[name] for name in ("readings", *_ABSENCES)), np.zeros(len(order), np.int64))
    columns["score"] = from_numpy(100 * np.maximum(counts["readings"] - faults, 0) / values)
    return pa.table(columns)


def _limited(metrics: pa.Array, rules: Rules) -> tuple[np.ndarray, np.ndarray]:
    """Whether each metric has bounds, and whether it has a step."""
    own = [set(rules.limits.get(metric, NO_LIMITS)) for metric in metrics.to_pylist()]
    return np.array([bool(o & {"min", "max"}) for o in own], np.bool_), np.array(["step" in o for o in own], np.bool_)
