"""What reading an object gives, whatever the storage."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.lake import storage
from jobs.lake.storage import ObjectInfo


def assert_ranges(info: ObjectInfo, data: bytes, *more: tuple[int, int | None]) -> None:
    """The whole object, ranges of it at its borders and within, and `more` of them are those of `data`."""
    size = len(data)
    assert storage.read_bytes(info) == data
    usual = [(0, 1), (size // 3, size // 2), (size // 2, None), (max(size - 1, 0), size + 10)]
    for start, end in [*usual, *more]:
        with storage.open_range(info, start, end) as reader:
            taken = bytearray(size + 10)
            filled = 0
            while count := reader.readinto(memoryview(taken)[filled : filled + 700_001]):
                filled += count
            assert taken[:filled] == data[start:end]
            assert reader.bytes_read == filled


def assert_seekable(put: Callable[[bytes], ObjectInfo]) -> None:
    """A Parquet file that `put` stored is read back by its row groups."""
    table = pa.table({"x": list(range(200_000)), "y": [str(n * 7919) for n in range(200_000)]})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=30_000)
    info = put(sink.getvalue().to_pybytes())
    with storage.open_seekable(info) as file:
        assert file.size() == info.size
        assert pq.ParquetFile(file).read().equals(table)
