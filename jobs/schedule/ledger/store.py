"""What the schedule writes into the ledger and reads from it; each write is one transaction of the lease's holder."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Engine, delete, func, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from jobs import __version__
from jobs.errors import BusyError
from jobs.schedule.durable import step
from jobs.schedule.hours import Day, unknown
from jobs.schedule.ledger.connect import migrate, open_database, told
from jobs.schedule.ledger.models import AttemptRow, LeaseRow, ObjectDayRow, ObjectRow, OriginRow, PartitionRow, RunRow
from jobs.schedule.names import Names

LEASE = "schedule"
_AT_ONCE = 500
"""How many keys a statement asks for."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An object as it is listed: pin is its size with its etag or time of change; arrived is the day of its folder."""

    uri: str
    pin: str
    size: int
    arrived: date | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """An object as partitions are made of it. seen_by, gone_by: as in its row."""

    uri: str
    pin: str
    seen_by: int
    gone_by: int | None
    days: tuple[Day, ...]


@dataclass(frozen=True, slots=True)
class Tries:
    """The attempts at one input of a partition so far: how many failed, and how the last one ended."""

    failed: int = 0
    status: str | None = None
    exit_status: int | None = None
    error: str | None = None


class Ledger:
    """The ledger at a URL. `clock`: what time it is; `names`: how places stand in it, which nobody sees but for its
    tables. Raises LedgerError, in one line, whenever it cannot be used."""

    def __init__(
        self, url: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC), names: Names | None = None
    ) -> None:
        self.engine: Engine = open_database(url)
        self.clock = clock
        self.names = names or Names()
        self.token: int | None = None

    def prepare(self) -> None:
        """Make or migrate the tables."""
        with told(self.engine):
            migrate(self.engine, self.names.folder)
        with self.reading() as session:
            self.names = replace(self.names, origin=session.scalars(select(OriginRow.folder)).first() or "")

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with told(self.engine), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self, operation: str) -> Iterator[Session]:
        """One transaction of the holder of the lease. Raises BusyError if that is somebody else by now."""
        opened = Session(self.engine, expire_on_commit=False)
        with told(self.engine), step(operation), opened as session, session.begin():
            same = update(LeaseRow).where(LeaseRow.name == LEASE, LeaseRow.token == self.token)
            if _count(session, same.values(token=LeaseRow.token)) != 1:
                raise lost_lease()
            yield session

    def close(self) -> None:
        self.engine.dispose()

    # Runs and attempts

    def begin_run(self, run_id: str, command: str) -> int:
        """A new run; what earlier holders left running is lost. How many attempts were."""
        now = self.clock()
        with self.writing("ledger.begin_run") as session:
            running = update(RunRow).where(RunRow.status == "running")
            session.execute(running.values(status="lost", ended=now))
            left = update(AttemptRow).where(AttemptRow.status == "running")
            lost = _count(session, left.values(status="lost", ended=now, error="its run was killed"))
            session.add(
                RunRow(
                    id=run_id,
                    command=command,
                    host=socket.gethostname(),
                    pid=os.getpid(),
                    token=self._held(),
                    version=__version__,
                    started=now,
                    status="running",
                )
            )
        return lost

    def end_run(self, run_id: str, status: str, note: str) -> None:
        with self.writing("ledger.end_run") as session:
            ended = update(RunRow).where(RunRow.id == run_id)
            session.execute(ended.values(status=status, note=note, ended=self.clock()))

    def begin_attempt(self, run_id: str, task: str, partition: str, number: int, fingerprint: str) -> int:
        """The id of a new attempt."""
        row = AttemptRow(
            run_id=run_id,
            task=task,
            partition=partition,
            number=number,
            fingerprint=fingerprint,
            status="running",
            started=self.clock(),
        )
        with self.writing("ledger.begin_attempt") as session:
            session.add(row)
        return row.id

    def end_attempt(self, attempt: int, values: Mapping[str, Any], published: PartitionRow | None) -> None:
        """What an attempt came to, and with it what is published now."""
        with self.writing("ledger.end_attempt") as session:
            session.execute(update(AttemptRow).where(AttemptRow.id == attempt).values(ended=self.clock(), **values))
            if published is not None:
                self._keep(session, published)

    def adopt(self, published: PartitionRow) -> None:
        """What was found published."""
        with self.writing("ledger.adopt") as session:
            self._keep(session, published)

    def _keep(self, session: Session, published: PartitionRow) -> None:
        published.token = self._held()
        session.merge(published).output = self.names.of(published.output)

    def _held(self) -> int:
        assert self.token is not None, "the lease is held by whoever writes"
        return self.token

    def tries(self, only: tuple[str, str] | None = None) -> dict[tuple[str, str, str], Tries]:
        """By task, partition and fingerprint: attempts that failed; what was lost or met another does not count. only:
        of this task and partition."""
        row = AttemptRow
        wanted = select(row.task, row.partition, row.fingerprint, row.status, row.exit_status, row.error)
        wanted = wanted.where(row.status.in_(("failed", "timeout", "published"))).order_by(row.id)
        if only is not None:
            wanted = wanted.where(row.task == only[0], row.partition == only[1])
        found: dict[tuple[str, str, str], Tries] = {}
        with self.reading() as session:
            for task, partition, fingerprint, status, exit_status, error in session.execute(wanted):
                key = (task, partition, fingerprint)
                if status == "published":
                    found.pop(key, None)
                else:
                    found[key] = Tries(found.get(key, Tries()).failed + 1, status, exit_status, error)
        return found

    def running(self) -> set[tuple[str, str, str]]:
        """Task, partition and fingerprint of the attempts that are under way, or whose run was killed."""
        wanted = select(AttemptRow.task, AttemptRow.partition, AttemptRow.fingerprint)
        with self.reading() as session:
            rows = session.execute(wanted.where(AttemptRow.status == "running"))
            return {(task, partition, fingerprint) for task, partition, fingerprint in rows}

    def lost(self) -> list[tuple[str, str, str]]:
        """Task, partition and fingerprint where the last attempt is one whose run was killed."""
        row = AttemptRow
        last = select(func.max(row.id)).where(row.number > 0).group_by(row.task, row.partition)
        wanted = select(row.task, row.partition, row.fingerprint).where(row.id.in_(last), row.status == "lost")
        with self.reading() as session:
            return [(task, partition, fingerprint) for task, partition, fingerprint in session.execute(wanted)]

    def made_again(self) -> list[tuple[str, str]]:
        """The tasks and partitions of more than one attempt that published, or may have."""
        row = AttemptRow
        wanted = select(row.task, row.partition).where(row.number > 0, row.status.in_(("published", "lost")))
        wanted = wanted.group_by(row.task, row.partition).having(func.count() > 1)
        with self.reading() as session:
            return [(task, partition) for task, partition in session.execute(wanted)]

    def history(self, limit: int, task: str | None = None, partition: str | None = None) -> list[AttemptRow]:
        """The last attempts, latest first."""
        wanted = select(AttemptRow).where(AttemptRow.number > 0).order_by(AttemptRow.id.desc()).limit(limit)
        if task is not None:
            wanted = wanted.where(AttemptRow.task == task)
        if partition is not None:
            wanted = wanted.where(AttemptRow.partition == partition)
        with self.reading() as session:
            return list(session.scalars(wanted))

    # What is published

    def partitions(self, only: tuple[str, str] | None = None) -> dict[tuple[str, str], PartitionRow]:
        """By task and partition. only: this one, if it is published."""
        wanted = select(PartitionRow)
        if only is not None:
            wanted = wanted.where(PartitionRow.task == only[0], PartitionRow.partition == only[1])
        with self.reading() as session:
            rows = list(session.scalars(wanted))
        for row in rows:
            row.output = self.names.place(row.output)
        return {(row.task, row.partition): row for row in rows}

    # Objects and the days they hold readings of

    def objects(self, source: str, since: date, until: date) -> dict[str, ObjectRow]:
        """Those that arrived on the days [since, until], or in a path without days, by URI."""
        arrived = or_(ObjectRow.arrived.is_(None), ObjectRow.arrived.between(since, until))
        with self.reading() as session:
            found = session.scalars(select(ObjectRow).where(ObjectRow.source == source, arrived))
            return {self.names.place(row.uri): row for row in found}

    def logs(self, source: str, since: date, until: date) -> dict[str, Log]:
        """The objects that hold readings of the UTC days [since, until], with what they hold of these, by URI."""
        wanted = select(ObjectRow, ObjectDayRow).join(ObjectDayRow, ObjectDayRow.object_id == ObjectRow.id)
        wanted = wanted.where(ObjectRow.source == source, ObjectDayRow.day.between(since, until))
        found: dict[str, Log] = {}
        with self.reading() as session:
            for row, held in session.execute(wanted.order_by(ObjectRow.uri, ObjectDayRow.day)):
                before = found[row.uri].days if row.uri in found else ()
                days = (*before, Day(held.day, held.hours, held.readings))
                found[row.uri] = Log(self.names.place(row.uri), row.pin, row.seen_by, row.gone_by, days)
        return {log.uri: log for log in found.values()}

    def see(self, source: str, listed: Iterable[Seen], gone: Iterable[str]) -> None:
        """Objects that are new or changed, and those that are there no more."""
        now, token = self.clock(), self._held()
        found = {self.names.of(seen.uri): seen for seen in listed}
        with self.writing("ledger.objects") as session:
            known = _rows(session, source, found)
            new: list[ObjectRow] = []
            for name, seen in found.items():
                row = known.get(name)
                if row is None:
                    row = ObjectRow(id=object_id(source, name), source=source, uri=name, first_seen=now)
                    row.seen_by = token
                    new.append(row)
                elif row.gone_by is not None:
                    row.seen_by, row.gone_by = token, None
                row.pin, row.size, row.arrived = seen.pin, seen.size, seen.arrived
            session.add_all(new)
            session.flush()
            session.add_all(_day_row(row, unknown(arrival(row))) for row in new)  # until they are read
            for row in known.values():
                session.merge(_day_row(row, unknown(arrival(row))))
            for row in _rows(session, source, map(self.names.of, gone)).values():
                row.gone_by = row.gone_by or token

    def learn(self, source: str, learned: Mapping[str, tuple[str, list[Day], str | None]]) -> None:
        """By URI: the pin under which an object was read, the days that it holds, and its damage."""
        by_name = {self.names.of(uri): found for uri, found in learned.items()}
        with self.writing("ledger.days") as session:
            rows = _rows(session, source, by_name)
            for ids in _in_lots([row.id for row in rows.values()]):
                session.execute(delete(ObjectDayRow).where(ObjectDayRow.object_id.in_(ids)))
            for name, row in rows.items():
                row.learned, days, row.damage = by_name[name]
                found = {day.day: day for day in days}
                if row.damage is not None or (row.size and not days):
                    found[arrival(row)] = unknown(arrival(row))
                session.add_all(_day_row(row, day) for day in found.values())


def arrival(row: ObjectRow) -> date:
    """The day of an object's arrival: that of its folder, else when it was first seen."""
    return row.arrived or row.first_seen.astimezone(UTC).date()


def _rows(session: Session, source: str, names: Iterable[str]) -> dict[str, ObjectRow]:
    """Those of these objects that are known, by name."""
    wanted = (ObjectRow.id.in_(ids) for ids in _in_lots([object_id(source, name) for name in names]))
    return {row.uri: row for some in wanted for row in session.scalars(select(ObjectRow).where(some))}


def _in_lots(ids: list[str]) -> Iterator[list[str]]:
    return (ids[i : i + _AT_ONCE] for i in range(0, len(ids), _AT_ONCE))


def _day_row(row: ObjectRow, day: Day) -> ObjectDayRow:
    return ObjectDayRow(object_id=row.id, day=day.day, hours=day.hours, readings=day.readings)


def object_id(source: str, name: str) -> str:
    """Names are longer than what databases take as a key."""
    return hashlib.sha256(f"{source}\0{name}".encode()).hexdigest()


def lost_lease() -> BusyError:
    return BusyError("another run has taken over", where="schedule", fix="nothing is to be done: it does the work")


def _count(session: Session, statement: Any) -> int:
    """How many rows a statement found."""
    result = session.execute(statement)
    assert isinstance(result, CursorResult)
    return int(result.rowcount)
