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
from jobs.schedule.hours import Day, unknown
from jobs.schedule.ledger import connect
from jobs.schedule.ledger.connect import LedgerError
from jobs.schedule.ledger.models import REVISION, Base, LeaseRow, ObjectRow, PartitionRow, RunRow
from jobs.schedule.ledger.store import Ledger, Log, Seen, Tries
from jobs.schedule.names import Names

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


def test_a_migration_that_was_killed_is_gone_on_with(ledger: Ledger) -> None:
    with ledger.engine.begin() as connection:
        for table in ("alembic_version", "alerts", "object_days"):
            connection.execute(text(f"DROP TABLE {table}"))
    ledger.prepare()
    with ledger.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_a_ledger_of_the_first_version_goes_on_and_may_be_moved(url: str) -> None:
    """Its names are absolute, and fingerprints of them are in `_SUCCESS`, so they stay."""
    old = Ledger(url, lambda: NOON, Names("/srv/old", ("/srv/old/logs/",), origin="/srv/old"))
    with old.engine.begin() as connection:
        connect.upgrade(connection, "", "0001")
    old.token = leases.taken(leases.LedgerPlace(old), "us", 1)
    old.begin_run("run-1", "run")
    old.see("logs", [Seen("/srv/old/logs/a.csv", "p", 1), Seen("/data/b.csv", "p", 1)], [])
    old.close()
    days = date(2026, 3, 1), date(2026, 3, 1)
    for folder in ("/srv/old", "/srv/new"):
        ledger = Ledger(url, lambda: NOON, Names(folder, (f"{folder}/logs/",)))
        ledger.prepare()
        assert ledger.names.origin == "/srv/old"
        assert (
            set(ledger.objects("logs", *days))
            == set(ledger.logs("logs", *days))
            == {f"{folder}/logs/a.csv", "/data/b.csv"}
        )
        ledger.close()
    with ledger.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    ledger.close()


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
    held.end_run("run-2", "done", "2 made, 0 failed")
    with held.reading() as session:
        runs = {row.id: (row.status, row.note) for row in session.scalars(select(RunRow))}
    assert runs == {"run-1": ("lost", None), "run-2": ("done", "2 made, 0 failed")}


def test_objects_and_their_days(held: Ledger) -> None:
    march = date(2026, 3, 1), date(2026, 3, 31)
    uri = "s3://lake/" + "long/" * 200 + "µ.csv"
    held.see("logs", [Seen(uri, "p1", 10, march[0]), Seen("other", "p", 1)], [])
    assert held.logs("logs", *march)[uri].days == (unknown(march[0]),), "until it is read"
    held.learn("logs", {uri: ("p1", [Day(date(2026, 2, 28), 1 << 23, 3), Day(march[0], 7, 2**33)], None)})
    assert held.logs("logs", *march)[uri] == Log(uri, "p1", 1, None, (Day(march[0], 7, 2**33),))
    assert held.logs("logs", date(2026, 2, 1), date(2026, 2, 28))[uri].days == (Day(date(2026, 2, 28), 1 << 23, 3),)
    assert held.logs("other", *march) == {}
    held.token = leases.taken(leases.LedgerPlace(held), "us", 1)
    held.see("logs", [Seen(uri, "p2", 11, march[0])], ["other"])
    held.learn("logs", {uri: ("p2", [], "at byte 3: cut off")})
    found = held.objects("logs", *march)
    assert (found[uri].pin, found[uri].learned, found[uri].damage) == ("p2", "p2", "at byte 3: cut off")
    assert held.logs("logs", *march)[uri] == Log(uri, "p2", 1, None, (unknown(march[0]),))
    assert found["other"].gone_by == 2
    held.see("logs", [Seen("other", "p", 1)], [])
    assert (held.objects("logs", *march)["other"].seen_by, held.objects("logs", *march)["other"].gone_by) == (2, None)
    assert set(held.objects("logs", date(2026, 4, 1), date(2026, 4, 30))) == {"other"}


def test_many_objects_at_once(held: Ledger) -> None:
    seen = [Seen(f"s3://lake/{n}.csv", "p", 1, date(2026, 3, 1)) for n in range(1200)]
    held.see("logs", seen, [])
    held.learn("logs", {one.uri: ("p", [Day(date(2026, 3, 2), 1, 1)], None) for one in seen})
    assert len(held.logs("logs", date(2026, 3, 2), date(2026, 3, 2))) == 1200


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
