"""Kill -9 before and after every durable operation: the earlier result or the new one, never less; a rerun works."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jobs.errors import InputError, UsageError
from jobs.hadoop.cluster import Cluster
from jobs.lake import parts, publish_local, webhdfs
from jobs.lake.durable import STEPS
from jobs.lake.publish import Publication
from jobs.lake.published import open_published
from tests.lake.forked import killed
from tests.lake.results import SCHEMA, result
from tests.servers import S3Server

NOTHING, ONE, ONE_MORE, SEVERAL, SEVERAL_MORE = -1, 5, 6, 30, 35
"""Results by their rows: a part holds ten."""

_FOLDER = {"publish.stage", "publish.part", "publish.success", "publish.remove"}
_S3 = {"publish.part", "publish.put_part", "publish.put_success", "publish.delete"}
FOLDER_CASES = [
    (NOTHING, ONE, True, (_FOLDER | {"publish.rename"}) - {"publish.remove"}),
    (ONE, ONE_MORE, True, _FOLDER | {"publish.exchange"}),
    (SEVERAL, SEVERAL_MORE, True, _FOLDER | {"publish.exchange"}),
    (SEVERAL, SEVERAL_MORE, False, _FOLDER | {"publish.exchange", "publish.set_aside", "publish.rename"}),
]
_HDFS = {"publish.stage", "publish.part", "publish.upload", "publish.claim", "publish.rename"}
HDFS_CASES = [
    (NOTHING, ONE, _HDFS),
    (SEVERAL, SEVERAL_MORE, _HDFS | {"publish.set_aside", "publish.remove"}),
]
S3_CASES = [
    (NOTHING, ONE, _S3),
    (SEVERAL, SEVERAL_MORE, _S3),
    (ONE, ONE_MORE, _S3 | {"publish.put_pending"}),
    (SEVERAL, ONE, _S3),
    (ONE, SEVERAL, _S3),
]


def _moments(operations: set[str]) -> list[str]:
    return [f"{name}:{when}" for name in sorted(operations) for when in ("before", "after")]


def test_every_operation_is_tried() -> None:
    tried = [*(case[3] for case in FOLDER_CASES), *(case[2] for case in [*S3_CASES, *HDFS_CASES]), {"publish.recover"}]
    elsewhere = {"publish.withdraw", "publish.retire"}  # where HDFS has several users
    assert elsewhere.union(*tried) == set(STEPS)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 10)


def _publish(target: str, rows: int, run_id: str, scratch: Path, *, overwrite: bool = True) -> None:
    publication = Publication(target, "csv", overwrite=overwrite, run_id=run_id)
    publication.check()
    publication.publish(SCHEMA, [result(rows)], {}, scratch=scratch)


def _rows(target: str) -> int:
    """How many rows are published. Fails for anything that is no whole result."""
    try:
        table = pa.concat_tables(open_published(target))
    except InputError as error:
        assert "nothing is published" in str(error)
        return NOTHING
    assert table.equals(result(table.num_rows))
    return int(table.num_rows)


def _listed(folder: Path) -> int:
    """How many rows someone finds who reads all files of the folder."""
    if not folder.is_dir():
        return NOTHING
    return sum(path.read_text().count("T") for path in folder.glob("part-*.csv"))


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new", "can_exchange", "operations"), FOLDER_CASES)
def test_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: int, new: int, can_exchange: bool, operations: set[str]
) -> None:
    if not can_exchange:
        monkeypatch.setattr(publish_local, "exchange", lambda one, other: False)
    for moment in _moments(operations):
        folder = tmp_path / moment / "stats"
        target = str(folder)
        if old != NOTHING:
            _publish(target, old, "old", tmp_path)
        assert killed(lambda: _publish(target, new, "new", tmp_path), moment)  # noqa: B023 - runs at once
        assert _rows(target) in (old, new)
        if can_exchange:
            assert _listed(folder) in (old, new)
        _publish(target, new, "again", tmp_path)
        assert _rows(target) == _listed(folder) == new
        assert [path.name for path in folder.parent.iterdir()] == ["stats"]


@pytest.mark.parametrize("moment", ["publish.recover:before", "publish.recover:after"])
def test_a_folder_whose_recovery_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    monkeypatch.setattr(publish_local, "exchange", lambda one, other: False)
    target = str(tmp_path / "stats")
    _publish(target, SEVERAL, "old", tmp_path)
    assert killed(lambda: _publish(target, SEVERAL_MORE, "new", tmp_path), "publish.set_aside:after")
    assert not (tmp_path / "stats").exists()
    assert _rows(target) == SEVERAL
    assert killed(lambda: _publish(target, SEVERAL_MORE, "newer", tmp_path), moment)
    assert _rows(target) == SEVERAL
    _publish(target, SEVERAL_MORE, "newest", tmp_path)
    assert _rows(target) == SEVERAL_MORE
    assert [path.name for path in tmp_path.iterdir()] == ["stats"]


@pytest.mark.s3
@pytest.mark.slow
@pytest.mark.parametrize(("old", "new", "operations"), S3_CASES)
def test_a_prefix_of_s3(tmp_path: Path, s3: S3Server, old: int, new: int, operations: set[str]) -> None:
    lake = s3.client()
    lake.create_bucket(Bucket="lake")
    moments = _moments(operations)
    for moment in moments:
        if old != NOTHING:
            _publish(f"s3://lake/{moment}/", old, "old", tmp_path)
        lake.put_object(Bucket="lake", Key=f"{moment}/part-00007-dead.csv", Body=b"of a run that was killed")
    time.sleep(1.1)  # S3 tells the time in seconds
    for number, moment in enumerate(moments):
        target = f"s3://lake/{moment}/"
        assert killed(lambda: _publish(target, new, f"new{number}", tmp_path), moment)  # noqa: B023 - runs at once
        assert _rows(target) in (old, new)
        if (old, new) == (ONE, ONE_MORE):
            assert _object(lake, f"{moment}/part-00000.csv").count(b"T") in (old, new)
        _publish(target, new, f"again{number}", tmp_path)
        assert _rows(target) == new


@pytest.mark.hadoop
@pytest.mark.slow
@pytest.mark.xdist_group("hadoop")
@pytest.mark.parametrize(("old", "new", "operations"), HDFS_CASES)
def test_a_folder_in_hdfs(tmp_path: Path, hadoop: Cluster, old: int, new: int, operations: set[str]) -> None:
    place = f"/killed/{secrets.token_hex(4)}"
    for number, moment in enumerate(_moments(operations)):
        above = f"{place}/{number}"
        target = f"hdfs://{above}/stats"
        if old != NOTHING:
            _publish(target, old, f"old{number}", tmp_path)
        assert killed(lambda: _publish(target, new, f"new{number}", tmp_path), moment)  # noqa: B023 - runs at once
        assert _rows(target) in (old, new)
        assert _listed_in_hdfs(target) in (old, new, NOTHING)
        _publish(target, new, f"again{number}", tmp_path)
        assert _rows(target) == _listed_in_hdfs(target) == new
        assert [one.name for one in webhdfs.client(target).listed(above)] == ["stats"]


def _publish_again(place: str, rows: int, operations: set[str], scratch: Path) -> None:
    """Of the run that was killed itself, which may replace nothing; of no other."""
    for number, moment in enumerate(_moments(operations)):
        target, run = f"{place}/{number}/stats", f"run{number}"
        assert killed(lambda: _publish(target, rows, run, scratch / f"killed{number}", overwrite=False), moment)  # noqa: B023 - runs at once
        _publish(target, rows, run, scratch, overwrite=False)
        assert _rows(target) == rows
        with pytest.raises(UsageError, match="is not empty"):
            _publish(target, rows, "other", scratch, overwrite=False)


@pytest.mark.s3
@pytest.mark.slow
@pytest.mark.parametrize("rows", [ONE, SEVERAL])
def test_what_the_killed_run_itself_publishes(tmp_path: Path, s3: S3Server, rows: int) -> None:
    s3.client().create_bucket(Bucket="lake")
    _publish_again("s3://lake", rows, _S3 - {"publish.delete"}, tmp_path / "s3")
    _publish_again(str(tmp_path), rows, (_FOLDER | {"publish.rename"}) - {"publish.remove"}, tmp_path / "scratch")


@pytest.mark.hadoop
@pytest.mark.slow
@pytest.mark.full
@pytest.mark.xdist_group("hadoop")
@pytest.mark.parametrize("rows", [ONE, SEVERAL])
def test_what_the_killed_run_itself_publishes_in_hdfs(tmp_path: Path, hadoop: Cluster, rows: int) -> None:
    _publish_again(f"hdfs:///killed/{secrets.token_hex(4)}", rows, _HDFS, tmp_path)


def _listed_in_hdfs(target: str) -> int:
    """How many rows someone finds who reads all files of the folder; after a kill it may be set aside."""
    hdfs, path = webhdfs.client(target), webhdfs.split_uri(target)[1]
    if hdfs.status(path) is None:
        return NOTHING
    names = [one.name for one in hdfs.listed(path) if one.name.startswith("part-")]
    return sum(hdfs.read(f"{path}/{name}").count(b"T") for name in names)


def _object(lake: Any, key: str) -> bytes:
    data: bytes = lake.get_object(Bucket="lake", Key=key)["Body"].read()
    return data
