"""Kill -9 before and after every durable operation of a night, of the run and of the jobs that it starts: then one run,
and all is as if nothing had happened."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from jobs.lake import durable
from jobs.schedule.durable import STEPS
from jobs.schedule.ledger.models import AttemptRow, RunRow
from jobs.schedule.ledger.store import Ledger
from jobs.schedule.status import verify_lines
from tests.processes import left_of, mark
from tests.schedule.nights import Home
from tests.servers import S3Server

FIRST, LATER = "2026-03-02T02:00:00+00:00", "2026-03-04T02:00:00+00:00"
ALERT = '[alerts]\ncommand = ["true"]\nstale_after = "1d"\n[metrics]\ntextfile = "metrics/jobs.prom"'
SCENARIOS = ("first", "later")
Prepared = Callable[[Path, str], Home]


@pytest.fixture(params=["folder", "s3"])
def prepared(request: pytest.FixtureRequest) -> Iterator[Prepared]:
    """Makes a home whose next night has all kinds of work."""
    server: S3Server | None = request.getfixturevalue("s3") if request.param == "s3" else None
    if server is not None:
        server.client().create_bucket(Bucket="lake")
    made = 0

    def make(folder: Path, scenario: str) -> Home:
        nonlocal made
        made += 1
        folder.mkdir()
        home = Home(folder, schedule=ALERT, env=mark())
        if server is not None:
            home.lake, home.logs, home.out = server, f"s3://lake/{made}/logs", f"s3://lake/{made}/out"
        home.write()
        home.arrive("2026-03-01")
        if scenario == "later":
            assert home.fork(FIRST, folder / "before.log") == 0, (folder / "before.log").read_text()
            home.arrive("2026-03-02", "late.csv", of="2026-03-01", device="b")
            home.arrive("2026-03-03")
        return home

    yield make


def _night(scenario: str) -> str:
    return FIRST if scenario == "first" else LATER


def _state(home: Home, scenario: str) -> dict[str, object]:
    """What a night has to leave: results and their provenance, the ledger in agreement, nothing under way."""
    days = ["2026-03-01"] if scenario == "first" else ["2026-03-01", "2026-03-03"]
    rows = {(task, day): home.rows(task, day).to_pylist() for task in ("sorted", "daily_stats") for day in days}
    ledger = Ledger(f"sqlite:///{home.folder}/state/ledger.db")
    assert list(verify_lines(ledger.partitions().values(), str)) == []
    with ledger.reading() as session:
        statuses = {*session.scalars(select(AttemptRow.status)), *session.scalars(select(RunRow.status))}
        assert "running" not in statuses
    known = {key: (row.content, row.fingerprint, row.readings) for key, row in ledger.partitions().items()}
    ledger.close()
    return {"rows": rows, "contents": {key: said[0] for key, said in known.items()}}


@pytest.mark.slow
@pytest.mark.s3
@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("every", [17, pytest.param(1, marks=pytest.mark.full)])
def test_a_night_that_is_killed_anywhere(tmp_path: Path, prepared: Prepared, scenario: str, every: int) -> None:
    """Of how many moments one is tried: every one by the full check."""
    whole = prepared(tmp_path / "whole", scenario)
    steps = tmp_path / "steps"
    status = whole.fork(_night(scenario), tmp_path / "log", **{durable.LOG: str(steps)})
    assert status == 0, (tmp_path / "log").read_text()
    moments = steps.read_text().split()
    expected = _state(whole, scenario)
    assert len(moments) >= 30
    tried = 0
    for number in range(1 + len(moments) % every, len(moments) + 1, every):
        home = prepared(tmp_path / f"at-{number}", scenario)
        log, here = home.folder / "log", home.folder / "steps"
        status = home.fork(_night(scenario), log, **{durable.LOG: str(here), durable.KILL: f"#{number}"})
        came_to = here.read_text().split()
        assert len(came_to) >= number, "the kill must come"
        by_child = moments[number - 1].split(":")[0] not in STEPS
        assert status == (0 if by_child else -signal.SIGKILL), (moments[number - 1], log.read_text())
        again = home.fork(_night(scenario), log)
        assert again == 0, (moments[number - 1], log.read_text())
        assert _state(home, scenario) == expected, moments[number - 1]
        assert home.fork(_night(scenario), home.folder / "third.log") == 0
        assert "nothing to do" in (home.folder / "third.log").read_text(), moments[number - 1]
        assert not left_of(home.env)
        tried += 1
    assert tried >= len(moments) // every
