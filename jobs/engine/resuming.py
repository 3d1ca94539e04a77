"""Earlier results as input: rows of published Parquet, which the job turns back into partial rows, to be merged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from jobs.engine import progress
from jobs.engine.plan import Piece, Split
from jobs.engine.report import DamagedObject, Report
from jobs.engine.run import Run
from jobs.errors import InputError
from jobs.lake import storage
from jobs.lake.storage import ObjectInfo
from jobs.partials.merge import keep, merge
from jobs.partials.schema import PartialSchema
from jobs.readings.compression import Damage
from jobs.readings.detect import PARQUET_NAMES
from jobs.readings.part import Part

if TYPE_CHECKING:
    from jobs.engine.declaration import Declaration
    from jobs.readings.parquet_results import Footer

_AT_ONCE = 16


class Resumed(NamedTuple):
    """What rows of an earlier result stand for: partial rows by kind, of `selected` of so many `readings`."""

    partials: dict[str, pa.Table]
    readings: int
    selected: int


def earlier_results(objects: Sequence[ObjectInfo], key: str) -> list[Footer]:
    """The footers of all objects, where the first that is named as Parquet has this key in its metadata; else none.

    Raises InputError where the others have not: results and logs are never read together.
    """
    from concurrent.futures import ThreadPoolExecutor

    first = next((info for info in objects if _is_named_parquet(info)), None)
    if first is None or not _has(first, key):
        return []
    if (other := next((info for info in objects if not _is_named_parquet(info)), None)) is not None:
        raise _mixed(other.uri, first.uri)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        footers = list(threads.map(_footer, objects))
    for footer in footers:
        if key not in footer.metadata:
            raise _mixed(footer.uri, first.uri)
    return footers


class ResultReader:
    """Reads the splits of one task, where the run's input is earlier results; what is counted goes to `report`."""

    def __init__(self, job: type[Declaration], run: Run, report: Report) -> None:
        self._job, self._run, self._report = job, run, report

    def read(self, split: Split) -> Iterator[dict[str, pa.Table]]:
        """Partial rows by kind, some for each batch of rows."""
        for piece in split.pieces:
            yield from self._read_piece(piece)
        self._report.splits += 1

    def _read_piece(self, piece: Piece) -> Iterator[dict[str, pa.Table]]:
        from jobs.readings.parquet_results import read_results

        uri, report = piece.object.uri, self._report
        with storage.open_seekable(piece.object) as file:
            try:
                for rows in read_results(file, Part(uri, row_groups=piece.row_groups), self._run.resumed):
                    if self._job.metrics_named(self._run.settings) and "metric" in rows.column_names:
                        report.metrics = sorted({*report.metrics, *rows.column("metric").unique().to_pylist()})
                    resumed = self._job.resume(self._run, rows, uri)
                    report.tally.readings += resumed.readings
                    report.selected += resumed.selected
                    progress.advance(0, resumed.readings)
                    yield resumed.partials
            except Damage as damage:
                report.damage.append(DamagedObject(uri, damage.offset, damage.what))
        progress.advance(piece.size, 0)
        report.size += piece.size


class Merging:
    """Holds partial rows between flushes, merged as they pile up."""

    def __init__(self, kinds: Mapping[str, PartialSchema]) -> None:
        self._kinds = kinds
        self._held: dict[str, list[pa.Table]] = {}

    def add(self, partials: Mapping[str, pa.Table]) -> None:
        keep(self._kinds, self._held, partials.items())

    def flush(self) -> Iterator[tuple[str, pa.Table]]:
        """All of them, each table with its kind; empties."""
        held, self._held = self._held, {}
        for kind, tables in held.items():
            yield kind, merge(self._kinds[kind], tables)

    @property
    def nbytes(self) -> int:
        return sum(table.nbytes for tables in self._held.values() for table in tables)


def _is_named_parquet(info: ObjectInfo) -> bool:
    return info.uri.endswith(PARQUET_NAMES)


def _has(info: ObjectInfo, key: str) -> bool:
    """Whether an object is Parquet with this key. What else it may be, its reader finds out: names are only a hint."""
    try:
        return key in _footer(info).metadata
    except InputError:
        return False


def _footer(info: ObjectInfo) -> Footer:
    from jobs.readings.parquet_results import read_footer

    with storage.open_seekable(info) as file:
        return read_footer(file, info.uri)


def _mixed(other: str, first: str) -> InputError:
    return InputError(f"has no state to merge, as {first} has", where=other, fix="roll up logs and states apart")
