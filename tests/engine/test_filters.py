"""Filters keep what matches, whichever keys came when."""

from __future__ import annotations

import numpy as np

from jobs.engine.filters import Filter
from jobs.readings.model import NO_TIME, Keys, Readings


def _readings(keys: Keys, rows: list[tuple[int, str, str]]) -> Readings:
    return Readings(
        keys,
        np.array([t for t, _, _ in rows], np.int64),
        np.array([keys.device(d) for _, d, _ in rows], np.int32),
        np.array([keys.series(m) for _, _, m in rows], np.int32),
        np.arange(len(rows), dtype=np.float64),
        np.arange(len(rows), dtype=np.int64),
    )


ROWS = [
    (10, "dev-001", "temperature"),
    (20, "dev-002", "humidity"),
    (30, "pump", "temperature"),
    (NO_TIME, "dev-001", "x"),
]


def test_globs_and_times_select_together() -> None:
    keys = Keys()
    chosen = Filter(metrics=("temp*", "humidity"), devices=("dev-*",), since=10, until=30)
    assert chosen.apply(_readings(keys, ROWS)).value.tolist() == [0.0, 1.0]
    later = _readings(keys, [(15, "dev-9", "temp"), (30, "dev-9", "temp"), (9, "dev-9", "temp"), (15, "other", "temp")])
    assert chosen.apply(later).value.tolist() == [0.0]


def test_readings_without_a_time_lie_in_no_range() -> None:
    assert Filter(since=-5).apply(_readings(Keys(), ROWS)).value.tolist() == [0.0, 1.0, 2.0]
    assert Filter(until=25).apply(_readings(Keys(), ROWS)).value.tolist() == [0.0, 1.0]


def test_no_filter_copies_nothing() -> None:
    readings = _readings(Keys(), ROWS)
    assert Filter().apply(readings) is readings


def test_globs_tell_upper_from_lower_case() -> None:
    assert len(Filter(devices=("DEV-*",)).apply(_readings(Keys(), ROWS))) == 0
