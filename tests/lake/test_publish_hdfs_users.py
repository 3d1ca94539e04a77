"""Several users who publish to the same folder of an HDFS that checks permissions."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from jobs.errors import BusyError, JobError, UsageError
from jobs.lake import webhdfs
from jobs.lake.hdfs_succession import Succession
from jobs.lake.publish import Publication, prune
from jobs.lake.published import open_published, read_published
from jobs.lake.webhdfs_errors import DENIED, HdfsError
from tests.lake.forked import killed
from tests.lake.ha_hdfs import HaHdfs, ha_hdfs
from tests.lake.results import SCHEMA, result

pytestmark = [pytest.mark.hadoop, pytest.mark.slow, pytest.mark.xdist_group("hadoop-ha")]

STICKY, OPEN = "1777", "777"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HaHdfs]:
    with ha_hdfs(tmp_path_factory.mktemp("users")) as hdfs:
        yield hdfs


class Lake:
    """A folder of the superuser's, and those who publish to `stats` in it."""

    def __init__(self, patch: pytest.MonkeyPatch, scratch: Path) -> None:
        self._patch, self._scratch = patch, scratch
        self.folder = f"/lake/{secrets.token_hex(4)}"
        self.stats = f"{self.folder}/stats"
        self.target = f"hdfs://{self.stats}"
        self.as_user("hadoop").make_folder(self.folder)

    def as_user(self, user: str) -> webhdfs.WebHdfs:
        self._patch.setenv("HADOOP_USER_NAME", user)
        return webhdfs.client("hdfs:///")

    def open_to_all(self, permission: str) -> None:
        self.as_user("hadoop").set_permission(self.folder, permission)

    def begin(self, user: str, run_id: str) -> Callable[[int], None]:
        """A run that has looked at the target; to be called with the rows it publishes."""
        self.as_user(user)
        publication = Publication(self.target, "csv", overwrite=True, run_id=run_id)
        publication.check()

        def publish(rows: int) -> None:
            self.as_user(user)
            publication.publish(SCHEMA, [result(rows)], {}, scratch=self._scratch)

        return publish

    def publish(self, user: str, run_id: str, rows: int = 5) -> None:
        self.begin(user, run_id)(rows)
        assert self.published() == (run_id, rows)

    def published(self) -> tuple[str, int]:
        """The run and its rows, as somebody else reads them."""
        self.as_user("guest")
        table = pa.concat_tables(open_published(self.target))
        assert self.status().is_folder, "it is set aside"
        return read_published(self.target).run_id, table.num_rows

    def status(self) -> webhdfs.Status:
        status = self.as_user("hadoop").status(self.stats)
        assert status is not None
        return status

    def owners(self) -> list[tuple[str, str]]:
        return [(one.name, one.owner) for one in self.as_user("hadoop").listed(self.folder)]


@pytest.fixture
def lake(started: HaHdfs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Lake:
    monkeypatch.setenv("HADOOP_CONF_DIR", str(started.conf))
    monkeypatch.delenv("JOBS_WEBHDFS", raising=False)
    return Lake(monkeypatch, tmp_path)


def test_below_the_sticky_bit_another_users_result_is_refused_before_any_work(lake: Lake) -> None:
    lake.open_to_all(STICKY)
    lake.publish("alice", "a1")
    with pytest.raises(JobError) as refused:
        lake.begin("bob", "b1")
    assert refused.value.status == 1
    assert str(refused.value) == (
        f"{lake.target}: is of the user alice, and the sticky bit of {lake.folder} lets nobody else move it; "
        "run as alice, or name another place"
    )
    assert lake.owners() == [("stats", "alice")]
    lake.publish("alice", "a2", 6)
    lake.publish("hadoop", "h1", 7)
    assert lake.owners() == [("stats", "hadoop")], "the superuser may move everybody's"


def test_below_the_sticky_bit_an_empty_folder_of_another_is_refused(lake: Lake) -> None:
    lake.open_to_all(STICKY)
    lake.as_user("alice").make_folder(lake.stats)
    with pytest.raises(JobError, match="is of the user alice, and the sticky bit"):
        lake.begin("bob", "b1")
    assert lake.owners() == [("stats", "alice")]


def test_a_successor_of_another_that_may_not_be_moved_leaves_the_result_in_its_place(lake: Lake) -> None:
    lake.open_to_all(STICKY)
    lake.publish("alice", "a1")
    lake.as_user("bob").make_folder(f"{lake.folder}/.stats.after-a1")
    for _ in range(2):
        with pytest.raises(JobError) as refused:
            lake.begin("alice", "a2")
        assert str(refused.value) == (
            f"{lake.target}: .stats.after-a1 beside it is of the user bob, and the sticky bit of {lake.folder} "
            "lets nobody else move it; run as bob, or have it removed"
        )
        with pytest.raises(JobError, match="is of the user alice, and the sticky bit"):
            lake.begin("bob", "b2")
        assert lake.published() == ("a1", 5)
    lake.as_user("bob").delete_path(f"{lake.folder}/.stats.after-a1")
    lake.publish("alice", "a2")


def test_a_first_run_that_was_killed_below_the_sticky_bit_is_its_users_to_end(lake: Lake) -> None:
    lake.open_to_all(STICKY)
    assert killed(lambda: lake.publish("bob", "b1"), "publish.claim:after")
    with pytest.raises(JobError, match=r"\.stats\.first beside it is of the user bob"):
        lake.begin("alice", "a1")
    lake.publish("bob", "b2")
    assert lake.owners() == [("stats", "bob")]


def test_users_take_turns_where_all_may_write(lake: Lake) -> None:
    """What only its owner can remove goes with their next run."""
    lake.open_to_all(OPEN)
    lake.publish("alice", "a1")
    for number in range(3):
        lake.publish("bob", f"b{number}", 6 + number)
        assert [owner for name, owner in lake.owners() if name.startswith(".stats.previous-")] == ["alice"]
        assert lake.owners()[1:] == [("stats", "bob")]
    lake.publish("alice", "a2")
    assert [owner for name, owner in lake.owners() if name.startswith(".stats.previous-")] == ["bob"]
    lake.publish("bob", "b3")
    lake.as_user("alice")
    assert len(prune(lake.target)) == 1
    assert lake.owners() == [("stats", "bob")]


def test_a_result_of_another_that_stands_aside_is_in_nobodys_way(lake: Lake) -> None:
    lake.open_to_all(OPEN)
    lake.publish("alice", "a1")
    old = lake.status()
    lake.as_user("hadoop").move(old.id, f"{lake.folder}/.stats.previous")
    lake.publish("bob", "b1", 6)
    lake.publish("bob", "b2", 7)
    assert lake.owners() == [(f".stats.previous-{old.id}", "alice"), ("stats", "bob")]


def test_a_result_that_its_owner_closed_to_writing_is_removed_once_it_is_replaced(lake: Lake) -> None:
    lake.open_to_all(OPEN)
    lake.publish("alice", "a1")
    lake.as_user("alice").set_permission(lake.stats, "555")
    for number in (2, 3):
        lake.publish("alice", f"a{number}")
        assert (lake.owners(), lake.status().permission) == ([("stats", "alice")], "555")


def test_what_a_killed_run_of_another_left_is_theirs_to_remove(lake: Lake) -> None:
    lake.open_to_all(OPEN)
    lake.publish("bob", "b0")
    assert killed(lambda: lake.publish("alice", "dead"), "publish.upload:after")
    for number in range(1, 4):
        lake.publish("bob", f"b{number}", 5 + number)
        assert lake.owners() == [(".stats.staging-dead", "alice"), ("stats", "bob")]
    lake.publish("alice", "a1")
    assert (".stats.staging-dead", "alice") not in lake.owners()


def test_what_is_refused_just_before_the_claim_leaves_nothing(lake: Lake) -> None:
    lake.open_to_all(OPEN)
    lake.publish("alice", "a1")
    publish = lake.begin("bob", "b1")
    lake.open_to_all(STICKY)
    with pytest.raises(JobError, match="is of the user alice, and the sticky bit"):
        publish(6)
    assert lake.published() == ("a1", 5)
    assert lake.owners() == [("stats", "alice")]


@pytest.mark.parametrize(
    ("moment", "kill"),
    [
        ("set_aside", ""),
        ("rename", ""),
        ("set_aside", "publish.withdraw:before"),
        ("rename", "publish.withdraw:after"),
        ("rename", "publish.recover:before"),
        ("rename", "publish.recover:after"),
    ],
)
def test_what_is_refused_after_the_claim_is_never_published(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, moment: str, kill: str
) -> None:
    """The folder above is closed to the run once it was decided: for its renames, not for what takes the claim back. If
    it is killed before that, it is as any run that is killed once it was decided."""
    lake.open_to_all(OPEN)
    lake.publish("alice", "a1")
    publish = lake.begin("bob", "b1")
    move = webhdfs.WebHdfs.move
    end = "/.stats.previous" if moment == "set_aside" else "/stats"

    def closed(self: webhdfs.WebHdfs, file_id: int, path: str, *, at: str | None = None) -> bool:
        if at is not None or not path.endswith(end):
            return move(self, file_id, path, at=at)
        lake.as_user("hadoop").set_permission(lake.folder, "755")
        try:
            return move(self, file_id, path)
        finally:
            lake.as_user("hadoop").set_permission(lake.folder, OPEN)
            lake.as_user("bob")

    monkeypatch.setattr(webhdfs.WebHdfs, "move", closed)
    if kill:
        assert killed(lambda: publish(6), kill)
    else:
        with pytest.raises(JobError, match="no permission in HDFS"):
            publish(6)
        assert lake.owners() == [("stats", "alice")]
    monkeypatch.setattr(webhdfs.WebHdfs, "move", move)
    assert read_published(lake.target).run_id == "a1"
    lake.begin("alice", "a2")
    assert lake.published() == (("a1", 5) if kill in ("", "publish.withdraw:after") else ("b1", 6))
    lake.publish("bob", "b2", 7)
    lake.publish("alice", "a3", 8)
    assert not [name for name, _ in lake.owners() if not name.startswith((".stats.previous-", "stats"))]


@pytest.mark.parametrize("moment", ["publish.retire:before", "publish.retire:after", "publish.remove:before"])
def test_a_run_that_is_killed_as_it_leaves_another_users_result(lake: Lake, moment: str) -> None:
    lake.open_to_all(OPEN)
    lake.publish("alice", "a1")
    assert killed(lambda: lake.publish("bob", "b1", 6), moment)
    assert lake.published() == ("b1", 6)
    lake.publish("bob", "b2", 7)
    lake.publish("alice", "a2", 8)
    assert [owner for name, owner in lake.owners() if name != "stats"] == ["bob"]


def test_a_claim_that_meanwhile_another_run_has_ended_is_published(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user loses their right once it was decided, and another run brings it to its end before it is withdrawn."""
    lake.open_to_all(OPEN)
    lake.publish("alice", "a1")
    publish = lake.begin("bob", "b1")
    settled = Succession.settled
    calls: list[int] = []

    def refused(self: Succession) -> object:
        calls.append(1)
        if len(calls) == 2:  # the first is before the claim
            lake.begin("alice", "a2")
            lake.as_user("bob")
            raise HdfsError(DENIED, "Permission denied", 403)
        return settled(self)

    monkeypatch.setattr(Succession, "settled", refused)
    publish(6)
    assert len(calls) > 2
    assert lake.published() == ("b1", 6)


def test_a_claim_that_nobody_brings_to_its_end_is_lost(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.open_to_all(OPEN)
    lake.publish("alice", "a1")
    publish = lake.begin("bob", "b1")
    settled = Succession.settled
    monkeypatch.setattr(Succession, "settled", Succession.look)
    with pytest.raises(BusyError):
        publish(6)
    monkeypatch.setattr(Succession, "settled", settled)
    assert lake.published() == ("a1", 5)
    assert lake.owners() == [("stats", "alice")]


def test_the_group_stays(lake: Lake) -> None:
    lake.as_user("hadoop").set_group(lake.folder, "staff")
    lake.open_to_all(OPEN)
    lake.publish("alice", "a1")
    assert lake.status().group == "staff"
    lake.as_user("alice").set_group(lake.stats, "analysts")
    lake.as_user("alice").set_permission(lake.stats, "750")
    lake.begin("alice", "a2")(6)
    status = lake.status()
    assert (status.owner, status.group, status.permission) == ("alice", "analysts", "750")
    assert {one.group for one in lake.as_user("hadoop").listed(lake.stats)} == {"analysts"}
    assert read_published(lake.target).run_id == "a2"
    lake.begin("hadoop", "h1")(7)
    assert lake.status().group == "analysts"
    assert lake.owners() == [("stats", "hadoop")]


def test_a_group_that_the_new_folder_could_not_have_is_refused_before_any_work(lake: Lake) -> None:
    lake.as_user("hadoop").set_group(lake.folder, "staff")
    lake.open_to_all(OPEN)
    lake.publish("bob", "b1")
    publish = lake.begin("bob", "b2")
    lake.as_user("hadoop").set_group(lake.stats, "analysts")
    lake.as_user("hadoop").set_permission(lake.stats, "755")
    refusal = (
        f"{lake.target}: is of the group analysts, which the folder put in its place could not have; "
        "run as a user of that group, or give it to another with hadoop fs -chgrp"
    )
    with pytest.raises(UsageError) as meanwhile:
        publish(6)
    assert str(meanwhile.value) == refusal
    with pytest.raises(UsageError) as refused:
        lake.begin("bob", "b3")
    assert str(refused.value) == refusal
    assert lake.published() == ("b1", 5)
    assert lake.owners() == [("stats", "bob")]
    lake.publish("alice", "a1", 6)
    assert (lake.status().owner, lake.status().group) == ("alice", "analysts")
