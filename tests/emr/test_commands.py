"""`python -m jobs.emr` against a control plane on which nothing moves."""

from __future__ import annotations

import gzip
import os
import re
import socket
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobs.emr import aws, cluster, clusters, history
from jobs.emr.found import Found, Step
from jobs.emr.history import Entry
from jobs.errors import UsageError
from tests.emr.test_refused import answering
from tests.lake.faulty_proxy import Fault, faulty_proxy
from tests.outcomes.commands import Outcome, told
from tests.servers import S3Server

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TAGS = {cluster.SUITE: cluster.NAME, "job": "daily_stats", "owner": "ann"}


def start(name: str = "daily_stats.ann", tags: dict[str, str] = TAGS) -> str:
    made = aws.client("emr").run_job_flow(
        Name=name,
        LogUri="s3://lake/.sensor-jobs/logs/",
        Instances={"KeepJobFlowAliveWhenNoSteps": True, "MasterInstanceType": "m5.xlarge", "InstanceCount": 1},
        Applications=[{"Name": "Hadoop"}],
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    return str(made["JobFlowId"])


def emr_command(folder: Path, *arguments: str) -> Outcome:
    return told(folder, *arguments, module="jobs.emr")


def test_clusters_of_the_suite_are_listed_and_ended(s3: S3Server, tmp_path: Path) -> None:
    own, other = start(), start("of somebody else", {})
    done = emr_command(tmp_path, "clusters")
    head, line = done.output.splitlines()
    assert head.split() == ["cluster", "state", "job", "owner", "started", "age"]
    assert re.fullmatch(rf"{own} +waiting +daily_stats +ann +[\d-]+ [\d:]+ UTC +\d+ s", line)
    assert (done.status, done.errors) == (0, "")
    assert emr_command(tmp_path, "terminate", own) == Outcome(0, f"{own}: terminating\n", "")
    assert emr_command(tmp_path, "clusters") == Outcome(0, "", "no cluster runs\n")
    assert clusters.described(aws.client("emr"), other).state == "WAITING"
    assert emr_command(tmp_path, "terminate", own).output.startswith(f"{own}: terminated since 20")


def test_the_status_of_the_newest_cluster_and_its_steps(s3: S3Server, tmp_path: Path) -> None:
    own = start()
    jar = {"Jar": "command-runner.jar", "Args": ["hadoop-streaming"]}
    added = {"Name": "key: Step 1 of 1", "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar}
    (step_id,) = aws.client("emr").add_job_flow_steps(JobFlowId=own, Steps=[added])["StepIds"]
    done = emr_command(tmp_path, "status")
    head, started, logs, _, columns, line = done.output.splitlines()
    assert head == f"{own}  running  daily_stats.ann"
    assert re.fullmatch(r"started  20\d\d-\d\d-\d\d \d\d:\d\d UTC", started)
    assert logs == f"logs     s3://lake/.sensor-jobs/logs/{own}/"
    assert columns.split() == ["step", "name", "state", "began", "took"]
    assert re.fullmatch(rf"{step_id}  Step 1 of 1  (pending|running) .*", line)
    assert (done.status, done.errors) == (0, "")


def expired(place: Path, days: int = 61) -> None:
    """What is kept of a run that was left so many days ago."""
    (place / "any").mkdir(parents=True)
    since = time.time() - days * 86_400
    os.utime(place, (since, since))


def test_a_profile_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is asked for the region or, where that is given, for credentials."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_PROFILE", "nope")
    error = "The config profile (nope) could not be found; check the AWS configuration\n"
    assert emr_command(tmp_path, "clusters") == Outcome(2, "", f"error: AWS: {error}")
    assert emr_command(tmp_path, "clusters", "--region", "us-east-1") == Outcome(2, "", f"error: AWS emr: {error}")
    with pytest.raises(UsageError, match=r"^AWS: The config profile \(nope\) could not be found; check"):
        aws.region()


def test_what_nobody_has_asked_for_goes(s3: S3Server, tmp_path: Path) -> None:
    """Of any cluster, and also what was not kept whole."""
    own, home = start(), tmp_path / "sensor-jobs" / "emr" / "left"
    for name in (f"{own}.run", "j-OTHER.run", ".new-killed"):
        expired(home / name)
    expired(home / "j-OTHER.later", days=59)
    done = told(tmp_path, "status", own, module="jobs.emr", env={"XDG_CACHE_HOME": str(tmp_path)})
    assert (done.status, done.errors) == (0, "")
    assert [place.name for place in home.iterdir()] == ["j-OTHER.later"]


def test_what_may_not_be_looked_at_hides_nothing_else(s3: S3Server, tmp_path: Path) -> None:
    """Policies go by tags: of somebody else's cluster a submitter learns nothing but that it is there."""
    own = start()
    start("of somebody else", {})
    with faulty_proxy(s3.url) as faults:
        env = {"AWS_ENDPOINT_URL": faults.url}
        faults.pattern, faults.faults = "POST / ", [without(b"of somebody else")] * 9
        done = told(tmp_path, "clusters", module="jobs.emr", env=env)
        assert (done.status, done.errors) == (0, "")
        assert [line.split()[0] for line in done.output.splitlines()] == ["cluster", own]
        faults.faults = [without(b"")] * 9
        none = "no cluster runs; 2 may not be looked at\n"
        assert told(tmp_path, "clusters", module="jobs.emr", env=env) == Outcome(0, "", none)
        faults.pattern, faults.faults = "GET /applications", [answering("AccessDeniedException")]
        done = told(tmp_path, "clusters", module="jobs.emr", env=env)
    assert [line.split()[0] for line in done.output.splitlines()] == ["cluster", own], done
    fix = "have it added to the submitting user's policy"
    assert (done.status, done.errors) == (
        0,
        f"warning: EMR Serverless: no permission for ListApplications; {fix}\n",
    )


def without(name: bytes) -> Fault:
    """Refuses to describe clusters of that name."""

    def fault(client: socket.socket, answer: bytes) -> None:
        if b'"Cluster":' in answer and name in answer:
            answering("AccessDeniedException")(client, answer)
        else:
            client.sendall(answer)

    return fault


def test_what_cannot_be_ended_keeps_no_other_from_it(s3: S3Server, tmp_path: Path) -> None:
    first, second = start(), start()
    aws.client("emr").set_termination_protection(JobFlowIds=[first], TerminationProtected=True)
    done = emr_command(tmp_path, "terminate", first, "j-NONE", second)
    assert (done.status, done.output) == (1, f"{second}: terminating\n")
    protected, unknown = done.errors.splitlines()
    assert protected.startswith(f"error: {first}: TerminateJobFlows: ")
    fix = "see them with: python -m jobs.emr clusters"
    assert unknown == f"error: j-NONE: there is no such cluster in this region; {fix}"
    states = [clusters.described(aws.client("emr"), each).state for each in (first, second)]
    assert states == ["WAITING", "TERMINATED"]


def test_no_orphans(s3: S3Server, tmp_path: Path) -> None:
    start()
    assert emr_command(tmp_path, "clusters", "--orphans") == Outcome(0, "", "no cluster does nothing\n")


def test_logs_are_printed_with_their_names(s3: S3Server, tmp_path: Path) -> None:
    s3.client().create_bucket(Bucket="lake")
    own = start()
    folder = f".sensor-jobs/logs/{own}"
    fix = "EMR writes them every five minutes, and when the cluster ends"
    error = f"error: s3://lake/{folder}/: no logs are there yet; {fix}\n"
    assert emr_command(tmp_path, "logs", own) == Outcome(1, "", error)
    container = f"{folder}/containers/application_1_0001/container_1"
    for key, text in ((f"{container}/stderr.gz", b"why\n"), (f"{container}/syslog.gz", b"chatter\n")):
        s3.client().put_object(Bucket="lake", Key=key, Body=gzip.compress(text))
    assert emr_command(tmp_path, "logs", own) == Outcome(0, f"==> s3://lake/{container}/stderr.gz <==\nwhy\n\n", "")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["status", "j-NONE"],
            Outcome(
                3,
                "",
                "error: j-NONE: there is no such cluster in this region; see them with: python -m jobs.emr clusters\n",
            ),
        ),
        (
            ["status"],
            Outcome(1, "", "error: EMR: no cluster of the last 30 days; name one, or another --region\n"),
        ),
        (
            ["terminate"],
            Outcome(2, "", "error: terminate: name clusters, or give --orphans; see: python -m jobs.emr clusters\n"),
        ),
        (
            ["run", "rollup", "rollup", "s3://lake/x"],
            Outcome(2, "", "error: run: names rollup twice; each job publishes in a folder of its name\n"),
        ),
    ],
    ids=["unknown", "none", "unnamed", "twice"],
)
def test_what_is_refused(s3: S3Server, tmp_path: Path, arguments: list[str], expected: Outcome) -> None:
    assert emr_command(tmp_path, *arguments) == expected


def test_the_help_of_several_jobs_names_what_they_need(tmp_path: Path) -> None:
    done = emr_command(tmp_path, "run", "--help")
    assert (done.status, done.errors) == (0, "")
    assert "run JOB [JOB …] INPUT [INPUT …] --output-dir DIR [options]\n" in done.output
    assert "--output-dir DIR  publish each result there, in a folder of its job's name\n" in done.output


def entry(job: str, dollars: float) -> Entry:
    size = 10**12
    return Entry(
        "r", job, "2026-03-01T02:30:00+00:00", (1560, 3120), (0.4, 1.31), size, 2400.0, 420.0, size, dollars, 24
    )


def test_what_runs_cost(tmp_path: Path) -> None:
    env = {"XDG_CACHE_HOME": str(tmp_path), "TZ": "UTC"}
    assert told(tmp_path, "costs", module="jobs.emr", env=env) == Outcome(0, "", "no run is kept\n")
    for one in (entry("daily_stats", 0.73), entry("rollup", 12.0)):
        history.append(tmp_path / "sensor-jobs" / "emr", one)
    assert told(tmp_path, "costs", module="jobs.emr", env=env).output.splitlines() == [
        "job          started               planned           took    planned         cost",
        "daily_stats  2026-03-01 02:30 UTC  26 min to 52 min  40 min  $0.40 to $1.31  $0.73",
        "rollup       2026-03-01 02:30 UTC  26 min to 52 min  40 min  $0.40 to $1.31  $12.00",
        "total                                                                        $12.73",
    ]
    assert told(tmp_path, "costs", "rollup", module="jobs.emr", env=env).output.splitlines()[-1].endswith(" $12.00")


def test_what_a_batch_and_what_failed_cost_counts_once(tmp_path: Path) -> None:
    env = {"XDG_CACHE_HOME": str(tmp_path), "TZ": "UTC"}
    shared, lost = entry("daily_stats", 0.5), entry("rollup", 0.25)
    for one in (replace(shared, batch="b"), replace(entry("batch", 0.75), run="b"), replace(lost, failed=True)):
        history.append(tmp_path / "sensor-jobs" / "emr", one)
    _, *lines = told(tmp_path, "costs", module="jobs.emr", env=env).output.splitlines()
    assert [line[:20].rstrip() for line in lines] == ["daily_stats (batch)", "batch", "rollup (failed)", "total"]
    assert [line.split()[-1] for line in lines] == ["$0.50", "$0.75", "$0.25", "$1.00"]


def made(state: str, minutes: int, *steps: Step) -> Found:
    return Found("j-1", "", state, "AUTO_STOPPING", NOW - timedelta(minutes=minutes), None, {}, "", steps)


def step(state: str, ended: int | None = None) -> Step:
    return Step("s-1", "", state, None, None if ended is None else NOW - timedelta(minutes=ended))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (made("WAITING", 11), True),
        (made("STARTING", 9), False),
        (made("RUNNING", 600, step("RUNNING")), False),
        (made("WAITING", 600, step("COMPLETED", 9)), False),
        (made("WAITING", 600, step("FAILED", 11)), True),
        (made("TERMINATING", 600, step("FAILED", 11)), False),
        (replace(made("WAITING", 600, step("COMPLETED", 119)), tags={"job": "batch"}), False),
        (replace(made("WAITING", 600, step("COMPLETED", 121)), tags={"job": "batch"}), True),
    ],
)
def test_an_orphan_is_paid_for_and_has_nothing_to_do(found: Found, expected: bool) -> None:
    assert found.is_orphan(NOW) is expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (made("TERMINATED", 9, step("COMPLETED", 1)), False),
        (made("STOPPED", 9, step("SUCCESS", 1)), False),
        (made("TERMINATED", 9, step("COMPLETED", 2), step("FAILED", 1)), True),
        (made("TERMINATED_WITH_ERRORS", 9), True),
    ],
)
def test_what_has_failed_is_not_what_has_a_reason(found: Found, expected: bool) -> None:
    assert found.has_failed is expected
