"""A cluster elsewhere, as far as one here can stand for it: nodes that know no HDFS, users without a folder in it."""

from __future__ import annotations

import io
import secrets
import subprocess
from pathlib import Path

import pytest

from jobs.hadoop.cluster import Cluster
from jobs.lake import webhdfs
from jobs.lake.published import read_published
from tests.command_line import ROOT
from tests.hadoop.faults import applications
from tests.outcomes.commands import Outcome, told

pytestmark = [pytest.mark.hadoop, pytest.mark.slow, pytest.mark.xdist_group("hadoop-jobs")]

SAMPLE = ROOT / "sample_data" / "wide"
OPTIONS = ("--output-format", "csv")


@pytest.fixture
def logs(hadoop: Cluster) -> str:
    """The sample, in HDFS."""
    path = f"/foreign/{secrets.token_hex(4)}"
    subprocess.run(["hadoop", "fs", "-mkdir", "-p", "/foreign"], check=True)
    subprocess.run(["hadoop", "fs", "-put", str(SAMPLE), path], check=True)
    return f"hdfs://{path}"


@pytest.fixture
def unconfigured(tmp_path: Path) -> Path:
    """A configuration that says nothing, as nodes may have it."""
    (tmp_path / "conf").mkdir()
    return tmp_path / "conf"


def test_tasks_ask_whom_the_driver_asked(hadoop: Cluster, logs: str, unconfigured: Path, tmp_path: Path) -> None:
    """Whether the driver knows the NameNode from its configuration or from JOBS_WEBHDFS."""
    expected = told(tmp_path, logs, "-r", "inline", *OPTIONS).output
    assert expected
    empty = told(tmp_path, logs, "-r", "inline", env={"HADOOP_CONF_DIR": str(unconfigured)})
    assert (empty.status, "no HDFS is configured" in empty.errors) == (2, True)
    flags = ("-r", "hadoop", "--cmdenv", f"HADOOP_CONF_DIR={unconfigured}", *OPTIONS)
    for env in ({}, {"JOBS_WEBHDFS": f"http://{hadoop.layout.address('namenode-http')}"}):
        done = told(tmp_path, logs, *flags, env=env)
        assert (done.status, done.output) == (0, expected), done.errors


@pytest.mark.spark
@pytest.mark.full
def test_a_driver_on_the_cluster_asks_whom_we_ask(
    hadoop: Cluster, logs: str, unconfigured: Path, tmp_path: Path
) -> None:
    """Its words come from the node that ran it, as no log lies where a cluster here has them."""
    nodes = ("spark.yarn.appMasterEnv", "spark.executorEnv")
    confs = [word for each in nodes for word in ("--conf", f"{each}.HADOOP_CONF_DIR={unconfigured}")]
    flags = ("--master", "yarn", "--deploy-mode", "cluster", *confs, *OPTIONS)
    env = {
        "JOBS_WEBHDFS": f"http://{hadoop.layout.address('namenode-http')}",
        "HADOOP_HOME": str(tmp_path),
    }

    def spark(source: str, target: str) -> Outcome:
        where = (source, "--output-dir", target)
        return told(tmp_path, *where, *flags, module="jobs.spark.daily_stats", env=env, seconds=900)

    done = spark(logs, f"{logs}-stats")
    assert done.status == 0, done.errors
    summary, published = done.errors.splitlines()
    assert summary.startswith("1 object "), "nothing of YARN's own stands around it"
    assert published.startswith(f"published in {logs}-stats ")
    assert read_published(f"{logs}-stats").rows
    missing = spark(f"{logs}-no", f"{logs}-none")
    error = f"error: {logs}-no: no such file or directory; check the name\n"
    assert (missing.status, missing.errors) == (3, error)


@pytest.mark.full
def test_a_user_whose_folder_cannot_be_made(hadoop: Cluster, tmp_path: Path) -> None:
    user = f"guest-{secrets.token_hex(4)}"
    hdfs, env = webhdfs.client("hdfs:///"), {"HADOOP_USER_NAME": user}
    hdfs.make_folder("/user")
    hdfs.create(f"/user/{user}", io.BytesIO(b"x"), 1)
    before = len(applications(hadoop))
    refused = told(tmp_path, SAMPLE, "-r", "hadoop", *OPTIONS, env=env)
    assert (refused.status, refused.output) == (1, "")
    error = refused.errors.splitlines()[-1]
    assert error.startswith(f"error: hdfs:///user/{user}/.sensor-jobs: ")
    assert error.endswith("name a folder of HDFS that you may write in: --hadoop-tmp-dir hdfs:///tmp/NAME")
    assert len(applications(hadoop)) == before
    expected = told(tmp_path, SAMPLE, "-r", "inline", *OPTIONS).output
    done = told(tmp_path, SAMPLE, "-r", "hadoop", "--hadoop-tmp-dir", f"hdfs:///tmp/{user}", *OPTIONS, env=env)
    assert (done.status, done.output) == (0, expected), done.errors
    assert [one.name for one in hdfs.listed(f"/tmp/{user}")] == ["packages"]
