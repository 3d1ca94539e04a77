"""A request for a cluster whose answer is lost: no cluster runs that nobody knows."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.emr import aws, launching
from jobs.errors import JobError
from tests.emr.test_refused import LOGIN, ON_EMR, answering, lake
from tests.lake.faulty_proxy import Fault, Faults, faulty_proxy, reset
from tests.outcomes.commands import told
from tests.servers import S3Server

ASKED = {"Name": "daily_stats.1", "Instances": {"MasterInstanceType": "m5.xlarge", "InstanceCount": 1}}


def failed(client: socket.socket, answer: bytes) -> None:
    client.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")


def test_the_cluster_is_taken_up(s3: S3Server, tmp_path: Path) -> None:
    """It is followed until something is for good; of one that was not known nothing would be told."""
    lake(s3)
    with faulty_proxy(s3.url) as faults:
        listing: list[Fault] = [lambda client, answer: client.sendall(answer)]
        faults.pattern, faults.faults = "POST / ", [reset, *listing, *[answering("ExpiredTokenException")] * 50]
        done = told(tmp_path, "s3://lake/a.csv", *ON_EMR, env={"AWS_ENDPOINT_URL": faults.url})
    (cluster,) = aws.client("emr").list_clusters()["Clusters"]
    requested, warning, error = done.errors.splitlines()
    assert requested == f"cluster {cluster['Id']} in us-east-1: requested"
    assert warning.startswith(f"warning: cluster {cluster['Id']} may still run; end it: ")
    assert error == f"error: -r emr: the AWS credentials have expired (ExpiredTokenException); {LOGIN}"
    assert done.status == 1


@pytest.fixture
def faults(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    monkeypatch.setattr(launching, "_EVERY", 0.01)
    with faulty_proxy(s3.url) as plan:
        monkeypatch.setenv("AWS_ENDPOINT_URL", plan.url)
        plan.pattern = "POST / "
        yield plan


def request(started: Callable[[str], None]) -> dict[str, Any]:
    client = aws.client("emr")
    return launching.once(client, started)(**ASKED)


@pytest.mark.parametrize("fault", [reset, failed])
def test_one_cluster_is_started(faults: Faults, fault: Fault) -> None:
    started: list[str] = []
    faults.faults = [fault]
    answer = request(started.append)
    faults.faults = []
    (cluster,) = aws.client("emr").list_clusters()["Clusters"]
    assert (faults.happened, started, answer) == (1, [cluster["Id"]], {"JobFlowId": cluster["Id"]})


def test_a_refusal_for_now_is_asked_again(faults: Faults) -> None:
    """Nothing was started, so that nothing is looked for; moto does what the proxy then refuses."""
    started: list[str] = []
    faults.faults = [answering("ThrottlingException")]
    request(started.append)
    assert len(faults.seen) == 2
    assert len(started) == 1


def test_a_cluster_that_is_not_to_be_seen_is_told(faults: Faults) -> None:
    faults.faults = [reset, *[answering("AccessDeniedException")] * 9]
    with pytest.raises(JobError) as error:
        request(pytest.fail)
    what, _, fix = str(error.value).partition("; ")
    assert what.startswith("-r emr: EMR's answer to RunJobFlow was lost: ")
    assert fix == "look whether daily_stats.1 has started: python -m jobs.emr clusters"


def test_an_interrupted_request_leaves_no_cluster_unknown(s3: S3Server) -> None:
    """As by Ctrl-C, when EMR already starts it."""
    started: list[str] = []
    client = aws.client("emr")
    client.meta.events.register("before-parse.emr.RunJobFlow", interrupt)
    with pytest.raises(KeyboardInterrupt):
        launching.once(client, started.append)(**ASKED)
    assert started == [cluster["Id"] for cluster in client.list_clusters()["Clusters"]]
    assert len(started) == 1


def interrupt(**_: object) -> None:
    raise KeyboardInterrupt
