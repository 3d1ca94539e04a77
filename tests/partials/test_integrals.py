"""Integrals of power: the oracle's, wherever slices and days are cut."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise
from math import isfinite
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.partials import energy as partials
from jobs.partials import exact
from jobs.partials.cuts import Windows
from jobs.partials.energy import ENERGY, PEAKS, EnergyWalk, Meter, Method, finish
from jobs.partials.merge import merge
from jobs.readings import zones
from jobs.readings.zones import DAY, SECOND
from tests.effort import rounds
from tests.jobs.energy_oracle import MINUTE, Reading, energy
from tests.partials.numbers import DOUBLES, rounded
from tests.partials.test_slices import Row, walked

EVE = int(datetime(2026, 3, 28, 22, tzinfo=UTC).timestamp()) * SECOND  # before the night that lacks an hour in Berlin
TIMES = st.one_of(
    st.integers(0, 6 * 60).map(lambda minutes: EVE + minutes * MINUTE),
    st.integers(EVE, EVE + 30 * 60 * MINUTE),
    st.integers(EVE + 5 * DAY, EVE + 5 * DAY + 60 * MINUTE),
)
FLUSHES = st.lists(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.just("power"), st.sampled_from(["W", None]), TIMES, DOUBLES), max_size=12
    ),
    max_size=3,
)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"])


def integrated(flushes: list[list[Row]], meter: Meter, slice_rows: int) -> pa.Table:
    walk = EnergyWalk(meter)
    parts = [part for one in walked(flushes, slice_rows) for part in walk.step(one)]
    assert list(walk.close()) == []
    kinds = (ENERGY, PEAKS)
    merged = {kind.name: merge(kind, [table for name, table in parts if name == kind.name]) for kind in kinds}
    return finish(merged, meter.demand, None)


def over(integral: Fraction, divisor: float) -> float:
    """An integral rounded once, divided; the exponents of both know no bounds but the quotient's."""
    total = rounded(integral)
    return total / divisor if isfinite(total) else rounded(Fraction(rounded(integral / 2**99) / divisor) * 2**99)


@given(
    FLUSHES,
    st.integers(1, 12),
    ZONES,
    st.sampled_from([15 * MINUTE, 60 * MINUTE, DAY]),
    st.sampled_from([SECOND, 30 * MINUTE, 2 * DAY]),
    st.sampled_from(["trapezoid", "left"]),
)
def test_every_day_is_the_oracles(
    flushes: list[list[Row]], slice_rows: int, zone: str, demand: int, max_gap: int, method: Method
) -> None:
    found = integrated(flushes, Meter(zones.load(zone), demand, max_gap, method), slice_rows).to_pylist()
    series: dict[tuple[str, str | None], list[Reading]] = {}
    for device, _, unit, time, value in (row for rows in flushes for row in rows):
        series.setdefault((device, unit), []).append((time, value))
    expected = {
        (*key, date): day for key, r in series.items() for date, day in energy(r, zone, demand, max_gap, method).items()
    }
    assert [(row["device_id"], row["unit"], row["date"]) for row in found] == sorted(
        expected, key=lambda key: (key[0], key[1] or "", key[2])
    )
    for row in found:
        day = expected[row["device_id"], row["unit"], row["date"]]
        assert (row["readings"], row["covered_hours"]) == (day.readings, day.covered / 3.6e9)
        assert row["uncovered_seconds"] == day.uncovered / 1e6
        if not day.covered:
            assert row["energy"] is row["mean_power"] is row["peak_demand"] is row["peak_start"] is None
            continue
        assert row["energy"] == over(day.integral, 7.2e12 if row["unit"] else 7.2e9)
        assert row["energy_unit"] == ("kWh" if row["unit"] else "value·h")
        assert row["mean_power"] == over(day.integral, 2 * day.covered)
        means = {start: over(whole, 2 * demand) for start, whole in day.windows.items()}
        assert row["peak_demand"] == max(means.values())
        start = min(start for start, mean in means.items() if mean == max(means.values()))
        assert int(row["peak_start"].timestamp() * 1_000_000) == start


def test_small_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[list[Row]] = [
        [(device, "power", "W", EVE + i * 7 * MINUTE, float(i % 13)) for device in "abc" for i in range(60)]
    ]
    meter = Meter(zones.load("Europe/Berlin"), 15 * MINUTE, 60 * MINUTE, "trapezoid")
    whole = integrated(rows, meter, 1000)
    monkeypatch.setattr(partials, "_BLOCK", 7)
    assert integrated(rows, meter, 1000) == integrated(rows, meter, 11) == whole


@pytest.mark.parametrize("method", ["trapezoid", "left"])
@pytest.mark.parametrize("block", [1, 3, 50])
def test_blocks_that_cut_an_interval_change_nothing(
    method: Method, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [0, 7 * MINUTE, 7 * MINUTE, 26 * 60 * MINUTE + 1, 27 * 60 * MINUTE, 9 * DAY]
    rows: list[list[Row]] = [
        [(device, "power", "W", EVE + time, float(i * 5 % 7)) for device in "ab" for i, time in enumerate(times)]
    ]
    meter = Meter(zones.load("Europe/Berlin"), 15 * MINUTE, 2 * DAY, method)
    whole = integrated(rows, meter, 1000)
    monkeypatch.setattr(partials, "_BLOCK", block)
    assert integrated(rows, meter, 1000) == integrated(rows, meter, 2) == whole


@pytest.mark.parametrize(
    ("readings", "interval", "demand"), [(2, 3 * DAY, SECOND), (500, DAY, 15 * MINUTE)], ids=["one long", "many"]
)
def test_a_block_has_no_more_rows_for_more_windows(
    readings: int, interval: int, demand: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    exact_words = exact.product_words

    def counted(value: Any, *others: Any) -> Any:
        sizes.append(len(value))
        return exact_words(value, *others)

    monkeypatch.setattr(exact, "product_words", counted)
    rows: list[list[Row]] = [[("a", "power", "W", EVE + i * interval, float(i)) for i in range(readings)]]
    integrated(rows, Meter(zones.load("UTC"), demand, interval, "left"), 1000)
    windows = (readings - 1) * interval // demand
    assert windows <= sum(sizes) < 1.1 * windows
    assert max(sizes) < 1.1 * partials._BLOCK


@settings(max_examples=rounds(30))
@given(st.lists(st.tuples(TIMES, st.floats(0, 1e4)), max_size=10), st.sampled_from([15 * MINUTE, DAY]))
def test_days_do_not_depend_on_the_demand_window(readings: list[Reading], demand: int) -> None:
    rows: list[list[Row]] = [[("a", "power", "kW", time, value) for time, value in readings]]
    one, other = (
        integrated(rows, Meter(zones.load("UTC"), window, DAY, "trapezoid"), 100).drop_columns(
            ["peak_demand", "peak_start"]
        )
        for window in (demand, MINUTE)
    )
    assert one == other


@given(st.integers(2, 3 * DAY), st.floats(0, 1e4), st.floats(0, 1e4))
def test_a_cut_line_is_integrated_as_a_line(length: int, v0: float, v1: float) -> None:
    """The rounding of weights is that of a microsecond of the interval."""
    rows: list[list[Row]] = [[("a", "power", "W", EVE, v0), ("a", "power", "W", EVE + length, v1)]]
    days = integrated(rows, Meter(zones.load("UTC"), DAY, 3 * DAY, "trapezoid"), 100).to_pylist()
    at = EVE
    for day in days:
        to = min((at // DAY + 1) * DAY, EVE + length)
        middle = Fraction(at + to - 2 * EVE, 2 * length)
        mean = Fraction(v0) * (1 - middle) + Fraction(v1) * middle
        assert day["energy"] * 3.6e12 == pytest.approx(float(mean * (to - at)), rel=1e-9, abs=1e4)
        at = to
    assert at == EVE + length


def test_windows_must_divide_a_day() -> None:
    with pytest.raises(ValueError, match="do not divide a day"):
        Windows(zones.load("UTC"), 7 * SECOND * 3600)


@given(st.lists(st.tuples(TIMES, st.integers(0, 2 * DAY)), max_size=5), ZONES, st.sampled_from([15 * MINUTE, DAY]))
def test_pieces_are_the_intervals_cut_at_every_edge(spans: list[tuple[int, int]], zone: str, size: int) -> None:
    windows = Windows(zones.load(zone), size)
    found = zip(*windows.cut(*(np.array([s[0] + s[1] * i for s in spans], np.int64) for i in (0, 1))), strict=True)
    pieces = sorted(tuple(map(int, piece)) for piece in found)
    for i, (at, length) in enumerate(spans):
        own = [piece[1:] for piece in pieces if piece[0] == i]
        edges = [at, *(end for _, end in own)]
        assert own == list(pairwise(edges))
        assert edges[-1] == at + length
        for begin, end in own:
            starts = windows.starts(np.array([begin, end - 1, end]))
            assert starts[0] == starts[1]
            assert starts[2] == end or end == at + length


def test_pieces_end_at_midnight_and_where_clocks_change() -> None:
    berlin = Windows(zones.load("Europe/Berlin"), DAY)
    place, begin, end = berlin.cut(np.array([EVE, EVE]), np.array([EVE + DAY, EVE]))
    assert place.tolist() == [0, 0, 0]
    assert ((begin - EVE) // (60 * MINUTE)).tolist() == [0, 1, 3]  # at 23:00 UTC and 01:00 UTC
    assert ((end - EVE) // (60 * MINUTE)).tolist() == [1, 3, 24]
