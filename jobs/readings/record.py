"""What the fields of a record mean: a dialect applied to an object's columns, and one record's texts to readings.

This is the definition, shared by every format: delimited and fixed-width lines, JSON and Parquet.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

from jobs.errors import InputError, UsageError
from jobs.readings.dialect import Dialect, Wide
from jobs.readings.model import NO_TIME, Absence, Reason
from jobs.readings.numbers import parse_number
from jobs.readings.refusal import RejectError
from jobs.readings.results import refusal_of_results
from jobs.readings.timestamps import TimeReader


class Row(NamedTuple):
    """One reading, in texts. timestamp: µs UTC or NO_TIME."""

    timestamp: int
    device: str
    metric: str
    unit: str | None
    value: float
    quality: str | None


class Absent(NamedTuple):
    """A value that is not there, of a known device, metric and time."""

    timestamp: int
    device: str
    metric: str
    unit: str | None
    absence: Absence


@dataclass(slots=True)
class Record:
    """What a record holds: readings, values that are missing or were rejected, how many were excluded by quality, and
    what was rejected, values and whole records."""

    rows: list[Row] = field(default_factory=list)
    absent: list[Absent] = field(default_factory=list)
    excluded: int = 0
    rejects: list[RejectError] = field(default_factory=list)

    @property
    def missing(self) -> int:
        """How many values were missing."""
        return sum(value.absence is Absence.MISSING for value in self.absent)


@dataclass(frozen=True, slots=True)
class ValueRole:
    """A column of values. Indices are of the object's columns; `quality` is None where no quality column is.

    metric, unit: of a wide column; empty for long records, whose own columns tell. missing: the markers, compared
    before the value is parsed; for long records without those of single metrics. accept: empty accepts every mark.
    """

    column: int
    name: str
    metric: str = ""
    unit: str | None = None
    scale: int = 1
    missing: frozenset[str] = frozenset()
    quality: int | None = None
    accept: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Roles:
    """A dialect applied to the columns of one object.

    names: all columns of the object. time, time_columns: how and whence timestamps are read; None and () without.
    device_columns: joined with `dialect.device.join`; without any, `device` is the object's device.
    metric: the metric column of long records, None where `constant_metric` stands. unit: their unit column or None.
    values: one for long records, else one for each wide column in the dialect's order.
    """

    dialect: Dialect
    names: tuple[str, ...]
    time: TimeReader | None
    time_columns: tuple[int, ...]
    device_columns: tuple[int, ...]
    device: str
    metric: int | None
    constant_metric: str
    unit: int | None
    units: dict[str, str]
    missing_by_metric: dict[str, frozenset[str]]
    values: tuple[ValueRole, ...]

    @cached_property
    def wide(self) -> bool:
        return self.dialect.long is None

    @cached_property
    def field_count(self) -> int:
        """How many fields a delimited record has, without trailing blank ones."""
        return self.dialect.delimited.field_count or len(self.names)

    @cached_property
    def has_quality(self) -> bool:
        """Whether readings carry quality marks: any value has a quality column."""
        return any(v.quality is not None for v in self.values)

    @cached_property
    def needed(self) -> tuple[int, ...]:
        """The columns that are used, ascending."""
        single = [c for c in (self.metric, self.unit) if c is not None]
        quality = [v.quality for v in self.values if v.quality is not None]
        values = [v.column for v in self.values]
        return tuple(sorted({*self.time_columns, *self.device_columns, *single, *values, *quality}))

    def read(self, fields: Sequence[str | None]) -> Record:
        """The readings of a record, given its texts by column; columns that are not `needed` are not looked at.

        None is a field that is not there (JSON null, absent key): missing for a value, no unit, no quality mark, and a
        reject for a timestamp, device or metric. A fault of timestamp, device or metric rejects the whole record, that
        of a value this value only. Never raises.
        """
        record = Record()
        try:
            timestamp = self._timestamp(fields)
            device = self._device(fields)
            metric = self._metric(fields)
        except RejectError as reject:
            record.rejects.append(reject)
            return record
        for role in self.values:
            self._value(role, fields, timestamp, device, metric or role.metric, record)
        return record

    def _timestamp(self, fields: Sequence[str | None]) -> int:
        if self.time is None:
            return NO_TIME
        column = self.names[self.time_columns[0]] if len(self.time_columns) == 1 else None
        texts = []
        for index in self.time_columns:
            text = fields[index]
            if text is None:
                raise RejectError(Reason.TIMESTAMP, self.names[index])
            texts.append(text)
        try:
            return self.time.read(texts)
        except RejectError as reject:
            raise RejectError(reject.reason, column) from None

    def _device(self, fields: Sequence[str | None]) -> str:
        if not self.device_columns:
            return self.device
        texts = [fields[index] for index in self.device_columns]
        for index, text in zip(self.device_columns, texts, strict=True):
            if not text:
                raise RejectError(Reason.DEVICE, self.names[index])
        return self.dialect.device.join.join(text for text in texts if text)

    def _metric(self, fields: Sequence[str | None]) -> str:
        if self.metric is None:
            return self.constant_metric
        metric = fields[self.metric]
        if not metric:
            raise RejectError(Reason.METRIC, self.names[self.metric])
        return metric

    def _value(
        self, role: ValueRole, fields: Sequence[str | None], timestamp: int, device: str, metric: str, record: Record
    ) -> None:
        unit = role.unit
        if not self.wide:
            unit = (fields[self.unit] if self.unit is not None else None) or self.units.get(metric)
        text = fields[role.column]
        if text is None or text in role.missing or text in self.missing_by_metric.get(metric, ()):
            record.absent.append(Absent(timestamp, device, metric, unit, Absence.MISSING))
            return
        quality = None if role.quality is None else fields[role.quality] or ""
        if role.accept and quality not in role.accept:
            record.excluded += 1
            return
        try:
            value = parse_number(text, self.dialect.numbers)
        except RejectError as reject:
            record.rejects.append(RejectError(reject.reason, role.name))
            record.absent.append(Absent(timestamp, device, metric, unit, Absence.REJECTED))
            return
        if value is None:
            record.absent.append(Absent(timestamp, device, metric, unit, Absence.MISSING))
            return
        record.rows.append(Row(timestamp, device, metric, unit, value / role.scale, quality or None))


def referenced(dialect: Dialect) -> tuple[str, ...]:
    """Every column name that a dialect uses, in the order of first mention."""
    names = [*dialect.timestamp.columns, *dialect.device.columns]
    if dialect.long is not None:
        metric = "" if dialect.long.constant_metric else dialect.long.metric
        names += [metric, dialect.long.value, dialect.long.unit]
    for wide in dialect.wide:
        names += [wide.column, wide.quality]
    return tuple(dict.fromkeys(name for name in (*names, dialect.quality.column) if name))


def bind(dialect: Dialect, names: Sequence[str], uri: str, run_start: int) -> Roles:
    """A dialect applied to the columns `names` of object `uri`.

    run_start: when the run began, in µs UTC. Names that occur twice are refused only where the dialect uses them.
    Raises InputError where the object lacks a column that is not optional, or its URI holds no device; UsageError
    where the dialect's timestamp cannot be.
    """
    try:
        roles = _bind(dialect, tuple(names), run_start)
    except InputError as error:
        raise InputError(error.what, where=uri, fix=error.fix) from None
    return replace(roles, device=_device_of(dialect, uri)) if dialect.device.path else roles


@lru_cache(maxsize=256)
def _bind(dialect: Dialect, names: tuple[str, ...], run_start: int) -> Roles:
    """As `bind`, but for what the object's URI says: most objects of a run have the same columns."""
    used = referenced(dialect)
    _check_columns(dialect, used, names)
    index = {name: names.index(name) for name in used if name in names}
    long = dialect.long
    try:
        time = TimeReader(dialect.timestamp, run_start) if dialect.timestamp.columns else None
    except ValueError as error:
        raise UsageError(str(error), where=f"dialect {dialect.name}: timestamp") from None
    constant = long.constant_metric if long is not None else ""
    return Roles(
        dialect,
        names,
        time,
        tuple(index[name] for name in dialect.timestamp.columns),
        tuple(index[name] for name in dialect.device.columns),
        dialect.device.constant,
        index[long.metric] if long is not None and not constant else None,
        constant,
        index.get(long.unit) if long is not None else None,
        dict(long.units) if long is not None else {},
        {metric: frozenset(markers) for metric, markers in dialect.missing_by_metric},
        _value_roles(dialect, index),
    )


def _value_roles(dialect: Dialect, index: dict[str, int]) -> tuple[ValueRole, ...]:
    values = dialect.wide if dialect.long is None else (Wide(dialect.long.value, metric=""),)
    roles = []
    for value in values:
        if value.column not in index:
            continue
        quality = index.get(value.quality or dialect.quality.column)
        accept = frozenset(value.accept or dialect.quality.accept if quality is not None else ())
        missing = frozenset((*dialect.missing, *value.missing))
        roles.append(
            ValueRole(
                index[value.column], value.column, value.metric, value.unit, value.scale, missing, quality, accept
            )
        )
    if not roles:
        raise InputError(f"none of the metrics of dialect {dialect.name} is among its columns")
    return tuple(roles)


def _device_of(dialect: Dialect, uri: str) -> str:
    found = re.search(dialect.device.path, uri)
    device = (found["device_id"] if "device_id" in found.re.groupindex else found[1]) if found else None
    if not device:
        raise InputError(
            f"its path holds no device for dialect {dialect.name}: it does not match {dialect.device.path}",
            where=uri,
            fix="leave it out or name another dialect with --dialect",
        )
    return device


def _check_columns(dialect: Dialect, used: Sequence[str], names: Sequence[str]) -> None:
    lacking = [name for name in used if name not in names and name not in dialect.optional]
    if lacking:
        if (refusal := refusal_of_results(names)) is not None:
            raise refusal
        raise InputError(
            f"no column {_listed(lacking)} for dialect {dialect.name}; its columns are {_listed(names)}",
            fix=_other_dialects(names),
        )
    twice = [name for name in used if list(names).count(name) > 1]
    if twice:
        raise InputError(f"column {_listed(twice)} occurs twice in the header", fix="rename one of them")


def _other_dialects(names: Sequence[str]) -> str:
    from jobs.readings import dialect_file

    fitting = [
        name
        for name in dialect_file.shipped()
        if {*referenced(dialect := dialect_file.load(name))} - {*dialect.optional} <= {*names}
    ]
    if fitting:
        return "use " + " or ".join(f"--dialect {name}" for name in fitting)
    return "name the dialect of these files with --dialect (docs/dialects.md tells how to write one)"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name if len(name) <= 40 else name[:40] + "…" for name in names[:20])
    return shown + (f", … ({len(names)} in all)" if len(names) > 20 else "")
