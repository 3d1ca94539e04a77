"""The ledger on every database: its migrations, what it keeps, and that only the lease's holder writes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select, text, update

from jobs.errors import BusyError, UsageError
from jobs.schedule import lease as leases
from jobs.schedule.hours import Day
from jobs.schedule.ledger import connect
from jobs.schedule.ledger.connect import LedgerError
from jobs.schedule.ledger.models import REVISION, Base, LeaseRow, ObjectRow, PartitionRow, RunRow
from jobs.schedule.ledger.store import Ledger, Seen, Tries

NOON = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)


@pytest.fixture
def held(ledger: Ledger) -> Ledger:
    """A ledger whose lease is ours."""
    place = leases.LedgerPlace(ledger)
    ledger.token = leases.taken(place, "us", 1)
    ledger.clock = lambda: NOON
    return ledger


def _row(**others: object) -> PartitionRow:
    said = {"task": "daily_stats", "partition": "2026-03-01", "start": NOON, "end": NOON, "output": "out", "rows": 1}
    counts = {"published_run": "r", "published": NOON, "readings": 2**40, "rejects": 0, "bytes": 5}
    return PartitionRow(**{**said, "fingerprint": "f" * 64, "content": "c" * 64, **counts, **others})


def test_migrations_make_the_tables_of_the_models(ledger: Ledger) -> None:
    scripts = ScriptDirectory(str(Path(connect.__file__).parent / "migrations"))
    assert scripts.get_heads() == [REVISION]
    with ledger.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_preparing_twice_changes_nothing_and_a_later_version_is_refused(ledger: Ledger) -> None:
    ledger.prepare()
    with ledger.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LedgerError, match="the ledger is of a later version; use that version of the suite"):
        ledger.prepare()


def test_runs_and_attempts(held: Ledger) -> None:
    held.begin_run("run-1", "run")
    first = held.begin_attempt("run-1", "daily_stats", "2026-03-01", 1, "f" * 64)
    held.end_attempt(first, {"status": "failed", "exit_status": 1, "error": "µ broke"}, None)
    assert held.tries() == {("daily_stats", "2026-03-01", "f" * 64): Tries(1, "failed", 1, "µ broke")}
    second = held.begin_attempt("run-1", "daily_stats", "2026-03-01", 2, "f" * 64)
    held.end_attempt(second, {"status": "published", "seconds": 0.1}, _row())
    assert held.tries() == {}
    (row,) = held.partitions().values()
    assert (row.published, row.readings, row.pruned) == (NOON, 2**40, None)
    held.begin_attempt("run-1", "daily_stats", "2026-03-02", 1, "f" * 64)
    assert held.begin_run("run-2", "run") == 1, "what a killed run left is lost"
    assert [row.status for row in held.history(10)] == ["lost", "published", "failed"]
    held.end_run("run-2", "done", "")
    last = held.last_run("done")
    assert last is not None
    assert last.id == "run-2"
    assert held.count(RunRow) == 2


def test_objects_and_their_days(held: Ledger) -> None:
    uri = "s3://lake/" + "long/" * 200 + "µ.csv"
    held.see("logs", [Seen(uri, "p1", 10, date(2026, 3, 1)), Seen("other", "p", 1)], [])
    held.learn("logs", {uri: ("p1", [Day(date(2026, 2, 28), 1 << 23, 3), Day(date(2026, 3, 1), 7, 2**33)], None)})
    assert held.days("logs") == {uri: [Day(date(2026, 2, 28), 1 << 23, 3), Day(date(2026, 3, 1), 7, 2**33)]}
    held.see("logs", [Seen(uri, "p2", 11, date(2026, 3, 1))], ["other"])
    held.learn("logs", {uri: ("p2", [], "at byte 3: cut off")})
    found = held.objects("logs")
    assert (found[uri].pin, found[uri].learned, found[uri].damage) == ("p2", "p2", "at byte 3: cut off")
    assert found["other"].gone == NOON
    assert held.days("logs") == {}


def test_who_lost_the_lease_writes_nothing(held: Ledger) -> None:
    with held.engine.begin() as connection:
        connection.execute(update(LeaseRow).values(token=7))
    with pytest.raises(BusyError, match="another run has taken over"):
        held.see("logs", [Seen("a", "p", 1)], [])
    with held.reading() as session:
        assert session.scalars(select(ObjectRow)).all() == []


def test_a_ledger_that_is_down_is_told_without_its_password() -> None:
    ledger = Ledger("postgresql://me:hunter2@127.0.0.1:1/ledger")
    with pytest.raises(LedgerError) as caught:
        ledger.prepare()
    said = str(caught.value)
    assert said.startswith("postgresql+psycopg://me:***@127.0.0.1:1/ledger: the ledger cannot be used: ")
    assert "hunter2" not in said
    assert "\n" not in said


@pytest.mark.parametrize("url", ["oracle://x/y", "nonsense", "", "sqlite"])
def test_a_url_of_no_known_database(url: str) -> None:
    with pytest.raises(UsageError, match=r"^schedule.ledger: is no database URL of a kind that is known; write "):
        connect.open_database(url)
