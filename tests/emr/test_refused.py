"""What `-r emr` refuses before anything is started."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from jobs.emr import aws
from tests.lake.faulty_proxy import Fault, faulty_proxy
from tests.outcomes.commands import Outcome, told
from tests.servers import S3Server

READING = b"timestamp,device_id,metric,value\n2026-03-01T00:00:00Z,d,m,1\n"


ON_EMR = ("-r", "emr", "--yes", "--python-bin", "python3.11")
LOGIN = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in with `aws sso login`"


def answering(code: str) -> Fault:
    """An answer of EMR's that refuses with this code."""
    body = b'{"__type": "%s", "message": "no"}' % code.encode()
    head = b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: %d\r\n\r\n"

    def fault(client: socket.socket, answer: bytes) -> None:
        client.sendall(head % len(body) + body)

    return fault


def refused(s3: S3Server, folder: Path, *arguments: str, env: dict[str, str] | None = None) -> Outcome:
    done = told(folder, *arguments, *ON_EMR, env=env)
    assert aws.client("emr").list_clusters()["Clusters"] == []
    return done


def test_files_of_this_machine(s3: S3Server, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(READING)
    error = "error: a.csv: EMR's nodes read S3 only; copy it there: aws s3 cp --recursive a.csv s3://…\n"
    assert refused(s3, tmp_path, "a.csv") == Outcome(2, "", error)


@pytest.mark.parametrize("given", ["AWS_REGION", "AWS_DEFAULT_REGION", "option", "configuration"])
def test_a_bucket_of_another_region(s3: S3Server, tmp_path: Path, given: str) -> None:
    lake(s3)
    options: dict[str, tuple[str, ...]] = {
        "option": ("--region", "eu-central-1"),
        "configuration": ("--conf-path", "mrjob.conf"),
    }
    (tmp_path / "mrjob.conf").write_text("runners: {emr: {region: eu-central-1}}")
    env = {given: "eu-central-1"} if given.startswith("AWS_") else {}
    error = (
        "error: s3://lake: the bucket is in us-east-1, and the cluster would be in eu-central-1; set "
        "AWS_REGION=us-east-1, or give --region us-east-1\n"
    )
    assert refused(s3, tmp_path, "s3://lake/a.csv", *options.get(given, ()), env=env) == Outcome(2, "", error)


def test_a_staging_bucket_that_is_missing(s3: S3Server, tmp_path: Path) -> None:
    lake(s3)
    error = "error: s3://none: there is no such bucket; check its name and the account\n"
    assert refused(s3, tmp_path, "s3://lake/a.csv", "--cloud-tmp-dir", "s3://none/tmp/") == Outcome(2, "", error)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "ThrottlingException",
            "AWS is too busy (ThrottlingException from RunJobFlow, asked 2 times); run again later, or poll less "
            "often: --check-cluster-every",
        ),
        ("ExpiredTokenException", f"the AWS credentials have expired (ExpiredTokenException); {LOGIN}"),
        (
            "AccessDeniedException",
            "no permission for RunJobFlow; have it added to the submitting user's policy",
        ),
    ],
)
def test_emr_refuses_the_cluster(s3: S3Server, tmp_path: Path, code: str, said: str) -> None:
    lake(s3)
    with faulty_proxy(s3.url) as faults:
        faults.pattern, faults.faults = "POST / ", [answering(code)] * 2
        env = {"AWS_ENDPOINT_URL": faults.url, "AWS_MAX_ATTEMPTS": "2"}
        done = told(tmp_path, "s3://lake/a.csv", *ON_EMR, env=env)
    assert done == Outcome(1, "", f"error: -r emr: {said}\n")
    assert [found["Key"] for found in s3.client().list_objects_v2(Bucket="lake")["Contents"]] == ["a.csv"]


def test_a_throttled_call_that_is_asked_again(s3: S3Server, tmp_path: Path) -> None:
    """The run comes to its next call, which is refused for good."""
    lake(s3)
    with faulty_proxy(s3.url) as faults:
        faults.pattern, faults.faults = (
            "POST / ",
            [answering("ThrottlingException"), answering("AccessDeniedException")],
        )
        done = told(tmp_path, "s3://lake/a.csv", *ON_EMR, env={"AWS_ENDPOINT_URL": faults.url})
    assert (done.status, faults.happened) == (1, 2)
    assert done.errors.startswith("error: -r emr: no permission for RunJobFlow; ")


def test_a_token_that_expires_while_the_cluster_runs(s3: S3Server, tmp_path: Path) -> None:
    """Nobody can end the cluster any more, which is told."""
    lake(s3)
    with faulty_proxy(s3.url) as faults:
        passing: list[Fault] = [lambda client, answer: client.sendall(answer)]
        faults.pattern, faults.faults = "POST / ", passing + [answering("ExpiredTokenException")] * 50
        done = told(tmp_path, "s3://lake/a.csv", *ON_EMR, env={"AWS_ENDPOINT_URL": faults.url})
    (cluster,) = aws.client("emr").list_clusters()["Clusters"]
    requested, warning, error = done.errors.splitlines()
    assert requested == f"cluster {cluster['Id']} in us-east-1: requested"
    fix = f"end it: python -m jobs.emr terminate {cluster['Id']} --region us-east-1"
    assert warning == f"warning: cluster {cluster['Id']} may still run; {fix}"
    assert error == f"error: -r emr: the AWS credentials have expired (ExpiredTokenException); {LOGIN}"
    assert done.status == 1


def lake(s3: S3Server) -> None:
    s3.client().create_bucket(Bucket="lake")
    s3.client().put_object(Bucket="lake", Key="a.csv", Body=READING)


@pytest.mark.spark
@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "-r emr: the driver prints where nobody reads; publish with --output-dir s3://…"),
        (["--output-dir", "out"], "out: is no place in S3, and the driver runs on another machine; use s3://…"),
        (
            ["--output-dir", "s3://lake/x", "--dialect", "./mine.toml"],
            "./mine.toml: is no place in S3, and the driver runs on another machine; use s3://…",
        ),
        (["--python-bin", "python3"], "--python-bin: twins run on what nodes install; leave it out"),
        (["--master", "yarn"], "-r emr: is EMR's to say; leave out --master and --deploy-mode"),
        (
            ["--yes", "--output-dir", "s3://none/x"],
            "s3://none: there is no such bucket; check its name and the account",
        ),
    ],
    ids=["printed", "local", "dialect", "python", "master", "bucket"],
)
def test_what_a_twin_cannot_do_there(s3: S3Server, tmp_path: Path, arguments: list[str], error: str) -> None:
    lake(s3)
    done = told(tmp_path, "s3://lake/a.csv", "-r", "emr", *arguments, module="jobs.spark.daily_stats")
    assert done == Outcome(2, "", f"error: {error}\n")
