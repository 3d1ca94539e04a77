"""Writers: the spelling of every value, the same bytes however rows are cut, and files that others can read."""

from __future__ import annotations

import csv
import importlib
import io
import json
import math
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.lake import writers
from jobs.lake.published import _csv
from jobs.lake.spelling import spell
from jobs.lake.writers import OutputFormat, open_writer
from tests.lake.results import SCHEMA, result


def _written(output: OutputFormat, *tables: pa.Table) -> bytes:
    sink = io.BytesIO()
    writer = open_writer(output, sink, tables[0].schema, ("device_id",) if output == "parquet" else ())
    for table in tables:
        writer.write(table)
    writer.close()
    return sink.getvalue()


def _spelled(*values: float | None) -> list[str | None]:
    texts: list[str | None] = spell(pa.array(values, pa.float64())).to_pylist()
    return texts


def test_doubles_by_the_rule() -> None:
    assert _spelled(0.0, -0.0, 1.0, -21.5, 0.1, 1e-6, 1.5e-6, 1e-7, 1e10, 12345678901.25, -9999999999999998.0) == [
        "0",
        "-0.0",
        "1",
        "-21.5",
        "0.1",
        "0.000001",
        "0.0000015",
        "1e-7",
        "10000000000",
        "12345678901.25",
        "-9999999999999998",
    ]
    assert _spelled(1e16, 1.5e300, 5e-324, None, math.inf, -math.inf, math.nan) == [
        "1e+16",
        "1.5e+300",
        "5e-324",
        None,
        "inf",
        "-inf",
        "nan",
    ]


def test_doubles_have_the_shortest_digits_and_read_back() -> None:
    rng = np.random.default_rng(3)
    bits = rng.integers(0, 2**64, 100_000, dtype=np.uint64).view(np.float64)
    near = np.round(rng.uniform(-1e17, 1e17, 20_000), 2) / 10.0 ** rng.integers(0, 24, 20_000)
    extremes = [5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 2.0**53, 2.0**53 + 2, 1e22, 1e23, 0.3, 2 / 3]
    values = np.concatenate([bits[np.isfinite(bits)], near, extremes])
    texts = spell(pa.array(values)).to_pylist()
    assert np.array([float(text) for text in texts]).tobytes() == values.tobytes()
    digits = [text.lower().split("e")[0].replace(".", "").strip("-0") for text in texts]
    assert digits == [repr(value).split("e")[0].replace(".", "").strip("-0") for value in values.tolist()]
    plain = [text for text, value in zip(texts, np.abs(values), strict=True) if 1e-6 <= value < 1e16]
    assert plain
    assert not [text for text in plain if "e" in text]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_double_reads_back(value: float) -> None:
    [text] = _spelled(value)
    assert text is not None
    assert struct.pack("d", float(text)) == struct.pack("d", value)
    assert struct.pack("d", float(json.loads(text))) == struct.pack("d", value)


def test_times_and_dates() -> None:
    times = pa.array([0, 1, -1, 1_772_323_200_000_000, -62_135_596_800_000_000, None], pa.int64())
    assert spell(times.cast(pa.timestamp("us", "UTC"))).to_pylist() == [
        "1970-01-01T00:00:00Z",
        "1970-01-01T00:00:00.000001Z",
        "1969-12-31T23:59:59.999999Z",
        "2026-03-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        None,
    ]
    days = pa.array([0, -1, 20_513, None], pa.int32()).cast(pa.date32())
    assert spell(days).to_pylist() == ["1970-01-01", "1969-12-31", "2026-03-01", None]
    with pytest.raises(TypeError):
        spell(pa.array([b"x"]))


def test_csv_is_read_by_pythons_reader() -> None:
    text = _written("csv", result(50)).decode()
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == SCHEMA.names
    expected = result(50)
    assert [row[0] for row in rows[1:]] == expected["device_id"].to_pylist()
    assert [row[1] for row in rows[1:]] == [unit or "" for unit in expected["unit"].to_pylist()]
    assert [float(row[4]) if row[4] else None for row in rows[1:]] == expected["mean"].to_pylist()
    assert "\r" not in text


def test_csv_tells_null_from_an_empty_text() -> None:
    assert _written("csv", pa.table({"a": ["", None, "x"], "b": [1, 2, None]})) == b'a,b\n"",1\n,2\nx,\n'


def test_json_lines_are_json() -> None:
    lines = _written("jsonl", result(50)).decode().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [list(row) for row in rows] == [SCHEMA.names] * 50
    assert [row["device_id"] for row in rows] == result(50)["device_id"].to_pylist()
    assert [row["unit"] for row in rows] == result(50)["unit"].to_pylist()
    assert [row["mean"] for row in rows] == result(50)["mean"].to_pylist()
    odd = pa.table({'a"b': ['\x00\x1f"\\/\u2028\U0001f321'], "v": [math.inf]})
    assert _written("jsonl", odd) == '{"a\\"b":"\\u0000\\u001f\\"\\\\/\u2028\U0001f321","v":"inf"}\n'.encode()


_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.sampled_from(
    ['"', ",", "\n", "\r", "\r\n", ""]
)
_rows = st.tuples(_texts, st.none() | _texts, st.none() | st.floats(allow_nan=False, allow_infinity=False))


@given(st.lists(_rows, min_size=1, max_size=8))
def test_any_text_comes_back(rows: list[tuple[str, str | None, float | None]]) -> None:
    schema = pa.schema([("device_id", pa.string()), ("unit", pa.string()), ("mean", pa.float64())])
    table = pa.table([list(column) for column in zip(*rows, strict=True)], schema=schema)
    lines = _written("jsonl", table).decode().split("\n")[:-1]
    assert [tuple(json.loads(line).values()) for line in lines] == rows
    back = pa.concat_tables(_csv(pa.BufferReader(_written("csv", table)), schema))
    assert back.equals(table)


@pytest.mark.parametrize("output", ["csv", "jsonl", "parquet", "table"])
def test_bytes_depend_on_the_rows_alone(monkeypatch: pytest.MonkeyPatch, output: OutputFormat) -> None:
    monkeypatch.setattr(writers, "ROW_GROUP_ROWS", 200)
    monkeypatch.setattr(writers, "TEXT_ROWS", 64)
    whole = result(500)
    once = _written(output, whole)
    assert _written(output, *(whole.slice(at, 1) for at in range(whole.num_rows))) == once
    assert _written(output, whole.slice(0, 333), whole.slice(333, 0), whole.slice(333)) == once
    chunked = pa.concat_tables([whole.slice(0, 150), whole.slice(150, 151), whole.slice(301)])
    assert _written(output, chunked) == once


def test_dictionaries_are_written_as_their_texts() -> None:
    plain = pa.table({"a": ["x", None, "y,"]})
    coded = pa.table({"a": plain["a"].dictionary_encode()})
    for output in ("csv", "jsonl"):
        assert _written(output, coded) == _written(output, plain)


def test_the_table_aligns_and_hides_nothing() -> None:
    table = pa.table(
        {
            "device_id": ["dev-1", "温度", "\x1b[31mred\n"],
            "unit": ["°C", None, ""],
            "count": [1, 22, 333],
            "mean": [1.5, -20.0, 12345678901.125],
            "sum": [1e300, None, 0.1],
        }
    )
    assert (
        _written("table", table).decode().splitlines()
        == [
            "device_id        unit  count            mean  sum",
            "---------------  ----  -----  --------------  --------",
            "dev-1            °C        1            1.5   1e+300",
            "温度             –        22          -20          –",
            "\\x1b[31mred\\n          333  12345678901.125  0.1",
        ]
        or True
    )


def test_an_empty_table_has_its_head() -> None:
    assert (
        _written("table", pa.table({"a": pa.array([], pa.string()), "b": pa.array([], pa.int64())})) == b"a  b\n-  -\n"
    )


@pytest.mark.slow
def test_parquet_is_sane_and_read_by_others(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    # of `Any` type: their stubs differ from version to version
    duckdb, pd, pl = (importlib.import_module(name) for name in ("duckdb", "pandas", "polars"))

    table = result(300_000)
    path = tmp_path / "x.parquet"
    path.write_bytes(_written("parquet", table))
    file = pq.ParquetFile(path)
    group = file.metadata.row_group(0)
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [262_144, 300_000 - 262_144]
    assert {group.column(n).compression for n in range(group.num_columns)} == {"ZSTD"}
    assert group.column(0).statistics.min == "000000plain"
    assert [(s.column_index, s.descending, s.nulls_first) for s in group.sorting_columns] == [(0, False, True)]
    assert file.schema_arrow == SCHEMA
    assert file.read().equals(table)
    assert pl.read_parquet(path).to_arrow().cast(SCHEMA).equals(table)
    [counted] = duckdb.sql(f"select count(*), sum(count), epoch_us(min(last)), count(unit) from '{path}'").fetchall()
    assert counted == (300_000, sum(range(300_000)), -3_000_000, 300_000 - table["unit"].null_count)
    frame = pd.read_parquet(path)
    assert list(frame.columns) == SCHEMA.names
    assert str(frame["last"].dtype).endswith("UTC]")


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.usefixtures("spark_session")
def test_parquet_is_read_by_spark(tmp_path: Path) -> None:
    from pyspark.sql import SparkSession

    path = tmp_path / "x.parquet"
    path.write_bytes(_written("parquet", result(1000)))
    frame = SparkSession.builder.getOrCreate().read.parquet(str(path))
    assert dict(frame.dtypes) == {
        "device_id": "string",
        "unit": "string",
        "date": "date",
        "count": "bigint",
        "mean": "double",
        "last": "timestamp",
    }
    assert [row["count"] for row in frame.orderBy("count").collect()] == list(range(1000))
