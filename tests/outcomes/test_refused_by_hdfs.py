"""What HDFS refuses: names that are not there, a NameNode that does not answer, safe mode, inputs that change."""

from __future__ import annotations

import io
import secrets
import subprocess
from pathlib import Path

import pytest

from jobs.hadoop.cluster import Cluster
from jobs.lake import webhdfs
from tests.outcomes.commands import COLUMNS, HEADER, day, masked, reading, row, told
from tests.servers import free_port

pytestmark = [pytest.mark.hadoop, pytest.mark.slow, pytest.mark.xdist_group("hadoop")]

CONFIGURE = "set HADOOP_CONF_DIR to the folder of core-site.xml, or JOBS_WEBHDFS to http://NAMENODE:9870"


def _put(uri: str, data: bytes) -> None:
    path = webhdfs.split_uri(uri)[1]
    webhdfs.client(uri).make_folder(path.rpartition("/")[0])
    webhdfs.client(uri).create(path, io.BytesIO(data), len(data))


@pytest.fixture
def lake(hadoop: Cluster) -> str:
    """A folder of the test's own with a log."""
    folder = f"hdfs:///refused/{secrets.token_hex(4)}"
    _put(f"{folder}/log.csv", HEADER + day(1))
    return folder


def test_not_there(lake: str, tmp_path: Path) -> None:
    for name, error in (
        ("none.csv", "no such file or directory; check the name"),
        ("*.json", "no file matches; check the pattern; quote it against the shell"),
    ):
        found = told(tmp_path, f"{lake}/{name}")
        assert (found.status, found.output, found.errors) == (3, "", f"error: {lake}/{name}: {error}\n")


def test_nothing_is_configured(hadoop: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HADOOP_HOME")
    found = told(tmp_path, "hdfs:///x", env={"HADOOP_CONF_DIR": str(tmp_path)})
    assert (found.status, found.output) == (2, "")
    assert found.errors == f"error: hdfs:///x: no HDFS is configured; {CONFIGURE}\n"


def test_nobody_answers(lake: str, tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    env = {"JOBS_WEBHDFS": f"http://{address}"}
    error = (
        f"the NameNode {address} cannot be reached: Connection refused; "
        "check that it runs, and HADOOP_CONF_DIR or JOBS_WEBHDFS; hdfs:///path is the default file system's\n"
    )
    found = told(tmp_path, f"{lake}/log.csv", env=env)
    assert (found.status, found.output, found.errors) == (3, "", f"error: {lake}/log.csv: {error}")
    (tmp_path / "log.csv").write_bytes(HEADER + day(1))
    found = told(tmp_path, "log.csv", "--output-dir", f"{lake}/stats", env=env)
    assert (found.status, found.output, found.errors) == (1, "", f"error: {lake}/stats: {error}")


def test_a_host_that_is_none(lake: str, tmp_path: Path) -> None:
    """`hdfs://logs/…` names a host, where `hdfs:///logs/…` was meant."""
    found = told(tmp_path, "hdfs://logs.invalid/x")
    assert found.status == 3
    assert found.errors.startswith("error: hdfs://logs.invalid/x: the NameNode logs.invalid:9870 cannot be reached: ")
    assert found.errors.endswith(
        "; check that it runs, and HADOOP_CONF_DIR or JOBS_WEBHDFS; hdfs:///path is the default file system's\n"
    )


def test_safe_mode(hadoop: Cluster, lake: str, tmp_path: Path) -> None:
    def safe_mode(what: str) -> None:
        command = [str(hadoop.home / "bin" / "hdfs"), "dfsadmin", "-safemode", what]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    safe_mode("enter")
    try:
        found = told(tmp_path, f"{lake}/log.csv")
        assert (found.status, found.output) == (0, COLUMNS + row(1)), "what is there can be read"
        refused = told(tmp_path, f"{lake}/log.csv", "--output-dir", f"{lake}/stats")
    finally:
        safe_mode("leave")
    assert refused.errors.splitlines()[-1] == (
        f"error: {lake}/stats: HDFS is in safe mode and takes no changes; "
        "run again when it is not: hdfs dfsadmin -safemode wait"
    )
    assert (refused.status, refused.output) == (1, "")


@pytest.mark.parametrize("how", ["grows", "is replaced", "is removed"])
def test_an_input_that_changes_during_the_run(lake: str, tmp_path: Path, how: str) -> None:
    _put(f"{lake}/log.csv", HEADER + day(1) * 5000)  # small files are read at once, ahead of their turn
    with reading(tmp_path, f"{lake}/log.csv", "--output-dir", f"{lake}/stats") as process:
        if how == "is removed":
            webhdfs.client(lake)._call("DELETE", f"{webhdfs.split_uri(lake)[1]}/log.csv", "DELETE")
        else:
            _put(f"{lake}/log.csv", HEADER + day(2) * (5001 if how == "grows" else 5000))
        output, errors = process.communicate()
    assert masked(errors) == (
        f"error: {lake}/log.csv: changed while it was read; run again when nothing writes to it any more\n"
    )
    assert (process.returncode, output) == (3, b"")
    left = [] if how == "is removed" else ["log.csv"]
    assert [one.name for one in webhdfs.client(lake).listed(webhdfs.split_uri(lake)[1])] == left
