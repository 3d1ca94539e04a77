"""A small table that stands beside the logs, in a CSV or Parquet file of any storage."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from jobs.errors import InputError
from jobs.lake import storage


def read(
    info: storage.ObjectInfo, texts: Iterable[str], *, quoted_is_null: bool = True, long_texts: bool = False
) -> pa.Table:
    """The table in a file, which is Parquet where its name ends so, else CSV with a header.

    texts: columns that are text in CSV, whatever they look like; an empty field is null, and so is `""` if
    quoted_is_null. long_texts: whether a quoted text may hold line ends. Raises InputError for what is neither.
    """
    try:
        if is_parquet(info):
            return _parquet(info)
        return _csv(storage.read_bytes(info), texts, quoted_is_null, long_texts)
    except pa.ArrowInvalid as error:
        raise InputError(f"cannot be read: {str(error).splitlines()[0]}", where=info.uri) from None


def is_parquet(info: storage.ObjectInfo) -> bool:
    return info.uri.endswith(".parquet")


def _parquet(info: storage.ObjectInfo) -> pa.Table:
    from pyarrow import parquet

    with storage.open_seekable(info) as file:
        return parquet.read_table(file)


def _csv(data: bytes, texts: Iterable[str], quoted_is_null: bool, long_texts: bool) -> pa.Table:
    from pyarrow import csv

    convert = csv.ConvertOptions(
        column_types=dict.fromkeys(texts, pa.string()),
        strings_can_be_null=True,
        quoted_strings_can_be_null=quoted_is_null,
        null_values=[""],
    )
    return csv.read_csv(
        pa.BufferReader(data),
        csv.ReadOptions(use_threads=False),
        parse_options=csv.ParseOptions(newlines_in_values=long_texts),
        convert_options=convert,
    )
