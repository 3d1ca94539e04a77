"""Device metadata, which says where each device stands, and from when to when: read and checked by the driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jobs.engine.options import Option, Settings, instant
from jobs.errors import InputError, UsageError
from jobs.lake import side_table, storage
from jobs.partials.codes import text_codes
from jobs.partials.places import ALWAYS, DEVICES, UNMATCHED
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Int64Array

BESIDE = ("_devices.csv", "_devices.parquet")
"""What is looked for in the folders of the input where --devices is not given."""
SITES = "sites"
"""The table of the metadata where they travel with the run to every task."""

_NEEDED, _BOUNDS = ("device_id", "site"), ("valid_from", "valid_to")


def option(wanting: str) -> Option:
    """--devices of a job that wants metadata with another option, such as `--by site`."""
    return Option("--devices", f"with {wanting}: device metadata, as for site_stats", metavar="FILE", file=True)


def tables(settings: Settings, wanting: str) -> Mapping[str, pa.Table]:
    """The job's tables: SITES where the settings are `wanting`, such as `--by site`.

    Raises InputError and UsageError as `load` does, and UsageError for --devices that would mean nothing.
    """
    flag, value = wanting.split()
    if settings.option(flag.lstrip("-")) == value:
        return {SITES: load(settings)}
    if settings.option("devices"):
        raise UsageError("tells where devices are", where="--devices", fix=f"add {wanting}")
    return {}


def watch_unmatched(tables: Iterator[pa.Table], say: Callable[[str], None]) -> Iterator[pa.Table]:
    """The result as it goes by; where it has a `site`, how many of `count` are of none is said at its end."""
    total, unmatched = 0, 0
    for table in tables:
        if "site" in table.column_names:
            total += pc.sum(table["count"]).as_py() or 0
            unmatched += pc.sum(table.filter(pc.equal(table["site"], UNMATCHED))["count"]).as_py() or 0
        yield table
    if unmatched:
        say(f"{unmatched:,} of {total:,} readings are of no site in the metadata: {UNMATCHED}")


def load(settings: Settings) -> pa.Table:
    """The rows of DEVICES that --devices, or else a file in a folder of the input, holds.

    Raises InputError for a file that is missing or wrong, UsageError where there is none.
    """
    file = _File(settings.option("devices") or _beside(settings.inputs))
    device, site = (file.texts(name) for name in _NEEDED)
    for name, column in zip(_NEEDED, (device, site), strict=True):
        file.refuse(pc.or_kleene(pc.is_null(column), pc.equal(column, "")), f"no {name}")
    file.refuse(pc.equal(site, UNMATCHED), f'no site can be called "{UNMATCHED}"')
    zone = ZoneInfo(settings.time_zone)
    begin, end = (file.instants(name, open_end, zone) for name, open_end in zip(_BOUNDS, ALWAYS, strict=True))
    file.refuse(begin >= end, "valid_from is not before valid_to")
    _refuse_overlaps(file, device, begin, end)
    return pa.table([device, site, from_numpy(begin), from_numpy(end)], schema=DEVICES.columns)


def _refuse_overlaps(file: _File, device: pa.ChunkedArray, begin: Int64Array, end: Int64Array) -> None:
    codes = text_codes(device)[0]
    order = np.lexsort((begin, codes))
    one, other = order[:-1], order[1:]
    bad = np.flatnonzero((codes[one] == codes[other]) & (end[one] > begin[other]))
    if len(bad):
        earlier, later = sorted((int(one[bad[0]]), int(other[bad[0]])))
        bounded = all((begin[row], end[row]) != ALWAYS for row in (earlier, later))
        what = f'device "{device[later].as_py()}" is there already, in {file.place(earlier)}'
        raise InputError(
            f"{what}, for a time that overlaps" if bounded else what,
            where=f"{file.uri} {file.place(later)}",
            fix="valid_to is exclusive" if bounded else "a device that moved has valid_from and valid_to in its rows",
        )


def _beside(inputs: tuple[str, ...]) -> str:
    """The metadata in a folder of the input."""
    for spec in inputs:
        for name in BESIDE:
            uri = f"{spec.rstrip('/')}/{name}"
            if spec != "-" and storage.find(uri) is not None:
                return uri
    raise UsageError(
        "there is no device metadata", fix=f"name it with --devices FILE, or put {BESIDE[0]} into the input's folder"
    )


class _File:
    """A table in a CSV or Parquet file. Raises InputError for what it has not."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        info = storage.find(uri)
        if info is None:
            raise InputError("no such file", where=uri, fix="--devices names a CSV or Parquet file of device metadata")
        self._info = info
        self._table = side_table.read(info, (*_NEEDED, *_BOUNDS))

    def texts(self, name: str) -> pa.ChunkedArray:
        names = self._table.column_names
        if names.count(name) != 1:
            number = "no" if name not in names else "more than one"
            raise InputError(f"{number} column {name}; its columns are {', '.join(names)}", where=self.uri)
        return self._table.column(name).cast(pa.string())

    def instants(self, name: str, absent: int, zone: ZoneInfo) -> Int64Array:
        """µs since 1970 UTC; `absent` where there is nothing."""
        if name not in self._table.column_names:
            return np.full(len(self._table), absent)
        column = self.texts(name).combine_chunks().dictionary_encode()
        known: Int64Array = np.full(len(column.dictionary) + 1, absent)
        codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        for code, text in enumerate(column.dictionary.to_pylist()):
            try:
                known[code] = instant(text, zone)
            except ValueError as error:
                raise InputError(f"{name}: {error}", where=f"{self.uri} {self.place(_first(codes == code))}") from None
        found: Int64Array = known[codes]
        return found

    def refuse(self, bad: pa.ChunkedArray | npt.NDArray[np.bool_], what: str) -> None:
        rows = np.asarray(pc.fill_null(bad, False) if isinstance(bad, pa.ChunkedArray) else bad)
        if rows.any():
            raise InputError(what, where=f"{self.uri} {self.place(_first(rows))}")

    def place(self, row: int) -> str:
        """Where a row stands: blank lines are lines, but no rows."""
        if side_table.is_parquet(self._info):
            return f"row {row + 1}"
        written = enumerate(storage.read_bytes(self._info).splitlines(), 1)
        lines = (number for number, line in written if line.strip())
        return f"line {next(number for n, number in enumerate(lines) if n == row + 1)}"


def _first(rows: npt.NDArray[np.bool_]) -> int:
    return int(np.flatnonzero(rows)[0])
