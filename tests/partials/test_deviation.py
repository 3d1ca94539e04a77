"""Deviations from a profile: what is usual, and the z-scores, are those of a few lines of plain Python."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.partials.deviation import Deviations, usual

NUMBERS = st.one_of(st.floats(-1e3, 1e3), st.sampled_from([0.0, -0.0, 5e-324, 1e-300, 101_325.0, 1e300, -1.7e308]))
STDDEVS = st.one_of(st.none(), NUMBERS.map(abs))
ROWS = st.lists(st.tuples(NUMBERS, STDDEVS, st.lists(NUMBERS, min_size=3, max_size=3).map(sorted)), max_size=8)
NAMES = ("mean", "stddev", "q0.25", "q0.5", "q0.75")


def profile(rows: list[tuple[float, float | None, list[float]]]) -> pa.Table:
    flat = [(mean, stddev, *quartiles) for mean, stddev, quartiles in rows]
    table = pa.table({name: pa.array([row[i] for row in flat], pa.float64()) for i, name in enumerate(NAMES)})
    return table.add_column(0, "hour", pa.array(range(len(rows)), pa.int64()))


@given(ROWS, st.sampled_from([0.0001, 0.01, 0.2]))
def test_quartiles_are_used_where_they_tell_a_spread(
    rows: list[tuple[float, float | None, list[float]]], error: float
) -> None:
    expected = []
    for hour, (mean, stddev, (low, median, high)) in enumerate(rows):
        if high - low > 4 * error * (abs(low) + abs(high)):
            level, spread, robust = median, (high - low) / 1.3489795003921634, True
        elif stddev is not None:
            level, spread, robust = mean, stddev, False
        else:
            continue
        if math.isfinite(spread):
            expected.append({"hour": hour, "level": level, "spread": spread, "is_median": robust})
    assert usual(profile(rows), error).to_pylist() == expected


@pytest.mark.parametrize(
    ("columns", "level", "spread"),
    [(("mean", "stddev"), 5.0, 2.0), (("q0.25", "q0.5", "q0.75"), 101_300.0, 20.0 / 1.3489795003921634)],
)
def test_what_a_profile_has_is_used(columns: tuple[str, ...], level: float, spread: float) -> None:
    rows = profile([(5.0, 2.0, [101_290.0, 101_300.0, 101_310.0])]).select(["hour", *columns])
    (row,) = usual(rows, 0.01).to_pylist()
    assert (row["level"], row["spread"]) == (level, spread)


def beside(value: float, level: float, spread: float, *, weekly: bool = False) -> Deviations:
    return Deviations(np.array([value]), np.array([level]), np.array([spread]), np.array([True]), weekly)


def z_of(value: float, level: float, spread: float) -> float:
    if value == level:
        return 0.0
    least = max(spread, 1e-9 * abs(level))
    return abs(value - level) / least if least else math.inf


@given(NUMBERS, NUMBERS, NUMBERS.map(abs))
def test_scores_are_the_definitions(value: float, level: float, spread: float) -> None:
    found = beside(value, level, spread)
    try:
        z = z_of(value, level, spread)
    except OverflowError:
        z = math.inf
    assert found.z[0] == z
    assert found.score[0] == pytest.approx(1.0 if math.isinf(z) else z / (z + 3.5), rel=1e-12, abs=1e-15)
    assert 0 <= found.score[0] <= 1
    assert (found.score[0] >= 0.5) == (z >= 3.5)


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS.map(abs))
def test_what_lies_farther_out_scores_no_less(one: float, other: float, level: float, spread: float) -> None:
    near, far = sorted((one, other), key=lambda value: z_of(value, level, spread))
    assert beside(near, level, spread).score[0] <= beside(far, level, spread).score[0]


def test_where_the_baseline_has_nothing_there_is_no_score() -> None:
    found = beside(1.0, math.nan, math.nan)
    assert not found.is_known[0]
    assert math.isnan(found.score[0])


@pytest.mark.parametrize(
    ("value", "level", "spread", "weekly", "reason"),
    [
        (30.0, 20.0, 2.0, True, "5 spreads above 20, the baseline's median on Thursdays at 15:00"),
        (10.0, 20.0, 0.5, False, "20 spreads below 20, the baseline's median at 15:00"),
        (20.5, 20.0, 0.0, False, "0.5 above 20, the baseline's median at 15:00"),
    ],
)
def test_reasons(value: float, level: float, spread: float, weekly: bool, reason: str) -> None:
    assert beside(value, level, spread, weekly=weekly).reason(0, 15) == reason
