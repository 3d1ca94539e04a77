"""Unusual readings: slices judged reading by reading, and the rows that tell of them. `unusual` defines the scores."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jobs.kernel import library
from jobs.partials.buckets import Buckets
from jobs.partials.codes import pack, text_ranks
from jobs.partials.images import to_images
from jobs.partials.merge import integers
from jobs.partials.rows import texts_of
from jobs.partials.schema import PartialSchema
from jobs.partials.unusual import PARAMETERS, Judged, Parameters, Series
from jobs.partials.walks import Slice, Yielded
from jobs.readings.model import Float64Array, Int64Array, Keys
from jobs.readings.zones import DAY, Zone

DETECTORS = ("novelty", "seasonal")
_HOUR = DAY // 24
_DAYS = ("Thursdays", "Fridays", "Saturdays", "Sundays", "Mondays", "Tuesdays", "Wednesdays")  # 1970-01-01 first

ANOMALIES = PartialSchema(
    "anomalies",
    pa.schema(
        [
            pa.field("device_id", pa.string(), nullable=False),
            pa.field("metric", pa.string(), nullable=False),
            pa.field("unit", pa.string()),
            pa.field("timestamp", pa.int64(), nullable=False),
            pa.field("value", pa.float64(), nullable=False),
            pa.field("score", pa.float64(), nullable=False),
            pa.field("detector", pa.string(), nullable=False),
            pa.field("reason", pa.string()),
        ]
    ),
    {},
    single=True,
)
"""A row for each reading and detector that is shown. timestamp: µs since 1970 UTC. reason: null below the threshold."""
KINDS = {ANOMALIES.name: ANOMALIES}


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
    """The walk: slices in, ANOMALIES rows out."""

    def __init__(self, rules: Rules, keys: Keys, kernel: bool) -> None:
        self._rules, self._keys, self._judge = rules, keys, open_judge(kernel)

    def step(self, readings: Slice) -> Yielded:
        codes, texts = readings.readings, texts_of(self._keys)
        hour = self._rules.hours.of(readings.timestamp)
        judgement = self._judge.judge(readings.sequence, hour, readings.value)
        for detector in self._rules.detectors:
            rows, shown = show(self._rules, detector, judgement, readings.timestamp, hour, readings.value)
            series = pa.array(codes.series[rows])
            who = texts.device_id.take(pa.array(codes.device[rows]))
            columns = [who, texts.metric.take(series), texts.unit.take(series), *shown]
            if len(rows):
                yield ANOMALIES.name, pa.Table.from_arrays(columns, schema=ANOMALIES.columns)

    def close(self) -> Yielded:
        yield from ()


def show(
    rules: Rules, detector: str, judgement: Judgement, timestamp: Int64Array, hour: Int64Array, value: Float64Array
) -> tuple[Int64Array, list[pa.Array]]:
    """Which readings are shown, and the columns of ANOMALIES from `timestamp` on."""
    score = judgement.score[detector]
    anomalous = score >= rules.threshold
    rows = np.arange(len(score)) if rules.every else np.flatnonzero(anomalous)
    reasons: npt.NDArray[np.object_] = np.full(len(score), None)
    for row in np.flatnonzero(anomalous).tolist():
        reasons[row] = reason(detector, judgement, row, int(hour[row]), float(value[row]))
    columns = [timestamp[rows], value[rows], score[rows], [detector] * len(rows), reasons[rows]]
    fields = list(ANOMALIES.columns)[3:]
    return rows, [pa.array(column, field.type) for column, field in zip(columns, fields, strict=True)]


def reason(detector: str, judgement: Judgement, row: int, hour: int, value: float) -> str:
    """Why a reading is unusual, in words."""
    marks, expected, spread = int(judgement.marks[row]), float(judgement.expected[row]), float(judgement.spread[row])
    clock = f"{hour % 24:02}:00"
    basis = ("so far", f"at {clock}", f"on {_DAYS[hour // 24 % 7]} at {clock}")[marks & 3]
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
    types = [pa.timestamp("us", "UTC") if f.name == "timestamp" else f.type for f in ANOMALIES.columns]
    return rows.take(pa.array(order)).cast(pa.schema(list(zip(ANOMALIES.columns.names, types, strict=True))))
