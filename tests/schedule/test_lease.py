"""One holder at a time, on one host and on several; the dead lose the lease, the living keep it."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.errors import BusyError
from jobs.schedule import config, lease
from jobs.schedule.lease import Lease, LedgerPlace, Place, Standing, taken
from jobs.schedule.lease_dynamodb import DynamoPlace
from jobs.schedule.ledger.store import Ledger
from tests.schedule.conftest import KINDS, Fresh
from tests.schedule.nights import Home
from tests.servers import S3Server


@pytest.fixture(params=[*KINDS, pytest.param("dynamodb", marks=[pytest.mark.slow, pytest.mark.s3])])
def place(request: pytest.FixtureRequest, fresh: Fresh, tmp_path: Path) -> Iterator[Place]:
    if request.param != "dynamodb":
        ledger = Ledger(fresh(request.param, tmp_path))
        ledger.prepare()
        yield LedgerPlace(ledger)
        ledger.close()
        return
    server: S3Server = request.getfixturevalue("s3")
    import boto3

    key: Any = {"AttributeName": "name"}
    boto3.client("dynamodb", endpoint_url=server.url).create_table(
        TableName="leases",
        KeySchema=[{**key, "KeyType": "HASH"}],
        AttributeDefinitions=[{**key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield DynamoPlace("leases")


def test_tokens_grow(place: Place) -> None:
    assert taken(place, "one", 1) == 1
    place.release(1)
    assert place.look() == Standing(None, 1, 0)
    assert taken(place, "two", 1) == 2


def test_the_living_keep_it(place: Place) -> None:
    held = Lease(place, taken(place, "one", 1), 0.4)
    try:
        with pytest.raises(BusyError, match="another run of the schedule is under way on one; nothing is to be done"):
            taken(place, "two", 1)
        assert not held.lost.is_set()
    finally:
        held.end()


def test_the_dead_lose_it_and_their_token_is_worth_nothing(place: Place) -> None:
    dead = taken(place, "one", 1)
    begun = time.monotonic()
    assert taken(place, "two", 0.5) == dead + 1
    assert time.monotonic() - begun >= 0.5
    assert not place.beat(dead, 5)
    place.release(dead)
    assert place.look().owner == "two"


def test_a_holder_outgrows_a_token_that_it_met(place: Place) -> None:
    held = Lease(place, taken(place, "one", 1), 0.4)
    held.outgrow(7)
    assert (held.token, place.look().token, place.look().owner) == (8, 8, "one")
    assert not held.lost.wait(0.5), "and goes on giving signs of life"
    assert place.take(place.look(), "two") or place.take(place.look(), "two")
    with pytest.raises(BusyError, match="another run has taken over"):
        held.outgrow(20)
    assert held.lost.is_set()
    held.end()
    assert place.look().owner == "two"


def test_a_lease_that_begins_anew_outgrows_what_the_ledger_knows(place: Place, ledger: Ledger) -> None:
    """As where a schedule goes from its ledger's lease to DynamoDB's."""
    known = LedgerPlace(ledger)
    for _ in range(5):
        known.release(taken(known, "before", 1))
    held = Lease(place, taken(place, "one", 1), 1)
    lease.fence(ledger, held)
    assert (held.token, ledger.token, place.look().token, known.look().token) == (6, 6, 6, 6)
    held.end()


def test_what_this_host_left_is_taken_at_once(place: Place) -> None:
    taken(place, "one", 60)
    begun = time.monotonic()
    assert taken(place, "one", 60) == 2
    assert time.monotonic() - begun < 5


def test_a_holder_learns_that_it_lost(place: Place) -> None:
    held = Lease(place, taken(place, "one", 1), 0.4)
    assert place.take(place.look(), "two") or place.take(place.look(), "two")
    assert held.lost.wait(5)
    held.end()
    assert place.look().owner == "two"


def _race(url: str, who: str, begin: Any, won: Any, over: Any) -> None:
    place = LedgerPlace(Ledger(url))
    begin.wait()
    try:
        held = Lease(place, taken(place, who, 2), 2)
        won.put((who, held.token))
        over.wait()
        held.end()
    except BusyError:
        won.put((who, None))


@pytest.mark.slow
def test_of_several_that_race_one_wins(ledger: Ledger, url: str) -> None:
    fork = multiprocessing.get_context("fork")
    ledger.close()
    for _ in range(3):
        begin, over, won = fork.Event(), fork.Event(), fork.Queue()
        racers = [fork.Process(target=_race, args=(url, f"racer {n}", begin, won, over)) for n in range(4)]
        for racer in racers:
            racer.start()
        begin.set()
        found = [won.get(timeout=30) for _ in racers]
        over.set()
        for racer in racers:
            racer.join()
        assert len([token for _, token in found if token is not None]) == 1, found


def test_the_lock_of_a_host(tmp_path: Path) -> None:
    schedule = config.load(Home(tmp_path).write().file)
    one, two = Ledger(schedule.ledger), Ledger(schedule.ledger)
    with lease.held(schedule, one) as held:
        assert held.token == 1
        with (
            pytest.raises(BusyError, match="another run of the schedule is under way on this host"),
            lease.held(schedule, two),
        ):
            pass
    assert (schedule.state / "lock").exists()
    with lease.held(schedule, two) as held:
        assert held.token == 2
