"""Opening the ledger's database: SQLite by default, PostgreSQL or MariaDB by URL, its tables made or migrated."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from jobs.errors import JobError, UsageError
from jobs.schedule.ledger.models import REVISION

_DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "mariadb": "mariadb+pymysql",
    "mysql": "mariadb+pymysql",
}
_WAIT_SECONDS = 10
_TRIES = 20


def open_database(url: str) -> Engine:
    """An engine on the ledger of that URL; nothing is connected yet. Raises UsageError for a URL that cannot be."""
    try:
        parsed = make_url(url)
        name = parsed.drivername.partition("+")[0]
        if name not in _DRIVERS:
            raise NoSuchModuleError(name)
        parsed = parsed.set(drivername=_DRIVERS[name])
    except (ArgumentError, NoSuchModuleError):
        fix = "write sqlite:///FILE, postgresql://USER@HOST/DATABASE or mariadb://USER@HOST/DATABASE"
        raise UsageError("is no database URL of a kind that is known", where="schedule.ledger", fix=fix) from None
    options: dict[str, Any] = {"pool_pre_ping": name != "sqlite"}
    if name == "sqlite":
        if parsed.database:
            _make_folder(Path(parsed.database).parent)
        options["connect_args"] = {"timeout": _WAIT_SECONDS}
    else:
        options["connect_args"] = {"connect_timeout": _WAIT_SECONDS}
        options["isolation_level"] = "READ COMMITTED"
    try:
        engine = create_engine(parsed, **options)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"needs the package {error.name}",
            where="schedule.ledger",
            fix=f"pip install 'sensor-jobs[schedule,{name}]'",
        ) from None
    if name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"the ledger cannot be used: {error.strerror}"
        raise LedgerError(what, where=str(folder), fix="name another state folder") from None


def migrate(engine: Engine, folder: str) -> None:
    """Have the tables be those of `models`. folder: the schedule's. Raises JobError for a ledger of a later version."""
    for attempt in range(_TRIES):
        with told(engine), engine.begin() as connection:
            if _is_current(connection):
                return
        try:
            with engine.begin() as connection:
                upgrade(connection, folder)
                return
        except DBAPIError:  # another host may just have made the same tables
            if attempt + 1 == _TRIES:
                raise
            time.sleep(0.1)


@contextmanager
def told(engine: Engine) -> Iterator[None]:
    """What the database refuses, in one line without its password."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        words = " ".join(str(cause).split()) or type(cause).__name__
        if (password := engine.url.password) is not None:
            words = words.replace(str(password), "***")
        where = engine.url.render_as_string(hide_password=True)
        raise LedgerError(f"the ledger cannot be used: {words[:300]}", where=where, fix="see to the database") from None


class LedgerError(JobError):
    """The ledger is down, or refuses."""


def _is_current(connection: Connection) -> bool:
    if not inspect(connection).has_table("alembic_version"):
        return False
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found is not None and found > REVISION:
        where = connection.engine.url.render_as_string(hide_password=True)
        raise LedgerError("the ledger is of a later version", where=where, fix="use that version of the suite")
    return bool(found == REVISION)


def upgrade(connection: Connection, folder: str, revision: str = "head") -> None:
    """Have the tables be those of a later version."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes |= {"connection": connection, "folder": folder}
    command.upgrade(config, revision)


def _set_up_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # transactions begin as we say, not where the driver guesses
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
