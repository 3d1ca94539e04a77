"""HDFS that loses a DataNode or its active NameNode while we read and publish, and users who may not.

The tests take parts of one file system away, one after the other: they run in the order in which they stand.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from jobs.errors import InputError, JobError
from jobs.lake import storage, webhdfs
from jobs.lake.hdfs_reader import RangeReader
from jobs.lake.publish import Publication
from jobs.lake.published import open_published
from tests.lake.ha_hdfs import HaHdfs, ha_hdfs
from tests.lake.results import SCHEMA, result

pytestmark = [pytest.mark.hadoop, pytest.mark.slow, pytest.mark.xdist_group("hadoop-ha")]

SIZE = 40 << 20


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HaHdfs]:
    with ha_hdfs(tmp_path_factory.mktemp("ha")) as hdfs:
        yield hdfs


@pytest.fixture
def hdfs(started: HaHdfs, monkeypatch: pytest.MonkeyPatch) -> HaHdfs:
    monkeypatch.setenv("HADOOP_CONF_DIR", str(started.conf))
    monkeypatch.setenv("HADOOP_USER_NAME", "hadoop")
    monkeypatch.delenv("JOBS_WEBHDFS", raising=False)
    return started


def _put(uri: str, data: bytes) -> None:
    path = webhdfs.split_uri(uri)[1]
    webhdfs.client(uri).make_folder(path.rpartition("/")[0])
    webhdfs.client(uri).create(path, io.BytesIO(data), len(data))


def _publish(target: str, rows: int, run_id: str, scratch: Path) -> None:
    publication = Publication(target, "csv", overwrite=True, run_id=run_id)
    publication.check()
    publication.publish(SCHEMA, [result(rows)], {}, scratch=scratch)


def _rows(target: str) -> int:
    return int(pa.concat_tables(open_published(target)).num_rows)


def test_a_user_who_may_not(hdfs: HaHdfs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = webhdfs.client("hdfs:///")
    _put("hdfs:///closed/log.csv", b"x")
    _publish("hdfs:///open/stats", 5, "one", tmp_path)
    root.set_permission("/closed", "700")
    monkeypatch.setenv("HADOOP_USER_NAME", "guest")
    fix = "set HADOOP_USER_NAME to who may, or ask its owner"
    for spec, access in (("hdfs:///closed", "READ_EXECUTE"), ("hdfs:///closed/log.csv", "EXECUTE")):
        with pytest.raises(InputError) as refused:
            storage.expand(spec, lambda name: True)
        assert str(refused.value) == (
            f"{spec}: no permission in HDFS (user=guest, access={access}, "
            f'inode="/closed":hadoop:supergroup:drwx------); {fix}'
        )
    assert _rows("hdfs:///open/stats") == 5
    with pytest.raises(JobError) as kept:
        Publication("hdfs:///open/stats", "csv", overwrite=True, run_id="two").check()
    assert kept.value.status == 1
    assert str(kept.value) == (
        "hdfs:///open/stats: no permission in HDFS (user=guest, access=WRITE_EXECUTE, "
        f'inode="/open":hadoop:supergroup:drwxr-xr-x); {fix}'
    )


def test_an_ordinary_user_publishes(hdfs: HaHdfs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = webhdfs.client("hdfs:///")
    root.make_folder("/user/guest")
    root._call("PUT", "/user/guest", "SETOWNER", owner="guest")
    monkeypatch.setenv("HADOOP_USER_NAME", "guest")
    for rows in (5, 7):
        _publish("hdfs://lake/user/guest/stats", rows, f"run-{rows}", tmp_path)
        assert _rows("hdfs:///user/guest/stats") == rows


def test_another_replica_takes_over_from_a_data_node_that_dies(hdfs: HaHdfs) -> None:
    data = os.urandom(SIZE)
    _put("hdfs:///large", data)
    [info] = storage.expand("hdfs:///large", lambda name: True)
    taken = bytearray(SIZE)
    at = 0
    killed = ""
    with storage.open_range(info) as reader:
        assert isinstance(reader, RangeReader)
        while count := reader.readinto(memoryview(taken)[at : at + 1_000_000]):
            at += count
            if not killed and at > SIZE // 3 and reader._body is not None and reader._body.left:
                port = int(reader._body.node.rpartition(":")[2])
                killed = next(name for name in ("data-1", "data-2") if hdfs.ports[f"{name}-http"] == port)
                hdfs.stop(killed)
    assert killed, "no DataNode was killed"
    assert bytes(taken) == data


def test_the_standby_takes_over_from_a_name_node_that_dies(hdfs: HaHdfs, tmp_path: Path) -> None:
    _publish("hdfs:///stats", 5, "before", tmp_path)
    publication = Publication("hdfs:///stats", "csv", overwrite=True, run_id="after")
    publication.check()
    hdfs.stop("one")
    hdfs.admin("haadmin", "-transitionToActive", "--forceactive", "two")
    publication.publish(SCHEMA, [result(7)], {}, scratch=tmp_path)
    assert _rows("hdfs:///stats") == _rows("hdfs://lake/stats") == 7


def test_no_data_node_answers(hdfs: HaHdfs, tmp_path: Path) -> None:
    last = next(name for name in ("data-1", "data-2") if hdfs.nodes[name].poll() is None)
    hdfs.stop(last)
    [info] = storage.expand("hdfs:///large", lambda name: True)
    errors = [
        f"the DataNode localhost:{hdfs.ports[f'{name}-http']} cannot be reached: Connection refused; "
        "DataNodes must be reachable from here, by the names that the NameNode gives them"
        for name in ("data-1", "data-2")
    ]
    with pytest.raises(InputError) as unread:
        storage.read_bytes(info)
    assert str(unread.value) in [f"hdfs:///large: {error}" for error in errors]
    with pytest.raises(JobError) as unwritten:
        _publish("hdfs:///stats", 9, "unwritten", tmp_path)
    assert unwritten.value.status == 1
    assert str(unwritten.value) in [f"hdfs:///stats: {error}" for error in errors]
    assert [one.name for one in webhdfs.client("hdfs:///").listed("/") if "stats" in one.name] == ["stats"]


def test_no_name_node_is_active(hdfs: HaHdfs) -> None:
    hdfs.admin("haadmin", "-transitionToStandby", "two")
    with pytest.raises(InputError) as none:
        storage.expand("hdfs:///stats", lambda name: True)
    assert str(none.value) == (
        "hdfs:///stats: no NameNode is active; run again when one is: hdfs haadmin -getAllServiceState"
    )
