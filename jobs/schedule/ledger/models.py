"""The ledger's tables. A change here needs a migration, which a test compares with them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import BigInteger, Date, Double, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

REVISION = "0002"
"""The migration that makes these tables."""


class Instant(TypeDecorator[datetime]):
    """A time in UTC as text that sorts like time, `2026-03-29T01:00:00.000000Z`: the same in every database."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> str | None:
        return None if value is None else value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: str | None, dialect: Any) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


NAME, STATUS, HASH, PARTITION, RUN = String(100), String(20), String(64), String(20), String(100)


class Base(DeclarativeBase):
    pass


class RunRow(Base):
    """A call of `run`, `backfill` or `rerun`. status: running, done, failed or lost. token: of its lease."""

    __tablename__ = "runs"
    id: Mapped[str] = mapped_column(RUN, primary_key=True)
    command: Mapped[str] = mapped_column(Text)
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int] = mapped_column(Integer)
    token: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[str] = mapped_column(NAME)
    started: Mapped[datetime] = mapped_column(Instant)
    ended: Mapped[datetime | None] = mapped_column(Instant)
    status: Mapped[str] = mapped_column(STATUS)
    note: Mapped[str | None] = mapped_column(Text)


class AttemptRow(Base):
    """One start of a job for a partition. status: running, published, failed, timeout, busy or lost.

    number: since the input was last another. fingerprint: of the input and options that were wanted. bytes: read.
    seconds: wall time. cost: US dollars, where an engine tells. published_run: the run id that `_SUCCESS` names.
    """

    __tablename__ = "attempts"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    run_id: Mapped[str] = mapped_column(RUN, ForeignKey("runs.id"))
    task: Mapped[str] = mapped_column(NAME)
    partition: Mapped[str] = mapped_column(PARTITION)
    number: Mapped[int] = mapped_column(Integer)
    fingerprint: Mapped[str] = mapped_column(HASH)
    status: Mapped[str] = mapped_column(STATUS)
    started: Mapped[datetime] = mapped_column(Instant)
    ended: Mapped[datetime | None] = mapped_column(Instant)
    exit_status: Mapped[int | None] = mapped_column(Integer)
    error: Mapped[str | None] = mapped_column(Text)
    engine: Mapped[str | None] = mapped_column(STATUS)
    version: Mapped[str | None] = mapped_column(NAME)
    tasks: Mapped[int | None] = mapped_column(Integer)
    objects: Mapped[int | None] = mapped_column(BigInteger)
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    readings: Mapped[int | None] = mapped_column(BigInteger)
    rejects: Mapped[int | None] = mapped_column(BigInteger)
    seconds: Mapped[float | None] = mapped_column(Double)
    cost: Mapped[float | None] = mapped_column(Double)
    published_run: Mapped[str | None] = mapped_column(RUN)
    __table_args__ = (Index("attempts_of_a_partition", "task", "partition"), Index("attempts_of_a_run", "run_id"))


class PartitionRow(Base):
    """A partition's published result. output: the name of its place (jobs/schedule/names.py). fingerprint: of the input
    and options it was made of. content: of its bytes. token: of the lease under which it was made. cost, planned_cost:
    US dollars, the most that was planned, where an engine tells. pruned: since when it is not kept any more."""

    __tablename__ = "partitions"
    task: Mapped[str] = mapped_column(NAME, primary_key=True)
    partition: Mapped[str] = mapped_column(PARTITION, primary_key=True)
    start: Mapped[datetime] = mapped_column("starts", Instant)
    end: Mapped[datetime] = mapped_column("ends", Instant)
    output: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(HASH)
    content: Mapped[str] = mapped_column(HASH)
    published_run: Mapped[str] = mapped_column(RUN)
    token: Mapped[int] = mapped_column(BigInteger)
    published: Mapped[datetime] = mapped_column(Instant)
    rows: Mapped[int] = mapped_column("row_count", BigInteger)
    readings: Mapped[int] = mapped_column(BigInteger)
    rejects: Mapped[int] = mapped_column(BigInteger)
    bytes: Mapped[int] = mapped_column(BigInteger)
    cost: Mapped[float | None] = mapped_column(Double)
    planned_cost: Mapped[float | None] = mapped_column(Double)
    pruned: Mapped[datetime | None] = mapped_column(Instant)


class ObjectRow(Base):
    """A log object of a source. uri: its name. pin: size, and etag or time, as it was listed; learned: the pin under
    which its days were read. damage: what is wrong with it. seen_by, gone_by: the tokens of the leases under which it
    was found, and was not found any more; unlike times they say for sure what was there when a partition was made."""

    __tablename__ = "objects"
    id: Mapped[str] = mapped_column(HASH, primary_key=True)
    source: Mapped[str] = mapped_column(NAME)
    uri: Mapped[str] = mapped_column(Text)
    arrived: Mapped[date | None] = mapped_column(Date)
    pin: Mapped[str] = mapped_column(NAME)
    learned: Mapped[str | None] = mapped_column(NAME)
    size: Mapped[int] = mapped_column(BigInteger)
    first_seen: Mapped[datetime] = mapped_column(Instant)
    seen_by: Mapped[int] = mapped_column(BigInteger)
    gone_by: Mapped[int | None] = mapped_column(BigInteger)
    damage: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (Index("objects_of_a_source", "source"),)


class ObjectDayRow(Base):
    """A UTC day of which an object holds readings. hours: bit h is set where it holds some of hour h. An object
    of which nobody can tell, for it is damaged, was not read yet or holds no readings, is of its day of arrival too."""

    __tablename__ = "object_days"
    object_id: Mapped[str] = mapped_column(HASH, ForeignKey("objects.id"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    hours: Mapped[int] = mapped_column(Integer)
    readings: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (Index("objects_of_a_day", "day"),)


class LeaseRow(Base):
    """Who runs the schedule. owner: none while nobody does. token: grows with each holder. beat: the holder's sign of
    life, a number that changes."""

    __tablename__ = "leases"
    name: Mapped[str] = mapped_column(NAME, primary_key=True)
    owner: Mapped[str | None] = mapped_column(String(255))
    token: Mapped[int] = mapped_column(BigInteger)
    beat: Mapped[int] = mapped_column(BigInteger)


class AlertRow(Base):
    """Something that somebody is told once. told: the ways that have taken it, with a blank between. cleared: when it
    was over."""

    __tablename__ = "alerts"
    id: Mapped[str] = mapped_column(HASH, primary_key=True)
    kind: Mapped[str] = mapped_column(STATUS)
    task: Mapped[str] = mapped_column(NAME)
    partition: Mapped[str] = mapped_column(PARTITION)
    what: Mapped[str] = mapped_column(Text)
    raised: Mapped[datetime] = mapped_column(Instant)
    told: Mapped[str] = mapped_column(Text)
    cleared: Mapped[datetime | None] = mapped_column(Instant)


class OriginRow(Base):
    """At most one: the schedule's folder when this ledger, whose names of files are absolute, was migrated. Names in
    others are relative to the folder."""

    __tablename__ = "origins"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    folder: Mapped[str] = mapped_column(Text)
