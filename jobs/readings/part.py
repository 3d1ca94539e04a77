"""What one call of a reader reads, and where it reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jobs.readings.model import TEXT_LIMIT, Keys, Reason, Reject, Tally


@dataclass(frozen=True, slots=True)
class Part:
    """The records of object `uri` whose first byte lies in [start, end) of its decompressed bytes.

    end: None for the object's end. header: for start > 0 every byte before the object's first record (byte order mark,
    skipped rows, comments, the header line), so that column names are known. row_groups: of a Parquet object, those to
    read; None for all.
    """

    uri: str
    start: int = 0
    end: int | None = None
    header: bytes = b""
    row_groups: tuple[int, ...] | None = None

    @property
    def read_from(self) -> int:
        """Where the source must stand: one byte early, as that byte tells whether a record begins at `start`."""
        return self.start - 1 if self.start else 0


@dataclass(slots=True)
class Sink:
    """Where a task's parsing reports.

    run_start: µs UTC; one day later is the last instant of dialects that give no limit. kernel: False for the
    reference path only. absent: whether batches of absent values are wanted between those of readings.
    """

    keys: Keys
    tally: Tally
    on_reject: Callable[[Reject], None]
    run_start: int
    kernel: bool = True
    absent: bool = False

    def reject(self, reason: Reason, column: str | None, offset: int, line: int | None, raw: bytes) -> None:
        """Counts and reports one reject; `raw` is the record, of which the first bytes are kept."""
        self.tally.rejects[str(reason)] += 1
        self.on_reject(Reject(offset, line, reason, column, raw[:TEXT_LIMIT]))
