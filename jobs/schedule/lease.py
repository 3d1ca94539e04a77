"""One run at a time: a lock of the system on one host, a lease with a sign of life across hosts.

The lease's holder changes `beat` every so often. Who finds it taken watches: a beat that changes is a living holder's;
one that stays the same for the time a lease lasts is a dead one's, and then the lease is taken. No clock is compared
with another host's, so clocks may be wrong. A holder that was away too long and does not know it is fenced: its token
is lower, and neither the ledger nor publishing takes it. One that meets a higher token and still is the holder, as
where the ledger was lost, goes on with one that is higher still.
"""

from __future__ import annotations

import fcntl
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import IntegrityError

from jobs.errors import BusyError, JobError
from jobs.schedule.durable import step
from jobs.schedule.ledger.connect import told
from jobs.schedule.ledger.models import LeaseRow
from jobs.schedule.ledger.store import LEASE, lost_lease
from jobs.schedule.model import Schedule

if TYPE_CHECKING:
    from jobs.schedule.ledger.store import Ledger

_LEASE = select(LeaseRow.owner, LeaseRow.token, LeaseRow.beat).where(LeaseRow.name == LEASE)
_BEATS = 4
"""Signs of life in the time that a lease lasts."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The lease as it was read; owner: None where nobody holds it."""

    owner: str | None
    token: int
    beat: int


class Place(Protocol):
    """Where a lease is kept. What changes it does so under the condition that it still is what was seen."""

    def look(self) -> Standing: ...
    def take(self, seen: Standing, owner: str) -> bool: ...
    def beat(self, token: int, beat: int) -> bool: ...
    def renumber(self, token: int, higher: int) -> bool: ...
    def release(self, token: int) -> None: ...


class Lease:
    """A lease that is held. `lost` is set once it is not any more."""

    def __init__(self, place: Place, token: int, seconds: float) -> None:
        self.token = token
        self.lost = threading.Event()
        self._place, self._seconds = place, seconds
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        beat, last = 1, now()
        try:
            while not self._stop.wait(self._seconds / _BEATS):
                try:
                    beat += 1
                    with self._turn:
                        if not self._place.beat(self.token, beat):
                            return
                    last = now()
                except JobError:  # a database that is away for a moment
                    if now() - last > self._seconds * (_BEATS - 1) / _BEATS:
                        return
        finally:
            if not self._stop.is_set():
                self.lost.set()

    def outgrow(self, token: int) -> None:
        """Have a token above one that was met. Raises BusyError if the lease is somebody else's by now."""
        with self._turn, step("lease.renumber"):
            if not self._place.renumber(self.token, token + 1):
                self.lost.set()
                raise lost_lease()
            self.token = token + 1

    def end(self) -> None:
        """Give it back."""
        self._stop.set()
        self._thread.join()
        with suppress(JobError), step("lease.release"):
            self._place.release(self.token)


@contextmanager
def held(schedule: Schedule, ledger: Ledger) -> Iterator[Lease]:
    """The only run of this schedule, on any host. Raises BusyError while there is another."""
    with _host_lock(schedule.state) as lock:
        ledger.prepare()
        place = _place(schedule, ledger)
        lease = Lease(place, taken(place, _owner(lock), schedule.lease_seconds), schedule.lease_seconds)
        try:
            fence(ledger, lease)
            yield lease
        finally:
            lease.end()


def taken(place: Place, name: str, seconds: float, pause: Callable[[float], None] = time.sleep) -> int:
    """The token of the lease, now ours. Raises BusyError while another one's beat changes.

    What this very host left is taken at once: the caller holds the host's lock.
    """
    seen = place.look()
    begun = now()
    while seen.owner not in (None, name) and now() - begun < seconds:
        pause(seconds / _BEATS / 4)
        again = place.look()
        if again.owner is not None and again != seen:
            raise _busy(_host(again.owner))
        seen = again
    with step("lease.take"):
        if not place.take(seen, name):
            raise _busy(_host(place.look().owner))
    return seen.token + 1


def _owner(lock: int) -> str:
    """This host since it was started, and the file whose lock is held: who is called so before has ended."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    found, mark = os.fstat(lock), boot.read_text().strip() if boot.exists() else ""
    return f"{socket.gethostname()[:150]} {mark} {found.st_dev}-{found.st_ino}"


def now() -> float:
    """Seconds that go on while the machine sleeps, and know nothing of the clock on the wall."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@contextmanager
def _host_lock(state: Path) -> Iterator[int]:
    """The descriptor of the file that is locked. The kernel frees it when its holder ends, however it ends."""
    try:
        state.mkdir(parents=True, exist_ok=True)
        lock = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise JobError(
            f"cannot be written: {error.strerror}", where=str(state), fix="name another state folder"
        ) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _busy("this host") from None
        except OSError as error:
            raise JobError(
                f"cannot be locked: {error.strerror}",
                where=str(state),
                fix="name a state folder on a disk of this host",
            ) from None
        yield lock
    finally:
        os.close(lock)


def _busy(host: str) -> BusyError:
    return BusyError(
        f"another run of the schedule is under way on {host}", fix="nothing is to be done: it does the work"
    )


def _host(owner: str | None) -> str:
    return owner.partition(" ")[0] if owner else "another host"


def _place(schedule: Schedule, ledger: Ledger) -> Place:
    if schedule.lease_table is None:
        return LedgerPlace(ledger)
    from jobs.schedule.lease_dynamodb import DynamoPlace

    return DynamoPlace(schedule.lease_table)


def fence(ledger: Ledger, lease: Lease, met: int = 0) -> None:
    """Have the ledger take no token below the lease's, which is above `met`. Raises BusyError if the lease is somebody
    else's by now."""
    while met > lease.token or (met := _highest(ledger, lease.token)) > lease.token:
        lease.outgrow(met)
    ledger.token = lease.token


def _highest(ledger: Ledger, token: int) -> int:
    """The highest token that the ledger was used with, this one among them."""
    with told(ledger.engine), ledger.engine.begin() as connection:
        seen = connection.execute(select(LeaseRow.token).where(LeaseRow.name == LEASE)).scalar()
        if seen is None:
            connection.execute(insert(LeaseRow).values(name=LEASE, owner=None, token=token, beat=0))
        lower = update(LeaseRow).where(LeaseRow.name == LEASE, LeaseRow.token <= token)
        connection.execute(lower.values(token=token))
    return max(seen or 0, token)


class LedgerPlace:
    """The lease as a row of the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._engine = ledger.engine

    def look(self) -> Standing:
        with told(self._engine):
            try:
                with self._engine.begin() as connection:
                    row = connection.execute(_LEASE).first()
                    if row is None:
                        connection.execute(insert(LeaseRow).values(name=LEASE, owner=None, token=0, beat=0))
                        return Standing(None, 0, 0)
                    return Standing(*row)
            except IntegrityError:  # another host has just made it
                return self.look()

    def take(self, seen: Standing, owner: str) -> bool:
        same = (LeaseRow.token == seen.token) & (LeaseRow.beat == seen.beat)
        return self._update(same, owner=owner, token=seen.token + 1, beat=1)

    def beat(self, token: int, beat: int) -> bool:
        return self._update(LeaseRow.token == token, beat=beat)

    def renumber(self, token: int, higher: int) -> bool:
        return self._update(LeaseRow.token == token, token=higher)

    def release(self, token: int) -> None:
        self._update(LeaseRow.token == token, owner=None, beat=0)

    def _update(self, condition: ColumnElement[bool], **values: object) -> bool:
        with told(self._engine), self._engine.begin() as connection:
            changed = update(LeaseRow).where(LeaseRow.name == LEASE).where(condition)
            result = connection.execute(changed.values(**values))
            return isinstance(result, CursorResult) and result.rowcount == 1
