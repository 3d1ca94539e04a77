"""Two schedulers at once, on one host and on two, undisturbed and with one of them killed anywhere: each partition is
made once, and one run later all is whole."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from jobs.lake import durable
from jobs.schedule import config
from jobs.schedule.ledger.models import AttemptRow
from jobs.schedule.ledger.store import Ledger
from tests.processes import left_of, mark
from tests.schedule.conftest import Fresh
from tests.schedule.nights import Home, ended
from tests.schedule.whole import Kept, whole
from tests.servers import S3Server

pytestmark = [pytest.mark.slow, pytest.mark.s3]

NIGHT = "2026-03-02T02:00:00+00:00"
TRIED = 2
"""How many moments are tried where not all are."""


@pytest.fixture(params=["one host", "postgresql", "dynamodb"])
def hosts(request: pytest.FixtureRequest, tmp_path: Path, fresh: Fresh, monkeypatch: pytest.MonkeyPatch) -> list[Home]:
    """Two schedulers of the same logs and results. Those on two hosts have locks and logs of their own, and a lease in
    a ledger that they share, or in DynamoDB, where each has a ledger of its own."""
    logs, out, environ = str(tmp_path / "lake/logs"), str(tmp_path / "lake/out"), mark()
    if request.param == "one host":
        home = Home(tmp_path / "lake", env=environ)
        homes = [home, home]
    else:
        homes = [Home(tmp_path / f"lake/host-{n}", logs, out, env=environ) for n in (1, 2)]
    if request.param == "postgresql":
        monkeypatch.setenv("LEDGER", fresh("postgresql", tmp_path))
    elif request.param == "dynamodb":
        _table(request.getfixturevalue("s3"))
    for home in homes:
        home.folder.mkdir(parents=True, exist_ok=True)
        ledger = 'ledger = "env:LEDGER"' if request.param == "postgresql" else ""
        table = 'dynamodb = "leases"' if request.param == "dynamodb" else ""
        home.schedule = f'{ledger}\n[lease]\nlasts = "2s"\n{table}'
        home.write()
    homes[0].arrive("2026-03-01")
    return homes


def _table(server: S3Server) -> None:
    import boto3

    client: Any = boto3.client("dynamodb", endpoint_url=server.url)
    client.create_table(
        TableName="leases",
        KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def _both(hosts: list[Home], log: Path, **env: str) -> list[int]:
    """The exit statuses of two schedulers that begin at once."""
    return [ended(pid) for pid in [home.begin(NIGHT, log, env=env) for home in hosts]]


def _published(hosts: list[Home]) -> list[tuple[str, str]]:
    """The partitions that somebody published, as often as somebody did."""
    found = []
    for home in hosts[: len({home.folder for home in hosts})]:
        ledger = Ledger(config.load(home.file).ledger)
        with ledger.reading() as session:
            rows = session.scalars(select(AttemptRow).where(AttemptRow.status == "published"))
            found += [(row.task, row.partition) for row in rows]
        ledger.close()
    return found


def _alone(tmp_path: Path) -> dict[tuple[str, str], list[str]]:
    """What one scheduler leaves that nothing disturbs."""
    (tmp_path / "alone").mkdir()
    home = Home(tmp_path / "alone").write()
    home.arrive("2026-03-01")
    assert home.fork(NIGHT, tmp_path / "alone.log") == 0
    return whole(home)


def test_two_at_once(hosts: list[Home], tmp_path: Path) -> None:
    expected, log = _alone(tmp_path), tmp_path / "log"
    statuses = _both(hosts, log)
    assert set(statuses) <= {0, 75}, log.read_text()
    assert 0 in statuses
    shared = len({config.load(home.file).ledger for home in hosts}) == 1
    made = _published(hosts[:1] if shared else hosts)
    assert sorted(made) == sorted(expected), "each once, by one of them"
    for home in hosts:
        assert home.fork(NIGHT, log) == 0, log.read_text()
        assert whole(home) == expected


@pytest.mark.parametrize("all_moments", [False, pytest.param(True, marks=pytest.mark.full)])
def test_one_is_killed(
    hosts: list[Home], tmp_path: Path, fresh: Fresh, monkeypatch: pytest.MonkeyPatch, all_moments: bool
) -> None:
    expected, kept = _alone(tmp_path), Kept(Home(tmp_path / "lake"))
    number, killed = 1 if all_moments else 11, 0
    while True:
        kept.restore()
        if "env:LEDGER" in hosts[0].schedule:
            monkeypatch.setenv("LEDGER", fresh("postgresql", tmp_path))
        log, steps = tmp_path / f"log-{number}", tmp_path / f"steps-{number}"
        statuses = _both(hosts, log, **{durable.LOG: str(steps), durable.KILL: f"#{number}"})
        if len(steps.read_text().split()) < number:
            break
        moment = steps.read_text().split()[number - 1]
        killed += 1
        assert set(statuses) <= {0, 75, -signal.SIGKILL}, (moment, log.read_text())
        for home in reversed(hosts):
            assert home.fork(NIGHT, log) == 0, (moment, log.read_text())
            assert whole(home) == expected, moment
        assert not left_of(hosts[0].env)
        number += 1 if all_moments else 19
    assert killed >= (25 if all_moments else TRIED)
