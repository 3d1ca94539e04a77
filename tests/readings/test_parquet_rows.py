"""Parquet of many types gives the readings that were written, and every row that is none is told."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from jobs.errors import InputError
from jobs.readings.dialect import Device, Dialect, Long, Numbers, Quality, Timestamp, Wide
from jobs.readings.model import Keys, Reject, Tally
from jobs.readings.part import Part, Sink
from jobs.readings.reader import read_part
from tests.readings.parquet_reading import LONG, RUN_START, T0, read, readings, stored, table


def test_row_groups_one_by_one_and_together() -> None:
    data = stored(table(1000), row_group_size=300)
    assert read(data) == (readings(1000), [], Tally(lines=1000, readings=1000))
    parts = [read(data, groups=(number,))[0] for number in range(4)]
    assert [row for part in parts for row in part] == readings(1000)
    assert read(data, groups=(1, 3))[0] == readings(1000)[300:600] + readings(1000)[900:]
    assert read(data, groups=())[0] == []
    with pytest.raises(InputError, match="has no row group 4"):
        read(data, groups=(4,))


def test_batches_of_many_rows() -> None:
    count = 70_000
    rows = pa.table(
        {
            "timestamp": pa.array(np.arange(count) * 1000 + 1_772_323_200_000_000, pa.timestamp("us", "UTC")),
            "device_id": pa.array(["d"] * count),
            "a": np.arange(count, dtype=np.float64),
            "b": np.arange(count, dtype=np.float32),
        }
    )
    wide = Dialect("wide", formats=("parquet",), long=None, wide=(Wide("a", "A", "x"), Wide("b", "B", scale=2)))
    found, _, tally = read(stored(rows), wide)
    assert tally.lines == count
    assert [row["value"] for row in found[:6]] == [0, 0, 1, 0.5, 2, 1]
    assert [row["metric"] for row in found[-2:]] == ["A", "B"]


@pytest.mark.parametrize(
    "kind",
    [
        pa.timestamp("s", "UTC"),
        pa.timestamp("ms", "UTC"),
        pa.timestamp("ns", "Europe/Berlin"),
        pa.timestamp("us"),
        pa.timestamp("ns"),
        pa.string(),
        pa.large_string(),
    ],
)
def test_types_of_timestamps(kind: pa.DataType) -> None:
    data = stored(table(50, kind), use_deprecated_int96_timestamps=kind == pa.timestamp("ns"))
    assert read(data)[:2] == (readings(50), [])


def test_timestamps_as_a_dictionary_of_texts() -> None:
    rows = table(50, pa.string())
    rows = rows.set_column(0, "timestamp", rows["timestamp"].dictionary_encode())
    assert read(stored(rows))[:2] == (readings(50), [])


@pytest.mark.parametrize(
    ("name", "factor"), [("epoch_s", 1), ("epoch_ms", 10**3), ("epoch_us", 10**6), ("epoch_ns", 10**9)]
)
@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64(), pa.float64(), pa.string()])
def test_epochs(name: str, factor: int, kind: pa.DataType) -> None:
    dialect = Dialect("epoch", formats=("parquet",), timestamp=Timestamp(formats=(name,)))
    times = [int(T0.timestamp() * factor) + i * factor for i in range(50)]
    rows = table(50).set_column(0, "timestamp", pa.array(times, pa.int64()).cast(kind, safe=False))
    found, rejects, _ = read(stored(rows), dialect)
    assert not rejects
    assert [row["timestamp"] for row in found] == [row["timestamp"] for row in readings(50)]


def test_local_times_follow_the_dialect() -> None:
    local = [datetime(2026, 3, 29, 1, 30), datetime(2026, 3, 29, 2, 30), datetime(2026, 10, 25, 2, 30)]
    rows = pa.table({"timestamp": local, "device_id": ["d"] * 3, "metric": ["t"] * 3, "value": [1, 2, 3]})
    berlin = Timestamp(time_zone="Europe/Berlin", ambiguous="later", nonexistent="reject")
    found, rejects, _ = read(stored(rows), Dialect("berlin", formats=("parquet",), timestamp=berlin))
    assert [row["timestamp"] for row in found] == [
        datetime(2026, 3, 29, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    ]
    assert rejects == [(1, 0, "local_time", "timestamp")]


def test_dates_and_times_in_two_columns() -> None:
    rows = pa.table(
        {
            "day": pa.array([date(2026, 3, 1)] * 2),
            "clock": ["12:30", "x"],
            "device_id": [1, 2],
            "value": [1, 2],
            "when": pa.array([date(2026, 3, 1), None], pa.date64()),
        }
    )
    two = Timestamp(columns=("day", "clock"), formats=("%Y-%m-%d", "%H:%M"))
    dialect = Dialect("two", formats=("parquet",), timestamp=two, long=Long(constant_metric="t"))
    found, rejects, _ = read(stored(rows), dialect)
    assert [(row["timestamp"], row["device_id"]) for row in found] == [(datetime(2026, 3, 1, 12, 30, tzinfo=UTC), "1")]
    assert rejects == [(1, 0, "timestamp", None)]
    one = Dialect("one", formats=("parquet",), timestamp=Timestamp(columns=("when",)), long=Long(constant_metric="t"))
    found, rejects, _ = read(stored(rows), one)
    assert [row["timestamp"] for row in found] == [T0]
    assert rejects == [(1, 0, "timestamp", "when")]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([2**53 + 1, -5], pa.int64()), [float(2**53 + 1), -5.0]),
        (pa.array([2**64 - 1], pa.uint64()), [float(2**64 - 1)]),
        (pa.array([0.1], pa.float32()), [float(np.float32(0.1))]),
        (
            pa.array([Decimal("0.1"), Decimal("-12345678901234567890.1234567")], pa.decimal128(38, 7)),
            [0.1, -12345678901234567890.1234567],
        ),
        (pa.array([Decimal("1e-7")], pa.decimal128(38, 9)), [1e-7]),
        (pa.array(["1e3", "-.5"]), [1000.0, -0.5]),
        (pa.array(["7", "8"]).dictionary_encode(), [7.0, 8.0]),
        (pa.array([-0.0, 5e-324]), [-0.0, 5e-324]),
    ],
)
def test_types_of_values(values: pa.Array, expected: list[float]) -> None:
    rows = pa.table(
        {
            "timestamp": [T0] * len(values),
            "device_id": ["d"] * len(values),
            "metric": ["t"] * len(values),
            "value": values,
        }
    )
    found, rejects, _ = read(stored(rows))
    assert [repr(row["value"]) for row in found] == [repr(value) for value in expected]
    assert not rejects


def test_rows_that_are_no_readings() -> None:
    good = {"timestamp": T0, "device_id": "d", "metric": "t", "value": 1.0}
    bad: list[tuple[dict[str, object], str, str]] = [
        ({"timestamp": None}, "timestamp", "timestamp"),
        ({"timestamp": datetime(1850, 1, 1, tzinfo=UTC)}, "timestamp_range", "timestamp"),
        ({"timestamp": datetime(2900, 1, 1, tzinfo=UTC)}, "timestamp_range", "timestamp"),
        ({"device_id": None}, "device", "device_id"),
        ({"device_id": ""}, "device", "device_id"),
        ({"metric": None}, "metric", "metric"),
        ({"value": float("nan")}, "value", "value"),
        ({"value": float("-inf")}, "value", "value"),
    ]
    rows = pa.Table.from_pylist([good, *(good | change for change, _, _ in bad), good | {"value": None}])
    found, rejects, tally = read(stored(rows, row_group_size=4))
    assert len(found) == 1
    places = [divmod(row, 4) for row in range(1, len(bad) + 1)]
    assert rejects == [
        (row, group, reason, column) for (group, row), (_, reason, column) in zip(places, bad, strict=True)
    ]
    assert (tally.lines, tally.missing) == (10, 1)


def test_times_that_no_calendar_has() -> None:
    rows = table(4, pa.timestamp("s", "UTC"))
    rows = rows.set_column(0, "timestamp", pa.array([10**15, -(10**15), 10**11, -(10**11)], pa.timestamp("s", "UTC")))
    assert [reason for _, _, reason, _ in read(stored(rows))[1]] == ["timestamp_range"] * 4


def test_text_of_a_reject() -> None:
    rejects: list[Reject] = []
    rows = pa.table({"timestamp": [T0], "device_id": ["é"], "metric": ["t"], "value": [float("nan")]})
    sink = Sink(Keys(), Tally(), rejects.append, RUN_START)
    assert not list(read_part(io.BytesIO(stored(rows)), Part("x"), LONG, "parquet", sink))
    text = '{"timestamp": "2026-03-01T00:00:00.000000Z", "device_id": "é", "metric": "t", "value": "nan"}'
    assert [reject.text.decode() for reject in rejects] == [text]


def test_bytes_that_are_no_utf_8() -> None:
    rows = pa.table({"timestamp": [T0] * 2, "device_id": [b"d", b"\xff"], "metric": ["t"] * 2, "value": [1, 2]})
    found, rejects, _ = read(stored(rows))
    assert [row["device_id"] for row in found] == ["d"]
    assert rejects == [(1, 0, "encoding", "device_id")]


def test_markers_are_compared_as_numbers_where_values_are_numbers() -> None:
    values = [-200.0, -200.5, 999.9, 1.0, float("nan"), None]
    rows = pa.table({"timestamp": [T0] * 6, "device_id": ["d"] * 6, "metric": list("tttutt"), "value": values})
    dialect = Dialect(
        "marked",
        formats=("parquet",),
        missing=("", "-200", "NaN"),
        missing_by_metric=(("t", ("999.9",)), ("u", ("1",))),
    )
    found, rejects, tally = read(stored(rows), dialect)
    assert [row["value"] for row in found] == [-200.5]
    assert not rejects
    assert tally.missing == 5


def test_non_finite_values_can_be_missing_but_what_is_excluded_is_not() -> None:
    values = [float("nan"), float("inf"), 1.0, float("nan")]
    rows = pa.table(
        {"timestamp": [T0] * 4, "device_id": ["d"] * 4, "metric": ["t"] * 4, "value": values, "quality": [1, 1, 1, 2]}
    )
    numbers = Numbers(non_finite="missing")
    plain = Dialect("plain", formats=("parquet",), numbers=numbers, quality=Quality("quality"))
    assert read(stored(rows), plain)[2] == Tally(lines=4, readings=1, missing=3)
    accepting = Dialect("accepting", formats=("parquet",), numbers=numbers, quality=Quality("quality", ("1",)))
    found, _, tally = read(stored(rows), accepting)
    assert tally == Tally(lines=4, readings=1, missing=2, excluded=1)
    assert [row["quality"] for row in found] == ["1"]


def test_quality_marks() -> None:
    rows = table(6).append_column("quality", pa.array(["ok", "bad", None, "ok", "", "bad"]))
    found, _, tally = read(stored(rows))
    assert [row["quality"] for row in found] == ["ok", "bad", None, "ok", None, "bad"]
    accepting = Dialect("accepting", formats=("parquet",), quality=Quality("quality", ("ok",)))
    found, _, tally = read(stored(rows), accepting)
    assert [row["value"] for row in found] == [0.0, 0.375]
    assert tally.excluded == 4


def test_structures_and_joined_devices() -> None:
    rows = pa.table(
        {
            "timestamp": [T0] * 3,
            "site": pa.array(["a", "b", None]).dictionary_encode(),
            "payload": [{"node": 7, "temp": 1.5}, {"node": 8, "temp": None}, {"node": 9, "temp": 2.0}],
            "flag": [True, False, True],
            "list": [[1], [2], [3]],
        }
    )
    wide = (Wide("payload.temp", "temperature", "°C"), Wide("flag", "flag"))
    device = Device(columns=("site", "payload.node"), join="/")
    dialect = Dialect("nested", formats=("parquet",), device=device, long=None, wide=wide)
    found, rejects, tally = read(stored(rows), dialect)
    assert [(row["device_id"], row["metric"], row["value"]) for row in found] == [("a/7", "temperature", 1.5)]
    assert rejects == [(0, 0, "value", "flag"), (1, 0, "value", "flag"), (2, 0, "device", "site")]
    assert tally.missing == 1
