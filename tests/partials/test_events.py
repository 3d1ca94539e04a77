"""Events are the oracle's, wherever slices are cut."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from jobs.partials.events import EVENTS, PEAKS, EventWalk, Limits, finish
from jobs.partials.images import to_images
from jobs.partials.merge import merge
from jobs.readings.model import Float64Array
from tests.jobs.events_oracle import Reading, events
from tests.partials.numbers import rounded
from tests.partials.test_slices import Row, walked

FLUSHES = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.just("t"),
            st.sampled_from([None, "°C"]),
            st.integers(0, 40),
            st.sampled_from([-1e308, -3.0, -1.0, -0.25, -0.0, 0.0, 0.1, 0.5, 1.0, 1.5, 2.0, 1e300, 1.7e308]),
        ),
        max_size=20,
    ),
    max_size=3,
)
LIMITS = st.sampled_from([(None, 0.0), (None, 0.75), (-0.5, None), (0.0, 1.0), (-2.0, 1.25)])


@given(
    FLUSHES,
    st.integers(1, 12),
    LIMITS,
    st.sampled_from([0.0, 0.25, 0.5]),
    st.sampled_from([1, 4, 100]),
    st.integers(0, 4),
)
def test_every_event_is_the_oracles(
    flushes: list[list[Row]],
    slice_rows: int,
    bounds: tuple[float | None, float | None],
    hysteresis: float,
    max_gap: int,
    min_duration: int,
) -> None:
    walk = EventWalk(Limits(*bounds, hysteresis, max_gap))
    parts = [part for one in walked(flushes, slice_rows) for part in walk.step(one)]
    merged = {k.name: merge(k, [table for name, table in parts if name == k.name]) for k in (EVENTS, PEAKS)}
    found = [tuple(map(_plain, row.values())) for row in finish(merged, min_duration).to_pylist()]

    series: dict[tuple[str, str | None], list[Reading]] = {}
    for device, _, unit, time, value in (row for rows in flushes for row in rows):
        series.setdefault((device, unit), []).append((time, value))
    expected = []
    for (device, unit), readings in sorted(series.items(), key=lambda item: (item[0][0], item[0][1] or "")):
        for event in events(readings, *bounds, hysteresis, max_gap):
            start = event.readings[0][0]
            if event.end - start < min_duration:
                continue
            peak_time, peak = event.peak(*bounds)
            mean = rounded(sum((Fraction(v) for _, v in event.readings), Fraction(0))) / len(event.readings)
            length, area = (event.end - start) / 1e6, rounded(event.area) / 1e6
            row = (device, "t", unit, start, event.end, length, len(event.readings), peak, peak_time, mean, area)
            expected.append((*row, event.ended_by))
    assert found == expected


def _plain(cell: object) -> object:
    return round(cell.timestamp() * 1e6) if hasattr(cell, "timestamp") else cell


def test_heights_are_in_the_order_of_excess() -> None:
    import numpy as np

    values: Float64Array = np.array([-1e308, -1.0, -0.0, 0.0, 3.0, 1.7e308])
    assert (np.diff(Limits(None, 1.0, 0.0, 1).heights(values)) > 0).all()
    assert (np.diff(Limits(1.0, None, 0.0, 1).heights(values)) < 0).all()
    outside = Limits(-1e308, 1e308, 0.0, 1)
    assert (outside.heights(values) == to_images(outside.excess(values))).all()
    assert np.isfinite(Limits(-1e308, -1e307, 0.0, 1).excess(values)).all()
