"""Jobs on the cluster: their input, what fails, what nodes lack, and what is left behind."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jobs import api
from jobs.engine import driver
from jobs.engine.scratch import sweep
from jobs.hadoop.cluster import Cluster
from tests.command_line import ROOT, run
from tests.defects import BROKEN
from tests.hadoop.faults import applications, until
from tests.outcomes.commands import Outcome, command, environment, told
from tests.servers import S3Server
from tests.terminals import terminal

pytestmark = [pytest.mark.hadoop, pytest.mark.slow, pytest.mark.xdist_group("hadoop-jobs")]

SAMPLE = ROOT / "sample_data"
ON_HADOOP = ("-r", "hadoop")


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    return told(tmp_path_factory.mktemp("inline"), SAMPLE, "-r", "inline").output


def _left(hadoop: Cluster) -> str:
    """What runs left in the suite's folder in HDFS."""
    return "".join(_names("/user/hadoop/.sensor-jobs/runs"))


def test_input_in_hdfs_on_containers_of_their_own(hadoop: Cluster, tmp_path: Path, expected: str) -> None:
    subprocess.run(["hadoop", "fs", "-put", "-f", str(SAMPLE / "readings"), str(SAMPLE / "wide"), "/"], check=True)
    options = ("--tasks", 2, "--split-size", "40K", "--jobconf", "mapreduce.job.ubertask.enable=false", "-v")
    done = told(tmp_path, "hdfs:///readings", "hdfs:///wide", *ON_HADOOP, *options)
    assert (done.status, done.output) == (0, expected), done.errors
    assert "Launched map tasks=2" in done.errors
    assert "Launched reduce tasks=1" in done.errors
    assert "readings=15708" in done.errors
    assert "rejects: timestamp=9" in done.errors
    assert _left(hadoop) == ""


def test_input_and_output_in_s3(hadoop: Cluster, s3: S3Server, tmp_path: Path, expected: str) -> None:
    s3.client().create_bucket(Bucket="lake")
    for path in sorted(p for p in SAMPLE.rglob("*") if p.is_file()):
        s3.client().upload_file(str(path), "lake", f"logs/{path.relative_to(SAMPLE)}")
    own = tmp_path / "credentials"  # of the nodes
    own.touch(0o600)
    own.write_text("[default]\naws_access_key_id = test\naws_secret_access_key = test\n")
    keys = ("--cmdenv", f"AWS_SHARED_CREDENTIALS_FILE={own}")
    published = ("--output-dir", "s3a://lake/stats", "--output-format", "csv", "--cat-output")
    done = told(tmp_path, "s3a://lake/logs/", *ON_HADOOP, *keys, *published)
    assert (done.status, done.output) == (0, expected), done.errors
    assert "published in s3://lake/stats " in done.errors


def test_keys_do_not_travel_in_a_jobs_configuration(hadoop: Cluster, tmp_path: Path) -> None:
    done = told(tmp_path, SAMPLE, *ON_HADOOP, "--cmdenv", "AWS_SECRET_ACCESS_KEY=secret")
    assert (done.status, done.output) == (2, "")
    what = "--cmdenv AWS_SECRET_ACCESS_KEY: would stand in the job's configuration, where others may read it"
    assert done.errors.startswith(f"error: {what}; ")
    assert _left(hadoop) == ""


def test_the_bar_moves_before_the_job_has_ended(hadoop: Cluster, tmp_path: Path, expected: str) -> None:
    """By the time the reduce task's container starts, what map tasks read is known."""
    flags = ("--tasks", "1", "--split-size", "40K", "--jobconf", "mapreduce.job.ubertask.enable=false")
    with (
        Path(tmp_path, "output").open("wb") as output,
        terminal(tmp_path, SAMPLE, *ON_HADOOP, *flags, "--cmdenv", "JOBS_KERNEL=off", output=output) as shown,
    ):
        assert shown.status() == 0, shown.shown
    assert (tmp_path / "output").read_text() == expected
    assert re.search(rb"daily_stats: +[1-9]\d*%\|.* rows/s, [1-9]\d* rejects", shown.shown), shown.shown


def test_a_node_without_the_kernel(hadoop: Cluster, tmp_path: Path, expected: str) -> None:
    done = told(tmp_path, SAMPLE, *ON_HADOOP, "--cmdenv", "JOBS_KERNEL=off")
    assert (done.status, done.output) == (0, expected), done.errors
    assert "kernel 0.0%" in done.errors or "kernel" not in done.errors


def test_a_defect_is_told_in_one_line(hadoop: Cluster, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    (tmp_path / "a.csv").write_text("timestamp,device_id,metric,value\n2026-03-01T00:00:00Z,d,m,1\n")
    done = told(tmp_path, "a.csv", *ON_HADOOP, module="broken", env={"PYTHONPATH": str(ROOT)})
    logs = hadoop.layout.logs / "userlogs"
    head, _, log = done.errors.strip().partition("; the whole log: ")
    assert (done.status, done.output) == (1, "")
    assert head.startswith("error: jobs/engine/tasks.py line ")
    assert head.endswith(": a task failed: AttributeError: 'object' object has no attribute 'add' in split 0: a.csv")
    assert Path(log).is_relative_to(logs)
    assert "Traceback" in Path(log).read_text()
    assert _left(hadoop) == ""


def test_what_a_user_can_mend_has_its_own_status(hadoop: Cluster, tmp_path: Path) -> None:
    """Tasks read the plan's objects later than the driver saw them."""
    (tmp_path / "a.csv").write_text("timestamp,device_id,metric,value\n2026-03-01T00:00:00Z,d,m,1\n")
    swap = _in_place_of(hadoop, tmp_path, f"echo >> {tmp_path}/a.csv")
    done = told(tmp_path, "a.csv", *ON_HADOOP, "--hadoop-bin", swap)
    error = "error: a.csv: changed while it was read; run again when nothing writes to it any more\n"
    assert done == Outcome(3, "", error)


def test_input_that_is_wrong_is_not_tried_again(hadoop: Cluster, tmp_path: Path) -> None:
    for name in ("1.csv", "2.csv"):
        (tmp_path / name).write_text("foo,bar\n1,2\n")
    apart = ("--tasks", 2, "--split-size", 100, "--jobconf", "mapreduce.job.ubertask.enable=false")
    done = told(tmp_path, "1.csv", "2.csv", *ON_HADOOP, *apart, "--jobconf", "mapreduce.map.maxattempts=4", "-v")
    what = "its columns are not timestamp, device_id, metric, value; it begins: foo,bar"
    fix = "name its dialect with --dialect (docs/dialects.md tells how to write one)"
    assert done.status == 3
    assert re.search(rf"^error: [12]\.csv: {re.escape(f'{what}; {fix}')}$", done.errors, re.MULTILINE), done.errors
    failed = re.findall(r"attempt_\w+_m_(\d+)_(\d+), Status : FAILED", done.errors)
    assert failed, done.errors
    assert {attempt for _, attempt in failed} == {"0"}
    assert "failed with state KILLED" in done.errors


def test_logs_that_only_the_cluster_has(hadoop: Cluster, tmp_path: Path) -> None:
    """As where nodes are other machines: what tasks wrote is not to be found here, and YARN's command shows it."""
    (tmp_path / "broken.py").write_text(BROKEN)
    (tmp_path / "a.csv").write_text("timestamp,device_id,metric,value\n2026-03-01T00:00:00Z,d,m,1\n")
    said = "+ python\nexit status: 1\nerror: x: gone\n"
    logs = f"Container: c on h\nLogType:stderr\nLogContents:\n{said}\nEnd of LogType:stderr\n"
    (tmp_path / "logs").write_text(logs)
    shown = 'case $1 in *LogsCLI) echo "$@" >> asked; exec cat logs;; esac'
    command = _in_place_of(hadoop, tmp_path, f"cd {tmp_path}; {shown}")
    shutil.copytree(hadoop.layout.conf, tmp_path / "conf")
    site, collects = tmp_path / "conf" / "yarn-site.xml", "yarn.log-aggregation-enable"
    told_so = f"<property><name>{collects}</name><value>true</value></property></configuration>"
    site.write_text(site.read_text().replace("</configuration>", told_so))
    apart = ("--jobconf", "mapreduce.job.ubertask.enable=false")
    flags = (*apart, "--hadoop-bin", command, "--hadoop-log-dirs", tmp_path / "none")
    env = {"PYTHONPATH": str(ROOT), "HADOOP_CONF_DIR": str(tmp_path / "conf")}
    done = told(tmp_path, "a.csv", *ON_HADOOP, *flags, module="broken", env=env)
    assert done == Outcome(1, "", "error: x: gone\n")
    assert re.fullmatch(
        r"\S+LogsCLI -applicationId application_\w+ -log_files stderr\n", (tmp_path / "asked").read_text()
    )


def test_what_hdfs_refuses_before_there_is_a_job(hadoop: Cluster, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("timestamp,device_id,metric,value\n2026-03-01T00:00:00Z,d,m,1\n")
    for line in ("fs -mkdir -p /user/poor", "dfsadmin -setQuota 1 /user/poor"):
        subprocess.run(["hadoop", *line.split()], check=True)
    done = told(tmp_path, "a.csv", *ON_HADOOP, env={"HADOOP_USER_NAME": "poor"})
    error = r"error: hdfs:///user/poor/\.sensor-jobs: a quota of HDFS is used up: .+; make room there, or have the .+\n"
    assert (done.status, done.output) == (1, "")
    assert re.fullmatch(error, done.errors), done.errors


def test_a_command_that_submits_nothing(hadoop: Cluster, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("timestamp,device_id,metric,value\n2026-03-01T00:00:00Z,d,m,1\n")
    said = "JAR does not exist or is not a normal file: /none.jar; the whole log: -v shows all that Hadoop says"
    done = told(tmp_path, "a.csv", *ON_HADOOP, "--hadoop-streaming-jar", "/none.jar")
    assert done == Outcome(1, "", f"error: Hadoop says: {said}\n")


def test_a_result_that_is_gone_is_missed(hadoop: Cluster, tmp_path: Path) -> None:
    """It would be taken for one of no readings."""
    (tmp_path / "a.csv").write_text("timestamp,device_id,metric,value\n2026-03-01T00:00:00Z,d,m,1\n")
    parts = "/user/hadoop/.sensor-jobs/runs/*/output/part-*"
    remove = f'"{hadoop.home}/bin/hadoop" fs -rm "{parts}" > {tmp_path}/removed'
    swap = _in_place_of(hadoop, tmp_path, f'[ "$1" = jar ] && "{hadoop.home}/bin/hadoop" "$@" && exec {remove}')
    done = told(tmp_path, "a.csv", *ON_HADOOP, "--hadoop-bin", swap, "--output-dir", "stats")
    assert "part-00000" in (tmp_path / "removed").read_text()
    assert (done.status, done.output) == (1, "")
    assert re.fullmatch(r"error: daily_stats-\S+: 1 of 1 splits are not in what the tasks gave, .+\n", done.errors)
    assert not (tmp_path / "stats").exists()


def test_an_environment_travels_with_the_job(hadoop: Cluster, tmp_path: Path, expected: str) -> None:
    python = tmp_path / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\necho came by archive >&2\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    subprocess.run(["tar", "-czf", "env.tar.gz", "-C", "env", "."], cwd=tmp_path, check=True)
    done = told(tmp_path, SAMPLE, *ON_HADOOP, "--python-bin", "env/bin/python", "--archives", "env.tar.gz#env")
    assert (done.status, done.output) == (0, expected), done.errors


def _in_place_of(hadoop: Cluster, folder: Path, script: str) -> Path:
    """A hadoop command that does something first."""
    command = folder / "bin" / "hadoop"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\n{script}\nexec {hadoop.home}/bin/hadoop "$@"\n')
    command.chmod(0o755)
    return command


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.full),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_a_job_whose_driver_ends_does_so_too(
    hadoop: Cluster, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    slow = BROKEN.replace("return object()", "import time; time.sleep(600)")
    assert slow != BROKEN
    (tmp_path / "broken.py").write_text(slow)
    (tmp_path / "a.csv").write_text("timestamp,device_id,metric,value\n2026-03-01T00:00:00Z,d,m,1\n")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with subprocess.Popen(
        command("a.csv", *ON_HADOOP, module="broken"),
        cwd=tmp_path,
        env=environment({"PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}),
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
    ) as driver:
        until(lambda: _running(hadoop) == ["RUNNING"])
        [scratch] = [path for path in temporary.glob("*/*") if path.is_dir()]
        assert {path.name.rstrip("0123456789") for path in scratch.glob("*hadoop*")} >= {"hadoop-unjar"}
        driver.send_signal(number)
        assert driver.wait(120) == status
        assert driver.stderr is not None
        assert driver.stderr.read() == b""
    until(lambda: _running(hadoop) == [])
    until(lambda: _left(hadoop) == "")
    if number == signal.SIGKILL:
        sweep(scratch.parent)  # as the next run does
    assert list(temporary.iterdir()) == [scratch.parent]
    assert list(scratch.parent.iterdir()) == []


@pytest.mark.parametrize(
    "job", ["daily_stats", *(pytest.param(job, marks=pytest.mark.full) for job in ("availability", "data_quality"))]
)
def test_many_partitions_shared_by_several_reduce_tasks(
    hadoop: Cluster, monkeypatch: pytest.MonkeyPatch, job: str
) -> None:
    """As for input that is too large for one task: containers of their own, to each its share in the order of time."""
    monkeypatch.setattr(driver, "_BYTES_PER_PARTITION", 40_000)
    several = ["mapreduce.job.ubertask.enable=false", "mapreduce.job.reduces=3"]
    expected = api.run(job, [SAMPLE], engine="inline")
    found, outcome = api.run_with_outcome(job, [SAMPLE], engine="hadoop", jobconf=several, tasks="3", split_size="64K")
    assert outcome.run.partitions > 6
    assert found.equals(expected)


def _running(hadoop: Cluster) -> list[str]:
    """The states of applications that have not ended."""
    return [state for state in _states(hadoop).values() if state not in ("FINISHED", "FAILED", "KILLED")]


def _states(hadoop: Cluster) -> dict[str, str]:
    return {app["id"]: app["state"] for app in applications(hadoop)}


BY_SPARK = (
    "--master",
    "yarn",
    "--deploy-mode",
    "cluster",
    "--output-format",
    "csv",
    "--output-dir",
    "hdfs:///by-spark",
)


@pytest.mark.spark
@pytest.mark.full
def test_a_spark_driver_on_the_cluster(hadoop: Cluster, tmp_path: Path, expected: str) -> None:
    subprocess.run(["hadoop", "fs", "-put", str(SAMPLE), "/for-spark"], check=True)
    done = run("jobs.spark.daily_stats", "hdfs:///for-spark", *BY_SPARK, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, b""), done.stderr.decode()
    assert b"13 objects (507.8 kB)" in done.stderr
    (part,) = (path for path in _names("/by-spark") if path.endswith(".csv"))
    assert subprocess.run(["hadoop", "fs", "-cat", part], capture_output=True, text=True, check=True).stdout == expected


@pytest.mark.spark
@pytest.mark.full
def test_what_a_spark_driver_on_the_cluster_refuses(hadoop: Cluster, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("timestamp,device_id,metric,value\n2026-03-01T00:00:00Z,d,m,1\n")
    subprocess.run(["hadoop", "fs", "-put", "a.csv", "/refused.csv"], cwd=tmp_path, check=True)
    given = ("hdfs:///refused.csv", "--dialect", "nab", *BY_SPARK[:-1], "hdfs:///refused")
    done = run("jobs.spark.daily_stats", *given, cwd=tmp_path)
    error = (
        "error: hdfs:///refused.csv: its header is timestamp, device_id, metric, value; dialect nab declares timestamp,"
        " value; name the dialect of these files with --dialect\n"
    )
    assert (done.returncode, done.stdout, done.stderr.decode()) == (3, b"", error)


@pytest.mark.spark
@pytest.mark.full
def test_a_spark_driver_on_the_cluster_ends_with_who_waits_for_it(hadoop: Cluster, tmp_path: Path) -> None:
    subprocess.run(["hadoop", "fs", "-put", str(SAMPLE), "/for-nobody"], check=True)
    before = set(_states(hadoop))
    given = ("hdfs:///for-nobody", *BY_SPARK[:-1], "hdfs:///by-nobody")
    with subprocess.Popen(
        command(*given, module="jobs.spark.daily_stats"), cwd=tmp_path, env=environment(None), start_new_session=True
    ) as waiting:
        until(lambda: bool(_running(hadoop)))
        waiting.kill()
    until(lambda: _running(hadoop) == [])
    assert [state for name, state in _states(hadoop).items() if name not in before] == ["KILLED"]


def _names(folder: str) -> list[str]:
    command = ["hadoop", "fs", "-ls", "-C", folder]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["a.csv"], "--deploy-mode cluster: the driver prints where nobody reads; publish with --output-dir"),
        (
            ["a.csv", "--output-dir", "hdfs:///x"],
            "a.csv: is a file of this machine, and the driver runs on another; use hdfs:// or s3://",
        ),
        (
            ["hdfs:///a.csv", "--output-dir", "hdfs:///x", "--dialect", "mine.toml"],
            "mine.toml: is a file of this machine, and the driver runs on another; use hdfs:// or s3://",
        ),
    ],
    ids=["printed", "local", "dialect"],
)
def test_what_a_driver_on_the_cluster_cannot_do(tmp_path: Path, arguments: list[str], error: str) -> None:
    flags = ("--master", "yarn", "--deploy-mode", "cluster")
    done = run("jobs.spark.daily_stats", *arguments, *flags, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", f"error: {error}\n")


@pytest.mark.spark
def test_a_driver_on_the_cluster_is_awaited(hadoop: Cluster, tmp_path: Path) -> None:
    setting = "spark.yarn.submit.waitAppCompletion=false"
    flags = ("--output-dir", "hdfs:///x", "--master", "yarn", "--deploy-mode", "cluster", "--conf", setting)
    done = run("jobs.spark.daily_stats", "hdfs:///a.csv", *flags, cwd=tmp_path)
    what = "what the driver publishes, and whether it does, is told when it has ended"
    assert (done.returncode, done.stderr.decode()) == (2, f"error: --conf {setting}: {what}; leave it out\n")


@pytest.mark.spark
@pytest.mark.full
def test_engines_on_the_cluster_side_by_side(hadoop: Cluster, tmp_path: Path) -> None:
    """Containers are no children of the command, so that they are looked for."""
    report = tmp_path / "report.json"
    done = run("jobs.compare", "daily_stats", SAMPLE, "--engines", "inline,hadoop,yarn", "--report", report)
    assert done.returncode == 0, done.stderr.decode()
    inline, *on_cluster = json.loads(report.read_text())["runs"]
    assert (inline["containers"], inline["started"]) == (None, None)
    for each in on_cluster:
        assert each["containers"] >= 1
        assert 0 < each["started"] < each["wall"]
        assert each["cpu"] > 1, "a container starts a JVM"
        assert each["shuffled"] > 0
    assert b"containers  start-up  result" in done.stdout
