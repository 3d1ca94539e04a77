"""The databases that a ledger may lie in."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from jobs.schedule.ledger.store import Ledger
from tests.databases import SERVERS, Database
from tests.schedule.nights import Home

KINDS = ("sqlite", *(pytest.param(name, marks=pytest.mark.slow) for name in SERVERS))

Fresh = Callable[[str, Path], str]


@pytest.fixture(scope="session")
def fresh() -> Iterator[Fresh]:
    """Gives the URL of a new, empty database of a kind; servers start when they are asked for."""
    with ExitStack() as stack:
        running: dict[str, Database] = {}

        def url(kind: str, folder: Path) -> str:
            if kind == "sqlite":
                return f"sqlite:///{folder}/ledger.db"
            if kind not in running:
                home = stack.enter_context(tempfile.TemporaryDirectory(dir="/tmp"))  # a socket's path must be short
                opened: Any = SERVERS[kind]
                running[kind] = stack.enter_context(opened(Path(home)))
            return running[kind].fresh()

        yield url


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, fresh: Fresh, tmp_path: Path) -> str:
    return fresh(request.param, tmp_path)


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    """A ledger with its tables, held by nobody."""
    ledger = Ledger(url)
    ledger.prepare()
    yield ledger
    ledger.close()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home without logs, whose results lie in a folder."""
    return Home(tmp_path / "home").write()


@pytest.fixture(params=["folder", "s3"])
def home_anywhere(request: pytest.FixtureRequest, home: Home) -> Home:
    """A home without logs, whose logs and results lie in a folder or in S3."""
    if request.param == "s3":
        home.lake = request.getfixturevalue("s3")
        home.lake.client().create_bucket(Bucket="lake")
        home.logs, home.out = "s3://lake/logs", "s3://lake/out"
    return home.write()
