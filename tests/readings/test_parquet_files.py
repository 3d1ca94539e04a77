"""Parquet files of other writers, damaged, or without what is asked for."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.errors import InputError
from jobs.readings.compression import Damage
from jobs.readings.dialect import Dialect, Timestamp
from jobs.readings.model import Keys, Tally
from jobs.readings.parquet_rows import parquet_layout
from jobs.readings.part import Part, Sink
from jobs.readings.reader import read_part
from tests.effort import rounds
from tests.readings.parquet_reading import LONG, RUN_START, read, readings, stored, table


def test_only_needed_columns_are_read(tmp_path: Path) -> None:
    rows = table(1000).append_column("blob", pa.array(["x" * 1000] * 1000))
    data = bytearray(stored(rows, compression="none", use_dictionary=["device_id", "metric", "unit"]))
    first = data.index(b"x" * 1000)
    data[first - 20 : first + 900_000] = b"\xff" * 900_020  # the column that no role reads
    assert read(bytes(data))[0] == readings(1000)


def test_a_column_that_is_not_there() -> None:
    with pytest.raises(InputError, match=r"x\.parquet: no column value for dialect test; its columns are timestamp, "):
        read(stored(table(3).drop_columns(["value"])))


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1 not at all PAR1", b"timestamp,device_id\n"])
def test_what_is_no_parquet(data: bytes) -> None:
    with pytest.raises(InputError, match=r"x\.parquet: is no whole Parquet file"):
        read(data)
    with pytest.raises(InputError, match=r"x: is no whole Parquet file"):
        parquet_layout(io.BytesIO(data), LONG, "x")


@settings(max_examples=rounds(60), deadline=None)
@given(st.data())
def test_truncated_anywhere_is_an_error(data: st.DataObject) -> None:
    whole = stored(table(2000), row_group_size=500)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises((InputError, Damage)):
        read(whole[:cut])


@settings(max_examples=rounds(100), deadline=None)
@given(st.data())
def test_a_flipped_byte_is_an_error_or_changes_nothing_where_pages_have_checksums(data: st.DataObject) -> None:
    whole = bytearray(stored(table(500), row_group_size=200, write_page_checksum=True))
    metadata = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    whole[data.draw(st.integers(4, metadata - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found, rejects, _ = read(bytes(whole))
    except (InputError, Damage):
        return
    assert (found, rejects) == (readings(500), [])


def test_rows_before_a_damaged_row_group_count() -> None:
    data = bytearray(stored(table(1000), row_group_size=250, compression="zstd"))
    third = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(2).column(3)
    data[third.data_page_offset + 40 : third.data_page_offset + 60] = b"\xff" * 20
    sink = Sink(Keys(), Tally(), lambda reject: pytest.fail(str(reject)), RUN_START)
    seen = 0
    with pytest.raises(Damage, match="corrupt Parquet data in row group 2") as raised:
        for batch in read_part(io.BytesIO(data), Part("x"), LONG, "parquet", sink):
            seen += len(batch)
    assert (seen, raised.value.offset) == (500, 500)


def test_layout() -> None:
    groups = parquet_layout(io.BytesIO(stored(table(1000), row_group_size=400)), LONG)
    begin = 1_772_323_200_000_000
    assert [(g.rows, g.first, g.last) for g in groups] == [
        (400, begin, begin + 399_000_000),
        (400, begin + 400_000_000, begin + 799_000_000),
        (200, begin + 800_000_000, begin + 999_000_000),
    ]
    assert all(500 < group.size < 20_000 for group in groups)


def test_layout_of_other_types_of_time() -> None:
    begin = 1_772_323_200_000_000
    for kind in (pa.timestamp("s"), pa.timestamp("ns"), pa.timestamp("ms", "Asia/Tokyo")):
        [group] = parquet_layout(io.BytesIO(stored(table(10, kind))), LONG)
        assert (group.first, group.last) == (begin, begin + 9_000_000)
    berlin = Dialect("berlin", formats=("parquet",), timestamp=Timestamp(time_zone="Europe/Berlin"))
    [group] = parquet_layout(io.BytesIO(stored(table(10, pa.timestamp("us")))), berlin)
    assert group.first is not None
    assert group.last is not None
    assert group.first <= begin - 3_600_000_000 < group.last
    [group] = parquet_layout(io.BytesIO(stored(table(10, pa.string()))), LONG)
    assert (group.first, group.last) == (None, None)
    [group] = parquet_layout(io.BytesIO(stored(table(10), write_statistics=False)), LONG)
    assert (group.first, group.last) == (None, None)


def test_files_of_other_writers(tmp_path: Path) -> None:
    import duckdb
    import polars

    source = tmp_path / "arrow.parquet"
    pq.write_table(table(5000), source)
    polars.read_parquet(source).write_parquet(tmp_path / "polars.parquet", row_group_size=1024)
    to = f"COPY (SELECT * FROM '{source}') TO '{tmp_path}/duckdb.parquet' (FORMAT parquet, ROW_GROUP_SIZE 2048)"
    duckdb.sql(to)
    naive = f"SELECT * REPLACE (timestamp AT TIME ZONE 'UTC' AS timestamp) FROM '{source}'"
    duckdb.sql(f"COPY ({naive}) TO '{tmp_path}/naive.parquet'")
    for name in ("arrow", "polars", "duckdb", "naive"):
        found, rejects, _ = read(tmp_path / f"{name}.parquet")
        assert not rejects, name
        assert found == readings(5000), name


def test_an_empty_table() -> None:
    assert read(stored(table(1).slice(0, 0))) == ([], [], Tally())
