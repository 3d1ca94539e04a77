"""Unusual readings: slices judged reading by reading, and the rows that tell of them. `unusual` defines the scores."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jobs.kernel import library
from jobs.partials.buckets import Buckets
from jobs.partials.codes import pack, text_ranks
from jobs.partials.deviation import Deviations, Usual
from jobs.partials.images import to_images
from jobs.partials.merge import integers
from jobs.partials.profile import hour_in_words
from jobs.partials.rows import texts_of
from jobs.partials.schema import PartialSchema
from jobs.partials.unusual import PARAMETERS, Judged, Parameters, Series
from jobs.partials.walks import Slice, Yielded
from jobs.readings.arrays import from_numpy
from jobs.readings.model import NO_TIME, Float64Array, Int64Array, Keys
from jobs.readings.zones import DAY, Zone

PROFILE = "profile"
"""The detector that compares with a baseline; the others walk through a series."""
DETECTORS = ("novelty", PROFILE, "seasonal")
_HOUR = DAY // 24

ANOMALIES = PartialSchema(
    "anomalies",
    pa.schema(
        [
            pa.field("device_id", pa.string(), nullable=False),
            pa.field("metric", pa.string(), nullable=False),
            pa.field("unit", pa.string()),
            pa.field("timestamp", pa.int64(), nullable=False),
            pa.field("value", pa.float64(), nullable=False),
            pa.field("score", pa.float64()),
            pa.field("detector", pa.string(), nullable=False),
            pa.field("reason", pa.string()),
        ]
    ),
    {},
    single=True,
)
"""A row for each reading and detector that is shown. timestamp: µs since 1970 UTC. score: null where the baseline has
nothing. reason: null below the threshold. The value at NO_TIME is how many readings the baseline knows nothing of."""
KINDS = {ANOMALIES.name: ANOMALIES}
UNKNOWN = "not in the baseline"


@dataclass(frozen=True)
class Rules:
    """What is shown. detectors: names. threshold: the least score of an anomaly. every: the others' scores, too."""

    zone: Zone
    detectors: Sequence[str]
    threshold: float
    every: bool

    @property
    def hours(self) -> Buckets:
        return Buckets(self.zone, _HOUR)


@dataclass(frozen=True)
class Judgement:
    """Judged, a column each. score: by detector."""

    score: dict[str, Float64Array]
    expected: Float64Array
    spread: Float64Array
    marks: npt.NDArray[np.uint8]


class Judge(Protocol):
    """Keeps the state of each sequence."""

    def judge(self, sequence: Int64Array, hour: Int64Array, value: Float64Array) -> Judgement:
        """The readings that come next, each sequence's in the order of time.

        sequence: codes from 0. hour: local hours since 1970-01-01 00:00.
        """


class PlainJudge:
    """The definition itself, reading by reading."""

    def __init__(self, parameters: Parameters = PARAMETERS) -> None:
        self._parameters = parameters
        self._series: dict[int, Series] = {}

    def judge(self, sequence: Int64Array, hour: Int64Array, value: Float64Array) -> Judgement:
        judged = [
            self._series.setdefault(s, Series()).judge(h, v, self._parameters)
            for s, h, v in zip(sequence.tolist(), hour.tolist(), value.tolist(), strict=True)
        ]
        columns = zip(*judged, strict=True) if judged else [()] * len(Judged._fields)
        seasonal, novelty, expected, spread, marks = columns
        score = {"novelty": np.array(novelty, np.float64), "seasonal": np.array(seasonal, np.float64)}
        return Judgement(score, np.array(expected, np.float64), np.array(spread, np.float64), np.array(marks, np.uint8))


class KernelJudge:
    """The same in the kernel: jobs/kernel/anomalies.c."""

    def __init__(self, kernel: ctypes.CDLL, parameters: Parameters = PARAMETERS) -> None:
        self._judge = kernel.anomalies_judge
        self._judge.argtypes, self._judge.restype = (
            [*(2 * [ctypes.c_void_p]), ctypes.c_int64, *7 * [ctypes.c_void_p]],
            None,
        )
        kernel.anomalies_state_bytes.restype = ctypes.c_int64
        self._parameters = np.array(parameters, np.float64)
        self._states = np.zeros((0, int(kernel.anomalies_state_bytes())), np.uint8)

    def judge(self, sequence: Int64Array, hour: Int64Array, value: Float64Array) -> Judgement:
        n = len(sequence)
        self._grow(int(sequence.max(initial=-1)) + 1)
        columns = [np.ascontiguousarray(c) for c in (sequence, hour, value)]
        scores, expected, spread, marks = np.empty((2, n)), np.empty(n), np.empty(n), np.empty(n, np.uint8)
        given: list[npt.NDArray[Any]] = [self._parameters, self._states, *columns, scores, expected, spread, marks]
        at = [array.ctypes.data for array in given]
        self._judge(*at[:2], n, *at[2:])
        return Judgement({"seasonal": scores[0], "novelty": scores[1]}, expected, spread, marks)

    def _grow(self, sequences: int) -> None:
        """Room for so many, twice as much as before at least; the state of a new one is all zero."""
        have, width = self._states.shape
        if sequences > have:
            grown = np.zeros((max(sequences, 2 * have), width), np.uint8)
            grown[:have] = self._states
            self._states = grown


def open_judge(kernel: bool) -> Judge:
    """kernel: use it if it is there; the scores are the same without."""
    loaded = library.load() if kernel else None
    return PlainJudge() if loaded is None else KernelJudge(loaded)


class Watch:
    """The walk: slices in, ANOMALIES rows out. baseline: what is usual (`deviation.usual`), for PROFILE."""

    def __init__(self, rules: Rules, keys: Keys, kernel: bool, baseline: pa.Table | None = None) -> None:
        self._rules, self._keys, self._judge = rules, keys, open_judge(kernel)
        self._walks = [detector for detector in rules.detectors if detector != PROFILE]
        self._usual = None if baseline is None else Usual(baseline, rules.zone)
        self._unknown = 0

    def step(self, readings: Slice) -> Yielded:
        time, value = readings.timestamp, readings.value
        hour = self._rules.hours.of(time)
        if self._walks:
            judgement = self._judge.judge(readings.sequence, hour, value)
            for detector in self._walks:
                yield from self._shown(readings, *show(self._rules, detector, judgement, time, hour, value))
        if self._usual is not None:
            found = self._usual.deviations(readings.readings)
            self._unknown += int(np.count_nonzero(~found.is_known))
            yield from self._shown(readings, *show_deviations(self._rules, found, time, hour))

    def _shown(self, readings: Slice, rows: Int64Array, shown: list[pa.Array]) -> Yielded:
        codes, texts = readings.readings, texts_of(self._keys)
        series = from_numpy(codes.series[rows])
        who = texts.device_id.take(from_numpy(codes.device[rows]))
        columns = [who, texts.metric.take(series), texts.unit.take(series), *shown]
        if len(rows):
            yield ANOMALIES.name, pa.Table.from_arrays(columns, schema=ANOMALIES.columns)

    def close(self) -> Yielded:
        if self._unknown:
            yield ANOMALIES.name, unknown(self._unknown)


def show(
    rules: Rules, detector: str, judgement: Judgement, timestamp: Int64Array, hour: Int64Array, value: Float64Array
) -> tuple[Int64Array, list[pa.Array]]:
    """Which readings are shown, and the columns of ANOMALIES from `timestamp` on."""

    def why(row: int) -> str:
        return reason(detector, judgement, row, int(hour[row]), float(value[row]))

    return _show(rules, detector, judgement.score[detector], why, timestamp, value)


def show_deviations(
    rules: Rules, found: Deviations, timestamp: Int64Array, hour: Int64Array
) -> tuple[Int64Array, list[pa.Array]]:
    """The same of PROFILE."""
    return _show(rules, PROFILE, found.score, lambda row: found.reason(row, int(hour[row])), timestamp, found.value)


def _show(
    rules: Rules,
    detector: str,
    score: Float64Array,
    why: Callable[[int], str],
    timestamp: Int64Array,
    value: Float64Array,
) -> tuple[Int64Array, list[pa.Array]]:
    anomalous = score >= rules.threshold
    rows = np.arange(len(score)) if rules.every else np.flatnonzero(anomalous)
    reasons: npt.NDArray[np.object_] = np.full(len(score), None)
    reasons[np.isnan(score)] = UNKNOWN
    for row in np.flatnonzero(anomalous).tolist():
        reasons[row] = why(row)
    columns = [timestamp[rows], value[rows], score[rows], [detector] * len(rows), reasons[rows]]
    fields = list(ANOMALIES.columns)[3:]
    return rows, [pa.array(c, f.type, from_pandas=True) for c, f in zip(columns, fields, strict=True)]


def unknown(count: int) -> pa.Table:
    """The row that tells how many readings the baseline knows nothing of."""
    return pa.Table.from_pylist(
        [{"device_id": "", "metric": "", "timestamp": NO_TIME, "value": float(count), "detector": PROFILE}],
        ANOMALIES.columns,
    )


def without_unknown(rows: pa.Table) -> tuple[pa.Table, int]:
    """The rows of a result without those that `unknown` made, and how many readings these tell of."""
    told = rows.filter(rows["timestamp"].is_null())
    return rows.filter(rows["timestamp"].is_valid()), int(pc.sum(told["value"]).as_py() or 0)


def reason(detector: str, judgement: Judgement, row: int, hour: int, value: float) -> str:
    """Why a reading is unusual after those before it, in words."""
    marks, expected, spread = int(judgement.marks[row]), float(judgement.expected[row]), float(judgement.spread[row])
    basis = hour_in_words(hour, weekly=(marks & 3) == 2) if marks & 3 else "so far"
    if detector == "novelty" and marks & 4:
        extreme = "highest" if marks & 8 else "lowest"
        return f"the {extreme} of late; usual {basis} is {expected:.6g}"
    side = "above" if value > expected else "below"
    distance = f"{abs(value - expected) / spread:.3g} spreads" if spread else f"{abs(value - expected):.3g}"
    return f"{distance} {side} {expected:.6g}, which is usual {basis}: farther than of late"


def finish(rows: pa.Table) -> pa.Table:
    """The result, in the order of device, metric, unit, timestamp, value, detector; repeats by score and reason."""
    texts = [text_ranks(rows.column(name))[0] for name in ("device_id", "metric", "unit")]
    time, value = integers(rows.column("timestamp")), to_images(rows.column("value").to_numpy())
    detector, why = (text_ranks(rows.column(name))[0] for name in ("detector", "reason"))
    score = to_images(rows.column("score").to_numpy())
    order = np.argsort(pack([*texts, time, value, detector, score, why]), kind="stable")
    is_told = from_numpy(time == NO_TIME)
    rows = rows.set_column(3, "timestamp", pc.if_else(is_told, pa.scalar(None, pa.int64()), rows["timestamp"]))
    types = [pa.timestamp("us", "UTC") if f.name == "timestamp" else f.type for f in ANOMALIES.columns]
    return rows.take(from_numpy(order)).cast(pa.schema(list(zip(ANOMALIES.columns.names, types, strict=True))))
