"""States: encoding loses nothing, decoding gives partial rows that merge to the same, and damage is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.partials import moments, states, windows
from jobs.partials.buckets import Buckets
from jobs.partials.merge import merge
from jobs.partials.schema import SKETCH, STATS
from jobs.partials.sketch import Sketch
from jobs.readings.model import Keys
from jobs.readings.zones import load
from tests.partials.numbers import ROWS, Row, batch, gathered

SKETCHES = [None, Sketch(0.01), Sketch(0.0001)]
NESTED = [
    ("Europe/Berlin", ("15m", "6h", "1d", "week")),
    ("Asia/Kathmandu", ("1h", "1d", "month", "year", "all")),
    ("Australia/Lord_Howe", ("30m", "1h", "1d", "year")),
    ("UTC", ("1s", "1m", "2d", "14d", "all")),
]


@dataclass(frozen=True)
class Rollup:
    """Results with their state."""

    window: str
    zone: str
    sketch: Sketch | None

    @property
    def buckets(self) -> Buckets:
        return windows.buckets_of(self.window, load(self.zone))

    def of(self, rows: Sequence[Row]) -> pa.Table:
        """That of readings."""
        keys = Keys()
        accumulator = moments.open_moments(keys, self.buckets, self.sketch, kernel=False, passing=False)
        accumulator.add(batch(rows, keys))
        return self._finished([gathered(accumulator.flush())])

    def again(self, *tables: pa.Table) -> pa.Table:
        """That of results."""
        sketched = self.sketch is not None
        columns = list(states.columns_of("device_id", sketched=sketched))
        return self._finished(
            [states.decode(t.select(columns), self.buckets, "device_id", sketched=sketched) for t in tables]
        )

    def _finished(self, parts: list[dict[str, pa.Table]]) -> pa.Table:
        kinds = [STATS] if self.sketch is None else [STATS, SKETCH]
        rows = {kind.name: merge(kind, [part.get(kind.name, kind.empty()) for part in parts]) for kind in kinds}
        if self.window == windows.ALL:
            rows = windows.in_one(rows)
        stats, counts = rows["stats"], rows.get("sketch")
        quantiles = [] if self.sketch is None else [0.0, 0.5, 0.99]
        table = moments.finish(stats, counts, quantiles, self.sketch, lambda bucket: {"bucket": pa.array(bucket)})
        for name, column in states.encode(stats, counts).items():
            table = table.append_column(name, column)
        return table


@settings(max_examples=30)
@given(ROWS, st.sampled_from(NESTED), st.sampled_from(SKETCHES))
def test_rolled_up_step_by_step_is_rolled_up_at_once(
    rows: list[Row], nested: tuple[str, Sequence[str]], sketch: Sketch | None
) -> None:
    zone, names = nested
    table = Rollup(names[0], zone, sketch).of(rows)
    assert Rollup(names[0], zone, sketch).again(table).equals(table)
    for name in names[1:]:
        table = Rollup(name, zone, sketch).again(table)
        assert table.equals(Rollup(name, zone, sketch).of(rows))


@settings(max_examples=30)
@given(st.lists(ROWS, min_size=3, max_size=3), st.sampled_from(SKETCHES))
def test_states_merge_in_any_order(parts: list[list[Row]], sketch: Sketch | None) -> None:
    hours, days = (Rollup(name, "Europe/Berlin", sketch) for name in ("1h", "1d"))
    a, b, c = (hours.of(part) for part in parts)
    whole = days.of([row for part in parts for row in part])
    assert days.again(a, b, c).equals(whole)
    assert days.again(c, a, b).equals(whole)
    assert days.again(hours.again(a, b), c).equals(whole)
    assert days.again(a, days.again(b, c)).equals(whole)
    assert days.again(whole, days.of([])).equals(whole)


HOURS = Rollup("1h", "UTC", Sketch(0.25))
READ: list[Row] = [(0, "d", "m", None, 1.5), (1, "d", "m", None, -1e300), (3_600_000_000, "d", "m", None, 2.0)]


def test_a_state_is_what_its_description_says() -> None:
    first, second = HOURS.of(READ).to_pylist()
    assert [len(first["stats_state"]), len(second["stats_state"])] == [32, 16]
    window, *words = second["stats_state"]
    assert window == 0
    assert sum(word << 32 * i for i, word in enumerate(words[:5])) == 2 << 96
    assert sum(word << 32 * i for i, word in enumerate(words[5:])) == 4 << 192
    assert second["sketch_state"] == [Sketch(0.25).index(pa.array([2.0]).to_numpy()).item(), 1]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"stats_state": [[0] * 15, [0] * 16]}, "a state is not whole"),
        ({"stats_state": [[0] * 16, None]}, "stats_state does not fit count"),
        ({"stats_state": [[0] * 15 + [None], [0] * 16]}, "a state is not whole"),
        ({"count": [0, 1]}, "stats_state does not fit count"),
        ({"sketch_state": [[0, 1], [0, 1]]}, "sketch_state does not fit count"),
        ({"sketch_state": [[0], [0, 1]]}, "a state is not whole"),
        ({"stats_state": [[1 << 40] + [0] * 15, [0] * 16]}, "Integer value"),
    ],
    ids=str,
)
def test_rows_that_were_not_encoded_are_told(change: dict[str, list[object]], error: str) -> None:
    table = HOURS.of(READ)
    for name, column in change.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pa.array(column, table.schema.field(name).type))
    with pytest.raises(ValueError, match=error):
        HOURS.again(table)


def test_windows_that_do_not_nest_are_told() -> None:
    with pytest.raises(ValueError, match="a row's readings lie in several windows"):
        replace(HOURS, window="30m").again(replace(HOURS, window="2h").of(READ))
