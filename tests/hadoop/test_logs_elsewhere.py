"""What a failing task said, on a cluster whose logs do not lie on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.engine import job_history
from jobs.hadoop.cluster import Cluster
from tests.command_line import ROOT
from tests.defects import BROKEN
from tests.outcomes.commands import told
from tests.servers import child, free_port, wait_for

pytestmark = [pytest.mark.hadoop, pytest.mark.slow, pytest.mark.xdist_group("hadoop-jobs")]

SERVER = "org.apache.hadoop.mapreduce.v2.hs.JobHistoryServer"


@pytest.fixture
def history(hadoop: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The address of a job history server beside the cluster, which the client's configuration names."""
    conf, address = tmp_path / "conf", f"127.0.0.1:{free_port()}"
    shutil.copytree(hadoop.layout.conf, conf)
    own = {
        "webapp.address": address,
        "address": f"127.0.0.1:{free_port()}",
        "admin.address": f"127.0.0.1:{free_port()}",
    }
    properties = "".join(
        f"<property><name>mapreduce.jobhistory.{name}</name><value>{value}</value></property>"
        for name, value in own.items()
    )
    site = conf / "mapred-site.xml"
    site.write_text(site.read_text().replace("</configuration>", f"{properties}</configuration>"))
    monkeypatch.setenv("HADOOP_CONF_DIR", str(conf))
    monkeypatch.setenv("HADOOP_CLIENT_OPTS", f"-Djava.io.tmpdir={tmp_path}")
    with child([str(hadoop.home / "bin" / "hadoop"), SERVER], stderr=subprocess.DEVNULL) as process:
        wait_for(f"http://{address}/ws/v1/history/info", process)
        yield address


def _fails(folder: Path) -> str:
    """What a job says that has a defect, where no log of its tasks lies on this machine."""
    (folder / "broken.py").write_text(BROKEN)
    (folder / "a.csv").write_text("timestamp,device_id,metric,value\n2026-03-01T00:00:00Z,d,m,1\n")
    (folder / "none").mkdir()
    conf = ("mapreduce.jobhistory.jhist.format=binary", "mapreduce.job.ubertask.enable=false")
    elsewhere = ("--hadoop-log-dirs", folder / "none", *(word for one in conf for word in ("--jobconf", one)))
    done = told(folder, "a.csv", "-r", "hadoop", *elsewhere, module="broken", env={"PYTHONPATH": str(ROOT)})
    assert (done.status, done.output) == (1, ""), done.errors
    return done.errors.strip()


def test_the_history_server_names_the_containers(history: str, tmp_path: Path) -> None:
    error, _, page = _fails(tmp_path).partition("; the whole log: ")
    assert error.startswith("error: jobs/engine/tasks.py line ")
    assert error.endswith(": a task failed: AttributeError: 'object' object has no attribute 'add' in split 0: a.csv")
    assert page.startswith(f"http://{history}/jobhistory/job/job_")
    with urllib.request.urlopen(page) as answer:
        assert answer.status == 200


@pytest.mark.full
def test_without_one_it_is_said_what_is_missing(hadoop: Cluster, tmp_path: Path) -> None:
    error, _, where = _fails(tmp_path).partition("; the whole log: ")
    assert error.startswith("error: Hadoop says: Error: java.lang.RuntimeException: ")
    assert error.endswith(": subprocess failed with code 1")
    missing = "yarn.log-aggregation-enable is not true, so YARN collects none"
    assert where == f"on the nodes, in yarn.nodemanager.log-dirs ({missing})"


def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(os.environ, "HADOOP_CONF_DIR", str(tmp_path))
    assert job_history.page("application_1_0001") is None
    assert list(job_history.errors_of("application_1_0001")) == []
    name = f"<name>mapreduce.jobhistory.webapp.address</name><value>127.0.0.1:{free_port()}</value>"
    (tmp_path / "mapred-site.xml").write_text(f"<configuration><property>{name}</property></configuration>")
    assert list(job_history.errors_of("application_1_0001")) == []
