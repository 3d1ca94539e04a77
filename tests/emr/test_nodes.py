"""What a run cost: the nodes that its clusters had, each as long as it was there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.stub import Stubber

from jobs.emr import aws, nodes, prices
from jobs.emr.cluster import TYPES
from jobs.emr.nodes import Stay
from jobs.emr.outlook import Outlook, requests
from tests.emr.test_cluster import TB, planned

BEGUN = datetime(2026, 3, 1, tzinfo=UTC)
PRICES = prices.load()


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """Answers of EMR, which boto3 holds against what EMR may be asked and may answer."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    with Stubber(aws.client("emr", "us-east-1")) as stub:
        yield stub
        stub.assert_no_pending_responses()


def _node(kind: str, *, spot: bool = False, seconds: float | None = None, begun: datetime | None = BEGUN) -> Any:
    times = {"CreationDateTime": begun, "EndDateTime": begun and seconds and begun + timedelta(seconds=seconds)}
    told = {name: at for name, at in times.items() if at}
    state = "TERMINATED" if seconds else "RUNNING"
    market = "SPOT" if spot else "ON_DEMAND"
    return {"InstanceType": kind, "Market": market, "Status": {"State": state, "Timeline": told}}


def _answer(stub: Stubber, cluster: str, role: str, *given: Any, marker: str = "", more: str = "") -> None:
    asked = {"ClusterId": cluster, "InstanceFleetType": TYPES[role]} | ({"Marker": marker} if marker else {})
    stub.add_response("list_instances", {"Instances": list(given)} | ({"Marker": more} if more else {}), asked)


def test_all_nodes_of_all_clusters_are_told(answers: Stubber) -> None:
    """Also those that came and went, and those of a second page; not one that was never there."""
    now = datetime.now(UTC)
    _answer(answers, "j-1", "primary", _node("m7g.xlarge", seconds=900))
    _answer(answers, "j-1", "core", _node("c7g.xlarge", seconds=800), more="2")
    _answer(answers, "j-1", "core", _node("m7g.xlarge", begun=now - timedelta(seconds=500)), marker="2")
    _answer(answers, "j-1", "task", _node("c6g.xlarge", spot=True, seconds=30), _node("c6g.xlarge", begun=None))
    for role in TYPES:
        _answer(answers, "j-2", role)
    found = nodes.stays(answers.client, ("j-1", "j-2"), tuple(TYPES))
    assert found is not None
    assert found[2].seconds == pytest.approx(500.0, abs=60)
    assert found == (
        Stay("primary", "m7g.xlarge", False, 900.0),
        Stay("core", "c7g.xlarge", False, 800.0),
        Stay("core", "m7g.xlarge", False, found[2].seconds),
        Stay("task", "c6g.xlarge", True, 30.0),
    )


def test_who_may_not_ask_is_told_nothing(answers: Stubber) -> None:
    answers.add_client_error("list_instances", "AccessDeniedException", http_status_code=400)
    assert nodes.stays(answers.client, ("j-1",), ("primary",)) is None


def _requests(found: Outlook) -> float:
    return requests(found.work, PRICES.region(found.region))


def test_each_costs_what_its_type_does_and_its_fleets_disks() -> None:
    """By hand: EMR adds a quarter of the price on demand, spot is half of it, and less than a minute counts as one."""
    found = planned(TB)
    assert [fleet.role for fleet in found.fleets] == ["primary", "core", "task"]
    had = (Stay("primary", "m7g.xlarge", False, 1800), Stay("core", "c6g.xlarge", False, 900))
    low, high = PRICES.tables["spot"]["share"]
    spot = Stay("task", "c7g.xlarge", True, 6)
    of_disk = [fleet.volumes * fleet.ebs_gb * 0.08 / 730 for fleet in found.fleets]
    expected = (1.25 * 0.1632 + of_disk[0]) / 2 + (1.25 * 0.136 + of_disk[1]) / 4
    assert nodes.spent(found, PRICES, 1e9, had) == pytest.approx(_requests(found) + expected)
    minute = (((low + high) / 2 + 0.25) * 0.145 + of_disk[2]) / 60
    assert nodes.spent(found, PRICES, 1e9, (*had, spot)) == pytest.approx(_requests(found) + expected + minute)


def test_a_cluster_that_had_no_node_costs_none() -> None:
    found = planned(TB)
    assert nodes.spent(found, PRICES, 1800.0, ()) == pytest.approx(_requests(found))


def test_where_it_is_not_told_the_planned_nodes_count() -> None:
    found = planned(TB)
    usual = nodes.spent(found, PRICES, 1800.0)
    had = [
        Stay(fleet.role, fleet.types[0], bool(fleet.spot), 1800.0) for fleet in found.fleets for _ in range(fleet.nodes)
    ]
    assert nodes.spent(found, PRICES, 7.0, had) == pytest.approx(usual)
    for other in (Stay("core", "x9.metal", False, 5.0), Stay("edge", "m7g.xlarge", False, 5.0)):
        assert nodes.spent(found, PRICES, 1800.0, (other,)) == pytest.approx(usual)
