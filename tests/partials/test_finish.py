"""Statistics from readings through partial rows, against plain Python over all values."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.errors import LimitError
from jobs.partials.array_moments import ArrayMoments
from jobs.partials.buckets import days
from jobs.partials.finish import finish
from jobs.partials.merge import merge
from jobs.partials.schema import MAX_COUNT, SKETCH, STATS
from jobs.partials.sketch import Sketch
from jobs.readings.model import NO_TIME, Keys
from jobs.readings.zones import load
from tests.effort import rounds
from tests.partials.numbers import ROWS, Row, batch, gathered, rounded

ZONE = load("Europe/Berlin")
QUANTILES = [0.0, 0.29, 0.5, 0.95, 1.0]
SKETCHED = Sketch(0.02)
Key = tuple[str, str, str | None, int | None]
NOON = 1_774_699_200_000_000


def partials(parts: Sequence[Sequence[Row]]) -> tuple[pa.Table, pa.Table]:
    keys = Keys()
    tables = []
    for part in parts:
        moments = ArrayMoments(keys, days(ZONE), SKETCHED)
        for at in range(0, len(part), 7):
            moments.add(batch(part[at : at + 7], keys))
        tables.append(gathered(moments.flush()))
    return merge(STATS, [t["stats"] for t in tables if t]), merge(SKETCH, [t["sketch"] for t in tables if t])


def statistics_of(*parts: Sequence[Row]) -> pa.Table:
    return finish(*partials(parts), QUANTILES, SKETCHED)


def day_of(time: int) -> int | None:
    return None if time == NO_TIME else int(days(ZONE).of(np.array([time]))[0])  # proven in test_buckets


def order(key: Key) -> tuple[object, ...]:
    """Texts by their bytes, nulls first."""
    device, metric, unit, day = key
    return device.encode(), metric.encode(), unit is not None, (unit or "").encode(), day is not None, day or 0


def plain(rows: Sequence[Row]) -> list[tuple[object, ...]]:
    """All columns but the quantiles, by definition."""
    series: dict[Key, list[tuple[int, float]]] = {}
    for time, device, metric, unit, value in rows:
        series.setdefault((device, metric, unit, day_of(time)), []).append((time, value))
    result: list[tuple[object, ...]] = []
    for key in sorted(series, key=order):
        times, values = zip(*series[key], strict=True)
        *names, day = key
        n, total = len(values), rounded(sum(map(Fraction, values), Fraction()))
        low, high = (pick(values, key=lambda x: (x, math.copysign(1, x))) for pick in (min, max))
        first, last = (None if day is None else instant(t) for t in (min(times), max(times)))
        when = None if day is None else date(1970, 1, 1) + timedelta(days=day)
        result.append((*names, when, n, total / n, stdev(values), low, high, total, first, last))
    return result


def instant(time: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC")) + timedelta(microseconds=time)


def stdev(values: Sequence[float]) -> float | None:
    try:
        return statistics.stdev(values) if len(values) > 1 else None
    except OverflowError:
        return math.inf


@settings(max_examples=rounds(40))
@given(ROWS, st.integers(0, 30))
def test_all_columns_are_as_defined(rows: list[Row], cut: int) -> None:
    table = statistics_of(rows[:cut], rows[cut:])
    found = [tuple(row.values()) for row in table.drop_columns([f"q{q:g}" for q in QUANTILES]).to_pylist()]
    assert repr(found) == repr(plain(rows))  # repr tells zeros apart


@settings(max_examples=rounds(40))
@given(ROWS)
def test_quantiles_are_within_their_error_of_the_lower_rank(rows: list[Row]) -> None:
    for row in statistics_of(rows).to_pylist():
        day = None if row["date"] is None else (row["date"] - date(1970, 1, 1)).days
        values = sorted(
            value
            for time, *key, value in rows
            if key == [row["device_id"], row["metric"], row["unit"]] and day_of(time) == day
        )
        for q in QUANTILES:
            true = values[int(Fraction(str(q)) * (len(values) - 1))]
            assert abs(row[f"q{q:g}"] - true) <= 0.02 * abs(true) + 5e-324
            assert row["min"] <= row[f"q{q:g}"] <= row["max"]


@settings(max_examples=rounds(40))
@given(ROWS, st.permutations(range(3)))
def test_parts_and_their_order_do_not_show(rows: list[Row], order: list[int]) -> None:
    parts = [rows[i::3] for i in order]
    assert statistics_of(*parts, rows[:0]).equals(statistics_of(rows))


def test_a_decimal_quantile_is_taken_as_written() -> None:
    table = statistics_of([(NOON + i, "d", "m", None, float(i + 1)) for i in range(101)])
    sketch = Sketch(0.02)
    rank_29 = sketch.value(sketch.index(np.array([30.0])))[0]  # 0.29 × 100 is 28.999999999999996 in doubles
    assert table.column("q0.29").to_pylist() == [rank_29]


def test_one_reading() -> None:
    (row,) = statistics_of([(NOON, "d", "m", None, 20.5)]).to_pylist()
    assert row["stddev"] is None
    assert {row[name] for name in ("mean", "min", "max", "sum", "q0", "q0.5", "q1")} == {20.5}
    assert row["first_timestamp"] == row["last_timestamp"] == instant(NOON)


def test_duplicates_count() -> None:
    (row,) = statistics_of([(NOON, "d", "m", None, 1.0)] * 3 + [(NOON, "d", "m", None, 2.0)]).to_pylist()
    assert (row["count"], row["sum"], row["mean"], row["stddev"]) == (4, 5.0, 1.25, 0.5)


def test_a_sum_too_large_is_infinite() -> None:
    big = 1.7e308
    (row,) = statistics_of([(NOON, "d", "m", None, big)] * 2 + [(NOON, "d", "m", None, 0.5)]).to_pylist()
    assert row["sum"] == row["mean"] == math.inf
    assert row["stddev"] == statistics.stdev([big, big, 0.5])


def test_too_many_readings_are_refused_not_wrong() -> None:
    stats, _ = partials([[(NOON, "d", "m", None, 1.0)]])
    count = stats.schema.get_field_index("count")
    full = stats.set_column(count, stats.schema.field(count), pa.array([MAX_COUNT]))
    assert len(finish(full)) == 1
    with pytest.raises(LimitError, match='device "d", metric "m": more than 2147483647 readings'):
        finish(merge(STATS, [full, stats]))


def test_rows_that_are_not_of_the_same_readings_are_refused() -> None:
    stats, sketch = partials([[(NOON, "d", "m", None, 1.0), (NOON, "e", "m", None, 1.0)]])
    with pytest.raises(ValueError, match="same readings"):
        finish(stats, sketch.slice(0, 1), [0.5], SKETCHED)
    with pytest.raises(ValueError, match="not merged"):
        finish(pa.concat_tables([stats, stats]))


def test_nothing_gives_no_rows() -> None:
    table = statistics_of()
    assert len(table) == 0
    assert table.schema.field("date").type == pa.date32()
    assert table.column_names[-5:] == ["q0", "q0.29", "q0.5", "q0.95", "q1"]
