"""Accumulators: the kernel's, NumPy's and an engine's own grouping give the same partial rows."""

from __future__ import annotations

import ctypes

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.partials.array_moments import ArrayMoments
from jobs.partials.buckets import Buckets, Months, days, hours_of_week, windows
from jobs.partials.exact import normalise
from jobs.partials.kernel_moments import KernelMoments
from jobs.partials.merge import integers, merge
from jobs.partials.moments import open_moments, single_rows
from jobs.partials.passing import Passing
from jobs.partials.schema import SKETCH, SQUARES, STATS, SUMS, Accumulator, PartialSchema
from jobs.partials.sketch import Sketch
from jobs.readings.model import NO_TIME, Keys, Readings
from jobs.readings.zones import load
from tests.effort import rounds
from tests.partials.numbers import ROWS, TIMES, Row, batch, gathered

BUCKETS = [
    days(load("Europe/Berlin")),
    days(load("Pacific/Apia")),
    days(load("UTC")),
    Buckets(load("Australia/Lord_Howe"), 900_000_000, -17),
    windows(load("Australia/Lord_Howe"), 3_600_000_000),
    windows(load("Europe/Berlin"), 6 * 3_600_000_000),
    Months(load("America/St_Johns")),
    hours_of_week(load("Europe/Berlin")),
]


def in_order(table: pa.Table, schema: PartialSchema) -> pa.Table:
    assert table.schema.equals(schema.columns)
    return table.sort_by([(name, "ascending") for name in schema.keys]).combine_chunks()


def same(found: dict[str, pa.Table], expected: dict[str, pa.Table]) -> None:
    for schema in (STATS, SKETCH):
        one, other = (tables.get(schema.name, schema.empty()) for tables in (found, expected))
        assert in_order(one, schema).equals(in_order(other, schema))


def fill(moments: Accumulator, parts: list[list[Row]], keys: Keys) -> dict[str, pa.Table]:
    for part in parts:
        moments.add(batch(part, keys))
    return gathered(moments.flush())


@settings(max_examples=rounds(40))
@given(st.lists(ROWS, max_size=4), st.sampled_from(BUCKETS), st.sampled_from([None, Sketch(0.01), Sketch(0.0001)]))
def test_kernel_and_numpy_give_the_same(
    kernel: ctypes.CDLL, parts: list[list[Row]], buckets: Buckets, sketch: Sketch | None
) -> None:
    keys = Keys()
    moments = KernelMoments(kernel, keys, buckets, sketch)
    for _ in range(2):  # the second time on memory that was used before
        same(fill(moments, parts, keys), fill(ArrayMoments(keys, buckets, sketch), parts, keys))
        assert moments.groups == 0


def random_batch(keys: Keys, n: int, devices: int, seed: int, spread: int = 86_400_000_000 * 20) -> Readings:
    rng = np.random.default_rng(seed)
    for i in range(devices):
        keys.device(f"device {i}")
    for i in range(5):
        keys.series(f"m{i}", None if i % 2 else "unit")
    value = np.ldexp(rng.uniform(-1, 1, n), rng.integers(-1090, 1024, n))
    ordinary = rng.random(n) < 0.9
    value[ordinary] = np.round(rng.normal(20.0, 9.0, ordinary.sum()), 2)
    value[rng.random(n) < 0.01] = -0.0
    time = rng.integers(-spread, spread, n)
    time[rng.random(n) < 0.01] = NO_TIME
    device, series = rng.integers(0, devices, n).astype(np.int32), rng.integers(0, 5, n).astype(np.int32)
    return Readings(keys, time, device, series, value, np.zeros(n, np.int64))


@pytest.mark.parametrize("sketch", [None, Sketch(0.02)])
def test_kernel_and_numpy_agree_on_many_groups(kernel: ctypes.CDLL, sketch: Sketch | None) -> None:
    """Enough groups that every table grows several times, and every batch length around a step's."""
    keys = Keys()
    one, other = KernelMoments(kernel, keys, BUCKETS[0], sketch), ArrayMoments(keys, BUCKETS[0], sketch)
    for seed, n in enumerate([1, 31, 32, 33, 0, 64, 65_536, 50_001]):
        readings = random_batch(keys, n, 500, seed)
        one.add(readings)
        other.add(readings)
    assert one.nbytes > one.groups * 128
    same(gathered(one.flush()), gathered(other.flush()))


def test_memory_is_counted_and_used_again(kernel: ctypes.CDLL) -> None:
    keys = Keys()
    moments = KernelMoments(kernel, keys, BUCKETS[2], Sketch(0.01))
    empty, sizes = moments.nbytes, []
    for _ in range(3):
        moments.add(random_batch(keys, 65_536, 5_000, 3))
        sizes.append(moments.nbytes)
        assert sum(len(table) for _, table in moments.flush()) > 0
        assert moments.nbytes < sizes[0] // 2
    assert sizes == [sizes[0]] * 3
    assert empty < 200_000


def test_columns_of_other_layouts(kernel: ctypes.CDLL) -> None:
    keys = Keys()
    whole = random_batch(keys, 1000, 10, 1)
    strided = Readings(
        keys, whole.timestamp[::2], whole.device[::2], whole.series[::2], whole.value[::2], whole.offset[::2]
    )
    moments = KernelMoments(kernel, keys, BUCKETS[0], None)
    moments.add(strided)
    expected = ArrayMoments(keys, BUCKETS[0], None)
    expected.add(whole.take(np.arange(0, 1000, 2)))
    same(gathered(moments.flush()), gathered(expected.flush()))


@pytest.mark.parametrize("time", [2**61, -(2**61), 2**63 - 1, -(2**63) + 1])
def test_times_out_of_range_are_refused(kernel: ctypes.CDLL, time: int) -> None:
    keys = Keys()
    moments = KernelMoments(kernel, keys, BUCKETS[0], None)
    with pytest.raises(OverflowError):
        moments.add(batch([(time, "d", "m", None, 1.0)], keys))


@given(st.lists(TIMES, min_size=1, max_size=50), st.sampled_from(BUCKETS))
def test_kernel_buckets(kernel: ctypes.CDLL, times: list[int], buckets: Buckets) -> None:
    keys = Keys()
    rows: list[Row] = [(time, str(i), "m", None, 1.0) for i, time in enumerate(times)]
    table = fill(KernelMoments(kernel, keys, buckets, None), [rows], keys)["stats"]
    found = dict(zip(table.column("device_id").to_pylist(), table.column("bucket").to_pylist(), strict=True))
    assert [found[str(i)] for i in range(len(times))] == buckets.of(np.array(times)).tolist()


@settings(max_examples=rounds(40))
@given(ROWS, st.sampled_from([None, Sketch(0.01)]))
def test_single_rows_merge_to_the_same(rows: list[Row], sketch: Sketch | None) -> None:
    keys = Keys()
    single = pa.Table.from_batches([single_rows(BUCKETS[0], sketch)(batch(rows, keys))])
    merged = merge(STATS, [single.select(STATS.columns.names)])
    for names in (SUMS, SQUARES):
        words = normalise(np.stack([integers(merged.column(name)) for name in names]).T)
        for i, name in enumerate(names):
            merged = merged.set_column(
                merged.column_names.index(name), STATS.columns.field(name), pa.array(words[:, i])
            )
    found = {"stats": merged}
    if sketch is None:
        assert single.column("index").null_count == len(rows)
    else:
        found["sketch"] = merge(SKETCH, [single.select(SKETCH.columns.names).cast(SKETCH.columns)])
    same(found, fill(ArrayMoments(keys, BUCKETS[0], sketch), [rows], keys))


def test_the_kernel_is_taken_where_it_is_wanted(kernel: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(wanted: bool) -> object:
        moments = open_moments(Keys(), BUCKETS[0], None, kernel=wanted)
        assert isinstance(moments, Passing)
        return moments._inner

    assert isinstance(opened(True), KernelMoments)
    assert isinstance(opened(False), ArrayMoments)
    monkeypatch.setenv("JOBS_KERNEL", "off")
    assert isinstance(opened(True), ArrayMoments)
