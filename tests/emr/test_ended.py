"""Clusters that end before they have done anything: why is told, whatever was started there."""

from __future__ import annotations

import json
import re
import shlex
import socket
from pathlib import Path

import pytest

from jobs.emr import aws, clusters
from tests.clusters import Rehearsal
from tests.emr import runs
from tests.emr.test_refused import ON_EMR, lake
from tests.lake.faulty_proxy import Fault, faulty_proxy
from tests.outcomes.commands import command, told
from tests.servers import S3Server

QUOTA = "The number of vCPUs for instance type m7g.xlarge exceeds the EC2 service quota for that type."
BOOTSTRAP = "On the primary instance (i-1), bootstrap action 1 returned a non-zero return code 7"


def ended(code: str, message: str) -> Fault:
    """Answers that tell of a cluster that has ended for this reason, and of its steps."""

    def fault(client: socket.socket, answer: bytes) -> None:
        head, _, body = answer.partition(b"\r\n\r\n")
        if b'"Cluster":' in body or b'"Step":' in body:
            found = json.loads(body)
            if "Cluster" in found:
                reason = {"Code": code, "Message": message}
                found["Cluster"]["Status"] |= {"State": "TERMINATED_WITH_ERRORS", "StateChangeReason": reason}
            else:
                found["Step"]["Status"]["State"] = "CANCELLED"
            body = json.dumps(found).encode()
            head = re.sub(rb"(?i)(content-length: )\d+", rb"\g<1>%d" % len(body), head)
        client.sendall(head + b"\r\n\r\n" + body)

    return fault


@pytest.mark.parametrize(
    ("state", "code", "message", "said"),
    [
        ("TERMINATED_WITH_ERRORS", "VALIDATION_ERROR", QUOTA, f"j-1: the cluster ended: {QUOTA}"),
        ("TERMINATING", "INSTANCE_FLEET_TIMEOUT", "No\n capacity", "j-1: the cluster ended: No capacity"),
        ("TERMINATING", "BOOTSTRAP_FAILURE", BOOTSTRAP, f"j-1: the cluster ended: {BOOTSTRAP}; its logs: s3://l/node/"),
        ("TERMINATED_WITH_ERRORS", "INTERNAL_ERROR", None, "None"),
        ("TERMINATED", "USER_REQUEST", "Terminated by user request", "None"),
        ("TERMINATED_WITH_ERRORS", "STEP_FAILURE", "Shut down as step failed", "None"),
        ("RUNNING", "VALIDATION_ERROR", QUOTA, "None"),
    ],
)
def test_what_is_a_reason_of_the_clusters_own(state: str, code: str, message: str | None, said: str) -> None:
    told = {"Id": "j-1", "Status": {"State": state, "StateChangeReason": {"Code": code, "Message": message}}}
    assert str(clusters.failure(told, "s3://l/")) == said


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("VALIDATION_ERROR", f"CLUSTER: the cluster ended: {QUOTA}"),
        ("USER_REQUEST", "step STEP: was cancelled; see its cluster: python -m jobs.emr status CLUSTER"),
    ],
)
def test_why_a_cluster_ended_is_told(s3: S3Server, tmp_path: Path, code: str, said: str) -> None:
    lake(s3)
    given = ("s3://lake/a.csv", *ON_EMR, "--check-cluster-every", "0.1")
    with faulty_proxy(s3.url) as faults:
        faults.pattern, faults.faults = "POST / ", [ended(code, QUOTA)] * 90
        done = told(tmp_path, *given, env={"AWS_ENDPOINT_URL": faults.url})
    (cluster,) = aws.client("emr").list_clusters()["Clusters"]
    error = re.sub(r"\bs-[0-9A-Z]+", "STEP", done.errors.splitlines()[-1]).replace(cluster["Id"], "CLUSTER")
    assert error == f"error: {said}; run it again: {shlex.join(command(*given))}"
    assert (done.status, done.output) == (1, "")
    kept, left = (found["Key"] for found in s3.client().list_objects_v2(Bucket="lake")["Contents"])
    assert kept.startswith(".sensor-jobs/history/daily_stats/"), "what it took counts for the next plan"
    assert left == "a.csv"


SUBNET = "subnet-0123456789abcdef0"
NO_SUBNET = (
    "the cluster ended: The VPC/subnet configuration was invalid: The subnet configuration was invalid: "
    f"The subnet {SUBNET} does not exist."
)


@pytest.mark.hadoop
@pytest.mark.slow
@pytest.mark.xdist_group("emr")
@pytest.mark.parametrize(
    "place",
    [
        "job",
        pytest.param("batch", marks=pytest.mark.full),
        pytest.param("twin", marks=[pytest.mark.spark, pytest.mark.full]),
    ],
)
def test_a_cluster_in_a_network_that_is_not_there(emr: Rehearsal, tmp_path: Path, place: str) -> None:
    """Of several jobs each says so, also those whose steps the cluster takes no more; nothing stays."""
    emr.client().put_object(Bucket="lake", Key="a.csv", Body=runs.READING)
    module = {"job": "jobs.daily_stats", "batch": "jobs.emr", "twin": "jobs.spark.daily_stats"}[place]
    jobs = ("run", "daily_stats", "top_devices") if place == "batch" else ()
    options = ("s3://lake/a.csv", "--yes", *runs.ON_EMR[3:], "--subnet", SUBNET, "--output-dir", "s3://lake/out")
    runner = () if place == "batch" else ("-r", "emr")
    done = told(tmp_path, *jobs, *options, *runner, module=module)
    assert (done.status, done.output) == (1, ""), done.errors
    (cluster,) = aws.client("emr").list_clusters()["Clusters"]
    errors = [line for line in done.errors.splitlines() if line.startswith("error: ")]
    assert len(errors) == (2 if place == "batch" else 1), done.errors
    for error in errors:
        assert error.startswith(f"error: {cluster['Id']}: {NO_SUBNET}; run it again: "), done.errors
    assert cluster["Status"]["State"] == "TERMINATED_WITH_ERRORS"
    assert runs.keys(emr, ".sensor-jobs/runs/") == []
    costs = [run.dollars for key in runs.keys(emr, ".sensor-jobs/history/") if (run := runs.kept(emr, key)).batch == ""]
    assert len(costs) == 1
    assert costs[0] < 0.001, "of a cluster without a node requests to S3 alone are paid for"
    shown = told(tmp_path, "status", cluster["Id"], module="jobs.emr")
    assert (shown.status, shown.errors) == (1, "")
    assert f"reason   {NO_SUBNET.removeprefix('the cluster ended: ')}\n" in shown.output
