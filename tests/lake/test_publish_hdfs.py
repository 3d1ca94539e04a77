"""Publishing to HDFS: one folder in the place of another by renames, decided between runs by a name."""

from __future__ import annotations

import io
import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jobs.errors import BusyError, JobError, UsageError
from jobs.hadoop.cluster import Cluster
from jobs.lake import parts, webhdfs
from jobs.lake.hdfs_succession import Succession
from jobs.lake.manifest import Manifest
from jobs.lake.publish import Publication, prune
from jobs.lake.published import open_published, read_published
from tests.lake.results import SCHEMA, result

pytestmark = [pytest.mark.hadoop, pytest.mark.slow, pytest.mark.xdist_group("hadoop")]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 10)


@pytest.fixture
def target(hadoop: Cluster) -> str:
    return f"hdfs:///published/{secrets.token_hex(4)}/stats"


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    assert list(tmp_path.iterdir()) == [], "something is left in the scratch folder"


def _publication(target: str, run_id: str, *, overwrite: bool = True, output: Any = "csv") -> Publication:
    publication = Publication(target, output, overwrite=overwrite, run_id=run_id)
    publication.check()
    return publication


def _publish(target: str, rows: int, run_id: str, scratch: Path, **options: Any) -> Manifest:
    publication = _publication(target, run_id, **options)
    return publication.publish(SCHEMA, [result(rows)], {"job": "daily_stats"}, scratch=scratch, keys=("device_id",))


def _names(folder: str) -> list[str]:
    return [one.name for one in webhdfs.client(folder).listed(webhdfs.split_uri(folder)[1])]


def _above(target: str) -> str:
    return target.rpartition("/")[0]


def _rows(target: str) -> int:
    table = pa.concat_tables(open_published(target))
    assert table.equals(result(table.num_rows))
    return int(table.num_rows)


def _put(uri: str, data: bytes) -> None:
    path = webhdfs.split_uri(uri)[1]
    webhdfs.client(uri).make_folder(path.rpartition("/")[0])
    webhdfs.client(uri).create(path, io.BytesIO(data), len(data))


@pytest.mark.parametrize("output", ["csv", "jsonl", "parquet"])
def test_what_is_published_reads_back(target: str, scratch: Path, output: str) -> None:
    manifest = _publish(target, 25, "run-1", scratch, output=output)
    assert _names(target) == ["_SUCCESS", *(f"part-0000{n}-run-1.{output}" for n in range(3))]
    assert read_published(target) == read_published(f"{target}/") == manifest
    assert _rows(target) == 25
    assert _names(_above(target)) == ["stats"]


def test_one_result_takes_the_place_of_another(target: str, scratch: Path) -> None:
    hdfs, path = webhdfs.client(target), webhdfs.split_uri(target)[1]
    for number, (rows, names) in enumerate([(5, 1), (6, 1), (25, 3), (15, 2), (5, 1)]):
        _publish(target, rows, f"run-{number}", scratch, overwrite=number > 0)
        assert _rows(target) == rows
        assert len(_names(target)) == 1 + names
        assert _names(_above(target)) == ["stats"]
        if number == 1:
            hdfs.set_permission(path, "750")
    status = hdfs.status(path)
    assert status is not None
    assert status.permission == "750", "the new folder has the old one's permission"
    assert _names(target) == ["_SUCCESS", "part-00000.csv"]


def test_an_empty_folder_is_taken(target: str, scratch: Path) -> None:
    webhdfs.client(target).make_folder(webhdfs.split_uri(target)[1])
    _publish(target, 5, "run-1", scratch, overwrite=False)
    assert _rows(target) == 5


@pytest.mark.parametrize("before", [0, 5])
def test_the_slower_of_two_runs_publishes_nothing(target: str, tmp_path: Path, before: int) -> None:
    if before:
        _publish(target, before, "before", tmp_path)
    slow = _publication(target, "slow")
    _publish(target, 25, "fast", tmp_path)
    with pytest.raises(BusyError) as lost:
        slow.publish(SCHEMA, [result(6)], {}, scratch=tmp_path)
    assert str(lost.value) == (
        f"{target}: another run published there meanwhile, so nothing was published; run again if need be"
    )
    assert (_rows(target), read_published(target).run_id) == (25, "fast")
    assert _names(_above(target)) == ["stats"]


@pytest.mark.parametrize("before", [0, 5])
@pytest.mark.parametrize("moment", ["set_aside", "rename"])
def test_a_run_that_stops_once_it_was_decided_is_brought_to_its_end(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int, moment: str
) -> None:
    """While one run is about to rename, a second one finds what was decided, ends it, and publishes after it."""
    if before:
        _publish(target, before, "before", tmp_path)
    sleeper = _publication(target, "sleeper")
    second: list[int] = []
    move = webhdfs.WebHdfs.move

    def meanwhile(self: webhdfs.WebHdfs, file_id: int, path: str) -> bool:
        is_moment = path.endswith("/.stats.previous") if moment == "set_aside" and before else path.endswith("/stats")
        if is_moment and not second:
            second.append(1)
            _publish(target, 7, "second", tmp_path)
            assert _rows(target) == 7
        return move(self, file_id, path)

    monkeypatch.setattr(webhdfs.WebHdfs, "move", meanwhile)
    sleeper.publish(SCHEMA, [result(6)], {}, scratch=tmp_path)
    assert second
    assert (_rows(target), read_published(target).run_id) == (7, "second")
    assert _names(_above(target)) == ["stats"]


def test_a_claim_on_a_result_that_is_gone_is_withdrawn(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run stops between its last look and its claim, while two others publish, whose sweep was a moment earlier."""
    _publish(target, 5, "before", tmp_path)
    sleeper = _publication(target, "sleeper")
    claim: Callable[..., None] = Succession.claim

    def sleeping(self: Succession, *arguments: Any) -> None:
        monkeypatch.setattr(Succession, "claim", claim)
        for run_id in ("second", "third"):
            _publish(target, 7, run_id, tmp_path)
        claim(self, *arguments)

    monkeypatch.setattr(Succession, "claim", sleeping)
    monkeypatch.setattr(Succession, "sweep", lambda self, state: [])
    with pytest.raises(BusyError):
        sleeper.publish(SCHEMA, [result(6)], {}, scratch=tmp_path)
    assert (_rows(target), read_published(target).run_id) == (7, "third")
    assert _names(_above(target)) == ["stats"]


def test_a_reader_finds_the_result_that_is_set_aside(target: str, scratch: Path) -> None:
    _publish(target, 25, "run-1", scratch)
    hdfs, path = webhdfs.client(target), webhdfs.split_uri(target)[1]
    status = hdfs.status(path)
    assert status is not None
    assert hdfs.move(status.id, f"{path.rpartition('/')[0]}/.stats.previous")
    assert _rows(target) == 25
    with pytest.raises(UsageError, match="is not empty; add --overwrite"):
        _publication(target, "run-2", overwrite=False)
    _publish(target, 5, "run-2", scratch)
    assert _rows(target) == 5
    assert _names(_above(target)) == ["stats"]


def test_only_what_runs_left_is_removed(target: str, scratch: Path) -> None:
    """Folders of others that are named much like ours, and of runs that may still publish, stay."""
    above = _above(target)
    for name in (".stats.staging-dead", ".stats.after-gone", ".stats.backup", ".stats.x.staging-alive", ".statsx"):
        _put(f"{above}/{name}/part-00000.csv", b"x")
    _publish(target, 5, "run-1", scratch)
    assert _names(above) == [".stats.backup", ".stats.x.staging-alive", ".statsx", "stats"]
    _put(f"{above}/.stats.staging-alive/part-00000.csv", b"x")
    assert prune(target, older_than=0) == []
    assert ".stats.staging-alive" in _names(above)
    _publish(target, 6, "run-2", scratch)
    assert ".stats.staging-alive" not in _names(above)


def test_a_run_whose_folder_is_gone_has_lost(target: str, scratch: Path) -> None:
    publication = _publication(target, "slow")

    def tables() -> Iterator[pa.Table]:
        yield result(10)
        _publish(target, 5, "fast", scratch)
        yield result(10)

    with pytest.raises(BusyError):
        publication.publish(SCHEMA, tables(), {}, scratch=scratch)
    assert read_published(target).run_id == "fast"
    assert _names(_above(target)) == ["stats"]


def test_targets_that_are_refused(target: str, scratch: Path) -> None:
    def refusal(place: str = target, *, overwrite: bool = True) -> str:
        with pytest.raises(JobError) as refused:
            _publication(place, "r", overwrite=overwrite)
        assert isinstance(refused.value, UsageError)
        return str(refused.value)

    _publish(target, 5, "a", scratch)
    assert refusal(overwrite=False) == f"{target}: is not empty; add --overwrite to replace what is published there"
    _put(f"{target}/deep/notes.txt", b"")
    foreign = f"{target}: holds what no run of this suite published (%s); remove it yourself, or name another place"
    assert refusal() == foreign % "deep/notes.txt"
    _put(f"{target}/_SUCCESS", b"")
    assert refusal() == foreign % "_SUCCESS"
    assert refusal("hdfs:///") == "hdfs:///: is the root of a file system; name a folder below it"
    file = f"{target}/deep/notes.txt"
    assert refusal(file) == f"{file}: is a file; name a folder"


def test_a_folder_with_an_access_list_is_not_replaced(target: str, scratch: Path) -> None:
    path = webhdfs.split_uri(target)[1]
    _publish(target, 5, "a", scratch)
    webhdfs.client(target)._call("PUT", path, "MODIFYACLENTRIES", aclspec="user:guest:r-x")
    with pytest.raises(UsageError) as refused:
        _publication(target, "b")
    assert str(refused.value) == (
        f"{target}: has an access list (ACL) of its own, which the folder put in its place would not have; "
        "name a folder below it"
    )
    assert _rows(target) == 5


def test_an_access_list_that_folders_inherit_stays(target: str, scratch: Path) -> None:
    """The second run finds it on the folder that the first one made; what was added there since would be lost."""
    hdfs, path, above = webhdfs.client(target), webhdfs.split_uri(target)[1], webhdfs.split_uri(_above(target))[1]
    hdfs.make_folder(above)
    hdfs._call("PUT", above, "MODIFYACLENTRIES", aclspec="default:user:guest:r-x")
    _publish(target, 5, "a", scratch)
    status = hdfs.status(path)
    assert status is not None
    assert status.marked == ("aclBit",)
    entries = hdfs.access_list(path)
    assert {"user:guest:r-x", "default:user:guest:r-x"} < entries
    _publish(target, 6, "b", scratch)
    assert (_rows(target), hdfs.access_list(path)) == (6, entries)
    hdfs._call("PUT", path, "MODIFYACLENTRIES", aclspec="user:guest:rwx")
    with pytest.raises(UsageError, match="access list"):
        _publication(target, "c")


def test_snapshots_are_not_lost(target: str, scratch: Path, hadoop: Cluster) -> None:
    path = webhdfs.split_uri(target)[1]
    _publish(target, 5, "a", scratch)
    webhdfs.client(target)._call("PUT", path, "ALLOWSNAPSHOT")
    with pytest.raises(UsageError, match="has snapshots, which"):
        _publication(target, "b")


def test_a_quota_that_is_used_up(target: str, tmp_path: Path) -> None:
    above = webhdfs.split_uri(_above(target))[1]
    hdfs = webhdfs.client(target)
    _publish(target, 5, "a", tmp_path)
    hdfs._call("PUT", above, "SETQUOTA", namespacequota="4")
    with pytest.raises(JobError) as full:
        _publish(target, 25, "b", tmp_path)
    assert full.value.status == 1
    assert str(full.value) == (
        f"{target}: a quota of HDFS is used up: The NameSpace quota (directories and files) of directory {above}"
        " is exceeded: quota=4 file count=5; make room there, or have the quota raised"
    )
    assert _rows(target) == 5
    assert _names(_above(target)) == ["stats"]


@pytest.mark.parametrize("asked", ["NameNode", "DataNode"])
def test_no_room(target: str, scratch: Path, monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    """No DataNode has room for a block of 64 TiB."""
    _publish(target, 5, "a", scratch)
    data_node: Callable[..., tuple[str, str]] = webhdfs.WebHdfs._data_node

    def with_huge_blocks(self: webhdfs.WebHdfs, method: str, *rest: Any, **params: str) -> tuple[str, str]:
        huge = {"blocksize": str(1 << 46)} if method == "PUT" else {}
        if asked == "NameNode":
            return data_node(self, method, *rest, **params, **huge)
        node, query = data_node(self, method, *rest, **params)
        return node, f"{query}&blocksize={1 << 46}" if huge else query

    monkeypatch.setattr(webhdfs.WebHdfs, "_data_node", with_huge_blocks)
    with pytest.raises(JobError) as full:
        _publish(target, 6, "b", scratch)
    assert full.value.status == 1
    assert str(full.value) == (
        f"{target}: every DataNode is full or away; hdfs dfsadmin -report shows which there are, and their room"
    )
    assert _rows(target) == 5
    assert _names(_above(target)) == ["stats"]


def test_success_is_json_with_provenance(target: str, scratch: Path) -> None:
    _publish(target, 25, "a", scratch)
    _publish(target, 5, "b", scratch)
    data = json.loads(webhdfs.client(target).read(f"{webhdfs.split_uri(target)[1]}/_SUCCESS"))
    assert (data["run_id"], data["job"], data["rows"]) == ("b", "daily_stats", 5)
    assert [part["name"] for part in data["parts"]] == ["part-00000.csv"]
    assert "superseded" not in data
