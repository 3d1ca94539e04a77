"""What `-r emr` refuses before anything is started."""

from __future__ import annotations

import re
import shlex
import socket
from pathlib import Path

import pyarrow as pa
import pytest

from jobs.daily_stats import DailyStats
from jobs.emr import aws
from jobs.engine.job import SensorJob
from jobs.engine.spark import Twin
from jobs.engine.spark_command import command
from jobs.errors import UsageError
from jobs.rollup import Rollup
from jobs.site_stats import SiteStats
from tests.lake.faulty_proxy import Fault, _renamed, faulty_proxy
from tests.outcomes.commands import Outcome, told
from tests.outcomes.commands import command as written
from tests.servers import S3Server

READING = b"timestamp,device_id,metric,value\n2026-03-01T00:00:00Z,d,m,1\n"


ON_EMR = ("-r", "emr", "--yes", "--python-bin", "python3.11")
ROLE = "arn:aws:iam::123456789012:role/sensor-jobs-execution"
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


@pytest.mark.parametrize(
    ("given", "copying"),
    [
        ("a.csv", "aws s3 cp a.csv s3://…"),
        ("my logs", "aws s3 cp --recursive 'my logs' s3://…"),
        ("hdfs://host:8020/logs", "hadoop distcp hdfs://host:8020/logs s3a://…"),
    ],
)
def test_what_is_not_in_s3(s3: S3Server, tmp_path: Path, given: str, copying: str) -> None:
    (tmp_path / "a.csv").write_bytes(READING)
    (tmp_path / "my logs").mkdir()
    error = f"error: {given}: EMR's nodes read S3 only; copy it there: {copying}\n"
    assert refused(s3, tmp_path, given) == Outcome(2, "", error)


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


def test_input_of_another_region(s3: S3Server, tmp_path: Path) -> None:
    """Each byte that nodes read there would cost; the output is in the cluster's region."""
    lake(s3)
    s3.client().create_bucket(Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.client().put_object(Bucket="far", Key="a.csv", Body=READING)
    error = (
        "error: s3://far: the bucket is in eu-central-1, and the cluster would be in us-east-1; set "
        "AWS_REGION=eu-central-1, or give --region eu-central-1\n"
    )
    assert refused(s3, tmp_path, "s3://far/a.csv", "--output-dir", "s3://lake/out") == Outcome(2, "", error)


def test_input_of_which_a_prefix_may_be_listed(s3: S3Server, tmp_path: Path) -> None:
    """It comes to its question, where the output's bucket may be looked at."""
    lake(s3)
    s3.client().create_bucket(Bucket="open")
    s3.client().put_object(Bucket="open", Key="a.csv", Body=READING)
    with faulty_proxy(s3.url) as faults:
        faults.pattern, faults.faults = "HEAD /open ", [closed]
        options = ("-r", "emr", "--python-bin", "python3.11", "--output-dir", "s3://lake/out")
        done = told(tmp_path, "s3://open/a.csv", *options, env={"AWS_ENDPOINT_URL": faults.url})
    assert (faults.happened, done.errors.partition(",")[0]) == (1, "error: -r emr: starts a cluster")


def closed(client: socket.socket, answer: bytes) -> None:
    """Answer as S3 does where a bucket may not be looked at."""
    client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")


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


TAKEN = "s3://lake/out/daily_stats: is not empty; add --overwrite to replace what is published there"
NO_DEVICES = "there is no device metadata; name it with --devices FILE, or put _devices.csv into the input's folder"
FOR_PRINTING = "--layout 1brc: is for printing; leave out --output-format and --output-dir"


@pytest.mark.parametrize("place", ["cluster", "serverless", "batch"])
@pytest.mark.parametrize(
    ("job", "options", "error"),
    [(DailyStats, (), TAKEN), (SiteStats, (), NO_DEVICES), (Rollup, ("--layout", "1brc"), FOR_PRINTING)],
    ids=["output", "table", "schema"],
)
def test_what_the_job_refuses_costs_nothing(
    s3: S3Server, tmp_path: Path, place: str, job: type[SensorJob], options: tuple[str, ...], error: str
) -> None:
    """A twin's driver would find it, or the job on its turn: on what is paid for by then."""
    lake(s3)
    s3.client().put_object(Bucket="lake", Key="out/daily_stats/_SUCCESS", Body=b"")
    given = ("s3://lake/a.csv", "--yes", *options, "--output-dir")
    if place == "batch":
        done = told(tmp_path, "run", job.NAME, *given, "s3://lake/out", module="jobs.emr")
        assert done == Outcome(2, "", f"error: {error}\n")
    else:
        there = ("--serverless", "--execution-role", ROLE) if place == "serverless" else ()
        twin = Twin(job, pa.schema([]), lambda run: NotImplemented, lambda readings, run: NotImplemented)
        with pytest.raises(UsageError) as refused:
            command(twin, ["-r", "emr", *there, *given, f"s3://lake/out/{job.NAME}"])
        assert str(refused.value) == error
    assert aws.client("emr").list_clusters()["Clusters"] == []
    assert aws.client("emr-serverless").list_applications()["applications"] == []


def test_a_busy_control_plane_ends_no_run(s3: S3Server, tmp_path: Path) -> None:
    """It is told once, and the run goes on until something is for good."""
    lake(s3)
    refusals = iter([answering("ThrottlingException")] * 3 + [answering("ExpiredTokenException")] * 50)

    def about_steps(client: socket.socket, answer: bytes) -> None:
        if b'"Step":' in answer:
            next(refusals)(client, answer)
        else:
            client.sendall(answer)

    with faulty_proxy(s3.url) as faults:
        faults.pattern, faults.faults = "POST / ", [about_steps] * 90
        env = {"AWS_ENDPOINT_URL": faults.url, "AWS_MAX_ATTEMPTS": "1"}
        done = told(tmp_path, "s3://lake/a.csv", *ON_EMR, "--check-cluster-every", "0.1", env=env)
    assert (done.status, done.output) == (1, ""), done.errors
    busy = "AWS is too busy (ThrottlingException from DescribeStep, asked 1 times)"
    warnings = [line for line in done.errors.splitlines() if "too busy" in line]
    assert warnings == [f"warning: {busy}; it is asked again for 10 min"]
    assert done.errors.endswith(f"error: -r emr: the AWS credentials have expired (ExpiredTokenException); {LOGIN}\n")


def test_a_failed_step_names_the_command_that_runs_it_again(s3: S3Server, tmp_path: Path) -> None:
    lake(s3)
    given = ("s3://lake/a.csv", *ON_EMR, "--check-cluster-every", "0.1", "--cmdenv")

    def cancelled(client: socket.socket, answer: bytes) -> None:
        states = {f'"{state}"': '"CANCELLED"' for state in ("PENDING", "RUNNING")}
        client.sendall(_renamed(answer, states) if b'"Step":' in answer else answer)

    with faulty_proxy(s3.url) as faults:
        faults.pattern, faults.faults = "POST / ", [cancelled] * 90
        done = told(tmp_path, *given, "A_TOKEN=t", env={"AWS_ENDPOINT_URL": faults.url})
    (cluster,) = aws.client("emr").list_clusters()["Clusters"]
    step, error = re.findall(r"\bs-[0-9A-Z]+", done.errors)[0], done.errors.splitlines()[-1]
    assert error == (
        f"error: step {step}: was cancelled; see its cluster: python -m jobs.emr status {cluster['Id']}; "
        f"run it again: {shlex.join([*written(*given), 'A_TOKEN=…'])}"
    )
    assert (done.status, cluster["Status"]["State"]) == (1, "TERMINATED")


@pytest.mark.parametrize("place", ["option", "configuration"])
@pytest.mark.parametrize(
    ("option", "value"),
    [("instance-type", "m5.xlarge"), ("num-core-instances", "9"), ("task-instance-type", "c7g.large")],
)
def test_another_cluster_than_the_planned_one(
    s3: S3Server, tmp_path: Path, place: str, option: str, value: str
) -> None:
    lake(s3)
    name = option.replace("-", "_")
    (tmp_path / "mrjob.conf").write_text(f"runners: {{emr: {{{name}: {value}}}}}")
    given = (f"--{option}", value) if place == "option" else ("--conf-path", "mrjob.conf")
    where = f"--{option}" if place == "option" else f"{name} in mrjob.conf"
    fix = "leave it out; --max-nodes and --architecture choose among what is planned"
    error = f"error: {where}: would make another cluster than the plan, whose price is asked about; {fix}\n"
    assert refused(s3, tmp_path, "s3://lake/a.csv", *given) == Outcome(2, "", error)
    assert refused(s3, tmp_path, "s3://lake/a.csv", *given, "--dry-run") == Outcome(2, "", error)


def test_a_configuration_that_is_none(s3: S3Server, tmp_path: Path) -> None:
    lake(s3)
    (tmp_path / "mrjob.conf").write_text("runners: {")
    done = refused(s3, tmp_path, "s3://lake/a.csv", "--conf-path", "mrjob.conf")
    assert (done.status, done.output) == (2, "")
    assert done.errors.startswith("error: mrjob's configuration: is no YAML: ")


@pytest.mark.parametrize("given", ["option", "configuration"])
def test_several_jobs_start_their_own_cluster(s3: S3Server, tmp_path: Path, given: str) -> None:
    lake(s3)
    (tmp_path / "mrjob.conf").write_text("runners: {emr: {cluster_id: j-1}}")
    options = ("--cluster-id", "j-1") if given == "option" else ("--conf-path", "mrjob.conf")
    jobs = ("run", "daily_stats", "rollup", "s3://lake/a.csv", "--yes", "--output-dir", "s3://lake/out")
    where = "--cluster-id" if given == "option" else "cluster_id in mrjob.conf"
    fix = "leave it out, or run each job there with -r emr --cluster-id"
    error = f"error: {where}: several jobs share a cluster that is started for them; {fix}\n"
    assert told(tmp_path, *jobs, *options, module="jobs.emr") == Outcome(2, "", error)
    assert aws.client("emr").list_clusters()["Clusters"] == []


@pytest.mark.parametrize("given", ["option", "configuration"])
def test_several_jobs_share_their_cluster_with_nobody(s3: S3Server, tmp_path: Path, given: str) -> None:
    """It ends with them, and one of a pool waits."""
    lake(s3)
    (tmp_path / "mrjob.conf").write_text("runners: {emr: {pool_clusters: true}}")
    options = ("--pool-clusters",) if given == "option" else ("--conf-path", "mrjob.conf")
    jobs = ("run", "daily_stats", "rollup", "s3://lake/a.csv", "--yes", "--output-dir", "s3://lake/out")
    where = "--pool-clusters" if given == "option" else "pool_clusters in mrjob.conf"
    error = f"error: {where}: the cluster is for these jobs, and ends with them; add --no-pool-clusters\n"
    assert told(tmp_path, *jobs, *options, module="jobs.emr") == Outcome(2, "", error)
    dry = told(tmp_path, *jobs, *options, "--no-pool-clusters", "--dry-run", module="jobs.emr")
    assert dry.status == 0, dry.errors


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
