"""Real database servers for tests: each in a folder of its own, on a free loopback port, gone with its test run."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from tests.servers import child, free_port

_START_SECONDS = 60.0
_PROGRAMS = ("/usr/lib/postgresql/*/bin", "/usr/sbin", "/usr/bin")


@dataclass(frozen=True)
class Database:
    """A running server. `url` is of its administrator; `{}` stands for the name of a database."""

    url: str

    def fresh(self) -> str:
        """The URL of a new, empty database."""
        name = f"ledger_{secrets.token_hex(6)}"
        administrator = create_engine(self.url.format(self.administrative), isolation_level="AUTOCOMMIT")
        with administrator.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        administrator.dispose()
        return self.url.format(name)

    @property
    def administrative(self) -> str:
        return "postgres" if self.url.startswith("postgresql") else "mysql"


@contextmanager
def postgresql(folder: Path) -> Iterator[Database]:
    """PostgreSQL, with a role `test` that needs no password."""
    initdb, server, port = _program("initdb"), _program("postgres"), free_port()
    data = folder / "data"
    _own(folder)
    made = [initdb, "-D", str(data), "-U", "test", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    subprocess.run(_unprivileged(made, folder), check=True, capture_output=True)
    quick = ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
    command = [server, "-D", str(data), "-k", str(folder), "-h", "127.0.0.1", "-p", str(port), *quick]
    with child(_unprivileged(command, folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        url = f"postgresql+psycopg://test:secret-of-test@127.0.0.1:{port}/{{}}"
        _wait(url.format("postgres"), process)
        yield Database(url)


@contextmanager
def mariadb(folder: Path) -> Iterator[Database]:
    """MariaDB, whose root has a password."""
    install, server, port = _program("mariadb-install-db"), _program("mariadbd"), free_port()
    data = folder / "data"
    _own(folder)
    made = [install, "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", f"--datadir={data}"]
    subprocess.run(_unprivileged(made, folder), check=True, capture_output=True)
    places = [f"--datadir={data}", f"--socket={folder}/s", f"--pid-file={folder}/pid"]
    net = ["--bind-address=127.0.0.1", f"--port={port}"]
    quick = ["--skip-log-bin", "--innodb-flush-log-at-trx-commit=0"]
    texts = ["--collation-server=utf8mb4_bin", "--character-set-server=utf8mb4"]
    command = [server, "--no-defaults", *places, *net, *quick, *texts]
    with child(_unprivileged(command, folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _wait(f"mariadb+pymysql://root@127.0.0.1:{port}/mysql", process)
        yield Database(f"mariadb+pymysql://root@127.0.0.1:{port}/{{}}")


SERVERS: dict[str, Callable[[Path], object]] = {"postgresql": postgresql, "mariadb": mariadb}


def _program(name: str) -> str:
    for pattern in _PROGRAMS:
        for folder in sorted(Path("/").glob(pattern.lstrip("/")), reverse=True):
            if (folder / name).exists():
                return str(folder / name)
    if os.environ.get("CI") == "true":
        pytest.fail(f"{name} is missing, and CI must have it")
    pytest.skip(f"{name} is not installed")


def _own(folder: Path) -> None:
    """The servers refuse to run as root, and must reach the folder."""
    folder.chmod(0o755)
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)


def _unprivileged(command: list[str], folder: Path) -> list[str]:
    command = ["env", f"TMPDIR={folder}", *command]  # ours may be closed to them
    if os.getuid():
        return command
    as_nobody = ["--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    # another user's process forgets that it is to end with its parent
    return [shutil.which("setpriv") or "setpriv", *as_nobody, "--pdeathsig=KILL", *command]


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    engine = create_engine(url)
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with status {process.returncode}")
        with suppress(DBAPIError), engine.connect():
            engine.dispose()
            return
        time.sleep(0.05)
    raise TimeoutError("no answer from the database")
