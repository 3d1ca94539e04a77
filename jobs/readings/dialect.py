"""The declared spelling of readings: what a dialect file can say. `dialect_file` reads and checks such files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Format = Literal["delimited", "json", "fixed", "parquet"]
FORMATS: tuple[Format, ...] = ("delimited", "json", "fixed", "parquet")


@dataclass(frozen=True, slots=True)
class Delimited:
    """Delimited text. `quote` is one character or empty for none; a doubled quote inside quotes stands for one."""

    delimiter: str = ","
    quote: str = '"'
    newline_in_quotes: bool = False
    encoding: str = "utf-8"
    header: bool = True
    columns: tuple[str, ...] = ()  # the names where header is false; with a header, what it must be (else: any order)
    skip_rows: int = 0
    comment: str = ""
    field_count: int = 0  # 0: as many as there are column names
    trailing_blanks: int = 0  # empty fields allowed (and required) after the last column
    strip_blanks: bool = False
    blank_rows: Literal["skip", "reject"] = "reject"  # records whose every field is empty


@dataclass(frozen=True, slots=True)
class FixedColumn:
    """A field of fixed-width text: `start` is the 0-based byte of the line, `width` in bytes."""

    name: str
    start: int
    width: int


@dataclass(frozen=True, slots=True)
class Fixed:
    """Fixed-width lines. A line shorter than the last declared column's end is a `field_count` reject."""

    columns: tuple[FixedColumn, ...] = ()
    strip_blanks: bool = False
    encoding: str = "utf-8"
    comment: str = ""
    skip_rows: int = 0


@dataclass(frozen=True, slots=True)
class Json:
    """JSON objects, one reading (or wide record) each: JSON lines, concatenated, or in one top-level array.

    Column names are dotted paths (`payload.temp`); a key that itself holds a dot is written in brackets: `["a.b"].c`.
    `records` is the path of an array of records inside each document; empty: the document is the record.
    With it, a column whose first key a record lacks is looked for in the document around it.
    """

    records: str = ""


@dataclass(frozen=True, slots=True)
class Numbers:
    """How numbers are spelled. `non_finite` says what nan and inf are: a `value` reject, or missing."""

    decimal: str = "."
    thousands: str = ""
    non_finite: Literal["reject", "missing"] = "reject"


@dataclass(frozen=True, slots=True)
class Timestamp:
    """When. `columns` empty means readings without a time (`timestamp = "none"` in the file).

    `formats`: with one column, formats tried as one alternative only: `iso8601`, `epoch_s`, `epoch_ms`, `epoch_us`,
    `epoch_ns`, or a pattern of %Y %m %d %H %M %S %f %z and literals; with several columns, one pattern for each.
    In a pattern %m %d %H %M %S take one or two digits, but exactly two where the next thing is a directive; %Y four.
    `time_zone`: IANA name for times that carry no offset. `ambiguous` local times (clocks set back) are the `earlier`
    or `later` instant or rejected; `nonexistent` ones (clocks set forward) are read with the offset before the change
    (`forward`: 02:30 becomes 03:30) or rejected. `min`, `max`: ISO instants; max empty: the run's start + 1 day.
    """

    columns: tuple[str, ...] = ("timestamp",)
    formats: tuple[str, ...] = ("iso8601",)
    time_zone: str = "UTC"
    ambiguous: Literal["earlier", "later", "reject"] = "earlier"
    nonexistent: Literal["forward", "reject"] = "forward"
    min: str = "1900-01-01"
    max: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """Who. Exactly one of: `columns` (joined with `join`), `constant`, `path` (a regular expression searched in the
    object's URI, its group `device_id` or first group)."""

    columns: tuple[str, ...] = ()
    join: str = "-"
    constant: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Long:
    """One reading a record: `metric` and `value` columns, perhaps a `unit` column; `units` gives units by metric."""

    metric: str = "metric"
    value: str = "value"
    unit: str = ""
    constant_metric: str = ""  # instead of `metric`
    units: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Wide:
    """A column that is a metric: its readings are value / scale, in `unit`.

    `missing` adds to the dialect's markers; `quality` and `accept` override the dialect's for this metric.
    """

    column: str
    metric: str
    unit: str | None = None
    scale: int = 1
    missing: tuple[str, ...] = ()
    quality: str = ""
    accept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quality:
    """A quality column; with `accept`, values of any other mark are left out and counted as excluded."""

    column: str = ""
    accept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dialect:
    """How log objects spell readings. Exactly one of `long` and `wide` is set.

    `missing`: markers of a missing value, compared with the field's text after unquoting and stripping;
    `missing_by_metric` adds to them for long records (wide columns carry their own). `optional`: the unit, quality and
    wide columns that an object may lack. `max_record`: bytes without the line's end; a longer record is a `too_long`
    reject. It is also the size of a reader's buffer.
    """

    name: str
    description: str = ""
    formats: tuple[Format, ...] = ("delimited",)
    delimited: Delimited = field(default_factory=Delimited)
    fixed: Fixed = field(default_factory=Fixed)
    json: Json = field(default_factory=Json)
    numbers: Numbers = field(default_factory=Numbers)
    missing: tuple[str, ...] = ("",)
    missing_by_metric: tuple[tuple[str, tuple[str, ...]], ...] = ()
    timestamp: Timestamp = field(default_factory=Timestamp)
    device: Device = field(default_factory=lambda: Device(columns=("device_id",)))
    long: Long | None = field(default_factory=Long)
    wide: tuple[Wide, ...] = ()
    quality: Quality = field(default_factory=Quality)
    optional: tuple[str, ...] = ()
    max_record: int = 1 << 20

    def __hash__(self) -> int:
        """Of the name alone, as each object of a run looks for what is known of its dialect."""
        return hash(self.name)
