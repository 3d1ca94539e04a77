"""Publishing to S3: fenced by _SUCCESS, one object replaced by one put, old parts gone after their grace."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jobs.errors import BusyError, JobError, UsageError
from jobs.lake import parts, publish_s3, s3_client
from jobs.lake.manifest import Manifest
from jobs.lake.publish import Publication, prune
from jobs.lake.published import open_published, read_published
from tests.lake.faulty_proxy import faulty_proxy, reset
from tests.lake.results import SCHEMA, result
from tests.servers import S3Server

pytestmark = pytest.mark.s3

TARGET = "s3://lake/stats/daily/"


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 10)


@pytest.fixture
def lake(s3: S3Server) -> Any:
    client = s3.client()
    client.create_bucket(Bucket="lake")
    return client


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    assert list(tmp_path.iterdir()) == [], "something is left in the scratch folder"


def _publication(run_id: str, *, overwrite: bool = True, output: Any = "csv", target: str = TARGET) -> Publication:
    publication = Publication(target, output, overwrite=overwrite, run_id=run_id)
    publication.check()
    return publication


def _publish(rows: int, run_id: str, scratch: Path, **options: Any) -> Manifest:
    publication = _publication(run_id, **options)
    return publication.publish(SCHEMA, [result(rows)], {"job": "daily_stats"}, scratch=scratch, keys=("device_id",))


def _names(lake: Any) -> list[str]:
    found = lake.list_objects_v2(Bucket="lake").get("Contents", [])
    return [entry["Key"].removeprefix("stats/daily/") for entry in found]


def _rows(target: str = TARGET) -> int:
    table = pa.concat_tables(open_published(target))
    assert table.equals(result(table.num_rows))
    return int(table.num_rows)


@pytest.mark.parametrize("output", ["csv", "jsonl", "parquet"])
def test_what_is_published_reads_back(lake: Any, scratch: Path, output: str) -> None:
    manifest = _publish(25, "run-1", scratch, output=output)
    assert _names(lake) == ["_SUCCESS", *(f"part-0000{n}-run-1.{output}" for n in range(3))]
    assert read_published(TARGET) == manifest
    assert _rows() == 25


@pytest.mark.parametrize("target", ["s3://lake", "s3://lake/", "s3://lake/a b/ü", "s3://lake/a b/ü/"])
def test_targets(lake: Any, scratch: Path, target: str) -> None:
    _publish(5, "run-1", scratch, target=target)
    assert _rows(target) == 5


def test_one_part_keeps_its_name(lake: Any, scratch: Path) -> None:
    for rows in (5, 6, 6, 7):
        _publish(rows, f"run-{time.monotonic_ns()}", scratch)
        assert _names(lake) == ["_SUCCESS", "part-00000.csv"]
        assert _rows() == rows
        assert read_published(TARGET).pending == ()


def test_a_replaced_result_stays_for_its_grace(lake: Any, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _publish(25, "a", scratch)
    slow = open_published(TARGET)
    _publish(15, "b", scratch)
    old = [f"part-0000{n}-a.csv" for n in range(3)]
    new = [f"part-0000{n}-b.csv" for n in range(2)]
    assert _names(lake) == sorted(["_SUCCESS", *old, *new])
    assert pa.concat_tables(slow).equals(result(25))
    assert prune(TARGET) == []
    assert prune(TARGET, older_than=0) == old
    assert _names(lake) == ["_SUCCESS", *new]
    monkeypatch.setattr(publish_s3, "GRACE_SECONDS", 0.0)
    _publish(5, "c", scratch)
    time.sleep(1.1)  # S3 tells the time in seconds
    _publish(5, "d", scratch)
    assert _names(lake) == ["_SUCCESS", "part-00000.csv"]
    assert _rows() == 5


def test_what_killed_runs_left_goes(lake: Any, scratch: Path) -> None:
    lake.put_object(Bucket="lake", Key="stats/daily/part-00003-dead.csv", Body=b"x")
    _publish(5, "first", scratch, overwrite=False)
    assert _rows() == 5
    time.sleep(1.1)
    _publish(6, "second", scratch)
    assert _names(lake) == ["_SUCCESS", "part-00000.csv"]


def test_parts_of_a_run_under_way_stay(lake: Any, scratch: Path) -> None:
    _publish(25, "first", scratch)
    time.sleep(1.1)
    lake.put_object(Bucket="lake", Key="stats/daily/part-00000-alive.csv", Body=b"x")
    assert prune(TARGET, older_than=0) == []
    assert "part-00000-alive.csv" in _names(lake)


@pytest.mark.parametrize(
    ("before", "slow_rows", "fast_rows"), [(0, 5, 6), (0, 25, 35), (5, 6, 7), (5, 6, 25), (25, 35, 5)]
)
def test_the_slower_of_two_runs_publishes_nothing(
    lake: Any, tmp_path: Path, before: int, slow_rows: int, fast_rows: int
) -> None:
    if before:
        _publish(before, "before", tmp_path)
    slow = _publication("slow")
    _publish(fast_rows, "fast", tmp_path)
    with pytest.raises(BusyError) as lost:
        slow.publish(SCHEMA, [result(slow_rows)], {}, scratch=tmp_path)
    assert str(lost.value) == (
        f"{TARGET}: another run published there meanwhile, so nothing was published; run again if need be"
    )
    assert _rows() == fast_rows
    assert read_published(TARGET).run_id == "fast"


def test_a_run_that_stops_between_announcing_and_putting(
    lake: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three runs that replace one object, the second to announce it wins, whatever the first still does."""
    _publish(5, "before", tmp_path)
    sleeper = _publication("sleeper")
    target = sleeper._target
    assert isinstance(target, publish_s3.S3Target)
    put_part = target._put_part

    def sleeping(*args: Any) -> None:
        _publish(7, "other", tmp_path)
        assert _rows() == 7
        put_part(*args)

    monkeypatch.setattr(target, "_put_part", sleeping)
    with pytest.raises(BusyError):
        sleeper.publish(SCHEMA, [result(6)], {}, scratch=tmp_path)
    assert (_rows(), read_published(TARGET).run_id) == (7, "other")


def test_a_put_whose_answer_is_lost_is_no_lost_race(
    s3: S3Server, lake: Any, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with faulty_proxy(s3.url) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        s3_client.forget()
        for pattern in ("PUT .*/part-", "PUT .*/_SUCCESS"):
            for rows in (5, 6, 25):
                proxy.pattern, proxy.faults, proxy.happened = pattern, [reset], 0
                _publish(rows, f"run-{time.monotonic_ns()}", scratch)
                assert proxy.happened == 1
                assert _rows() == rows
    s3_client.forget()


def test_targets_that_are_refused(lake: Any, scratch: Path) -> None:
    def refusal(*, overwrite: bool) -> str:
        with pytest.raises(UsageError) as refused:
            _publication("r", overwrite=overwrite)
        return str(refused.value)

    _publish(5, "a", scratch)
    assert refusal(overwrite=False) == f"{TARGET}: is not empty; add --overwrite to replace what is published there"
    lake.put_object(Bucket="lake", Key="stats/daily/deep/notes.txt", Body=b"")
    foreign = f"{TARGET}: holds what no run of this suite published (%s); remove it yourself, or name another place"
    assert refusal(overwrite=True) == foreign % "deep/notes.txt"
    assert refusal(overwrite=False).startswith(f"{TARGET}: is not empty")
    lake.delete_object(Bucket="lake", Key="stats/daily/deep/notes.txt")
    lake.put_object(Bucket="lake", Key="stats/daily/_SUCCESS", Body=b"")
    assert refusal(overwrite=True) == foreign % "_SUCCESS"
    with pytest.raises(JobError) as missing:
        _publication("r", target="s3://no-such-lake/x/")
    assert str(missing.value) == (
        "s3://no-such-lake/x/: there is no bucket no-such-lake; "
        "check its name, and that the credentials are of the right account"
    )


def test_success_is_json_with_provenance(lake: Any, scratch: Path) -> None:
    _publish(25, "a", scratch)
    _publish(5, "b", scratch)
    data = json.loads(lake.get_object(Bucket="lake", Key="stats/daily/_SUCCESS")["Body"].read())
    assert (data["run_id"], data["job"], data["rows"]) == ("b", "daily_stats", 5)
    assert [part["name"] for part in data["parts"]] == ["part-00000.csv"]
    assert [old["name"] for old in data["superseded"]] == [f"part-0000{n}-a.csv" for n in range(3)]
