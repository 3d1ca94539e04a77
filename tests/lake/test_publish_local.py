"""Publishing to folders: whole or not at all, refused before any work, and readable by anyone."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jobs.errors import BusyError, InputError, JobError, UsageError
from jobs.lake import parts, publish_local
from jobs.lake.manifest import Manifest
from jobs.lake.publish import Publication, prune
from jobs.lake.published import open_published, read_published
from tests.lake.forked import killed
from tests.lake.results import SCHEMA, result


def _publish(target: Path | str, table: pa.Table, run_id: str = "run-1", **options: Any) -> Manifest:
    publication = Publication(
        str(target), options.get("output", "csv"), overwrite=options.get("overwrite", False), run_id=run_id
    )
    publication.check()
    return publication.publish(
        SCHEMA, [table], {"job": "daily_stats"}, scratch=Path("/nonexistent"), keys=("device_id",)
    )


def test_parts_that_the_target_size_leaves_no_room_for(tmp_path: Path) -> None:
    """Parquet's mark alone reaches it: each part has the step with which it does."""
    table = result(3).append_column("day", result(3)["date"]).select(["day", *SCHEMA.names])
    layout = parts.Layout("day", 1, ("device_id",))
    written = list(parts.write_parts(tmp_path, [table], SCHEMA, "parquet", layout=layout))
    assert [(file.folder, file.rows) for file in written] == [(f"dt=1969-12-{day}/", 1) for day in (27, 28, 29)]


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _read(target: Path | str) -> pa.Table:
    return pa.concat_tables(open_published(str(target)))


@pytest.mark.parametrize("output", ["csv", "jsonl", "parquet"])
def test_what_is_published_reads_back(tmp_path: Path, output: str) -> None:
    manifest = _publish(tmp_path / "new" / "stats", result(100), output=output)
    assert _read(tmp_path / "new" / "stats").equals(result(100))
    assert read_published(str(tmp_path / "new" / "stats")) == manifest
    assert _names(tmp_path / "new") == ["stats"]


def test_success_names_parts_with_size_rows_and_checksum(tmp_path: Path) -> None:
    _publish(tmp_path / "stats", result(3))
    data = json.loads((tmp_path / "stats" / "_SUCCESS").read_text())
    part = (tmp_path / "stats" / "part-00000.csv").read_bytes()
    assert data["parts"] == [
        {"name": "part-00000.csv", "size": len(part), "rows": 3, "sha256": hashlib.sha256(part).hexdigest()}
    ]
    assert (data["run_id"], data["job"], data["rows"], data["format"]) == ("run-1", "daily_stats", 3, "csv")
    assert data["columns"][0] == {"name": "device_id", "type": "string"}


def test_parts_are_cut_by_rows_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 40)
    published = []
    for number, sizes in enumerate(([100], [1] * 100, [40, 40, 20], [39, 2, 59], [100, 0])):
        target = tmp_path / str(number)
        publication = Publication(str(target), "parquet", overwrite=False, run_id="r")
        publication.check()
        cut = [result(100).slice(sum(sizes[:i]), size) for i, size in enumerate(sizes)]
        publication.publish(SCHEMA, cut, {}, scratch=tmp_path)
        published.append({path.name: path.read_bytes() for path in target.glob("part-*")})
    assert [len(one) for one in published] == [3] * 5
    assert all(one == published[0] for one in published)
    assert sorted(published[0]) == [f"part-0000{n}-r.parquet" for n in range(3)]
    assert _read(tmp_path / "0").equals(result(100))


def test_an_empty_result_is_a_result(tmp_path: Path) -> None:
    _publish(tmp_path / "stats", result(0))
    assert (tmp_path / "stats" / "part-00000.csv").read_text() == ",".join(SCHEMA.names) + "\n"
    assert read_published(str(tmp_path / "stats")).rows == 0


@pytest.mark.parametrize("can_exchange", [True, False])
def test_overwriting_replaces_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_exchange: bool) -> None:
    if not can_exchange:
        monkeypatch.setattr(publish_local, "exchange", lambda one, other: False)
    monkeypatch.setattr(parts, "PART_ROWS", 40)
    _publish(tmp_path / "stats", result(100))
    (tmp_path / "stats").chmod(0o750)
    _publish(tmp_path / "stats", result(30), "run-2", overwrite=True)
    assert _names(tmp_path / "stats") == ["_SUCCESS", "part-00000.csv"]
    assert (tmp_path / "stats").stat().st_mode & 0o777 == 0o750
    assert _names(tmp_path) == ["stats"]
    assert _read(tmp_path / "stats").equals(result(30))


@pytest.fixture
def group() -> int:
    """A group that is not ours first of all, to which we may give files."""
    others = {os.getegid() + 1} if os.geteuid() == 0 else {*os.getgroups()} - {os.getegid()}
    if not others:
        pytest.skip("needs root, or a user of two groups")
    return min(others)


@pytest.mark.parametrize("can_exchange", [True, False])
def test_the_group_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: int, can_exchange: bool) -> None:
    if not can_exchange:
        monkeypatch.setattr(publish_local, "exchange", lambda one, other: False)
    target = tmp_path / "stats"
    _publish(target, result(5))
    os.chown(target, -1, group)
    target.chmod(0o2750)
    _publish(target, result(6), "run-2", overwrite=True)
    assert target.stat().st_mode & 0o7777 == 0o2750
    assert {path.stat().st_gid for path in (target, *target.iterdir())} == {group}
    assert _names(tmp_path) == ["stats"]


def test_a_group_that_the_new_folder_could_not_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: int
) -> None:
    """It is refused before any work, where the group may read what others may not."""
    target = tmp_path / "stats"
    _publish(target, result(5))
    os.chown(target, -1, group)

    def refused(*arguments: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refused)
    target.chmod(0o775)
    _publish(target, result(6), "run-2", overwrite=True)
    assert _read(target).equals(result(6))
    monkeypatch.undo()
    os.chown(target, -1, group)
    target.chmod(0o750)
    monkeypatch.setattr(os, "chown", refused)
    with pytest.raises(UsageError) as kept:
        Publication(str(target), "csv", overwrite=True, run_id="run-3").check()
    assert str(kept.value) == (
        f"{target}: is readable by the group {publish_local._group(group)}, which the folder put in its place could "
        "not have; run as a user of that group, or give it to another with chgrp"
    )
    assert _read(target).equals(result(6))
    assert _names(tmp_path) == ["stats"]


def test_targets_that_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    _publish(tmp_path / "stats", result(1))
    _publish(tmp_path / "mixed", result(1))
    (tmp_path / "mixed" / "notes.txt").write_text("")
    (tmp_path / "hadoop").mkdir()
    (tmp_path / "hadoop" / "_SUCCESS").write_text("")
    monkeypatch.chdir(tmp_path)

    def refusal(target: str, *, overwrite: bool) -> str:
        with pytest.raises(UsageError) as refused:
            Publication(target, "csv", overwrite=overwrite, run_id="r").check()
        return str(refused.value)

    add = "is not empty; add --overwrite to replace what is published there"
    assert refusal("stats", overwrite=False) == f"stats: {add}"
    assert refusal("mine/", overwrite=False) == f"mine/: {add}"
    remove = "remove it yourself, or name another place"
    assert refusal("mine", overwrite=True) == f"mine: holds what no run of this suite published (thesis.tex); {remove}"
    assert refusal("mixed", overwrite=True) == f"mixed: holds what no run of this suite published (notes.txt); {remove}"
    assert (
        refusal("hadoop", overwrite=True) == f"hadoop: holds what no run of this suite published (_SUCCESS); {remove}"
    )
    assert refusal("file", overwrite=True) == "file: is a file; name a folder"
    assert refusal("/", overwrite=True) == "/: is the root of a file system; name a folder below it"
    assert refusal(".", overwrite=True) == ".: is the current folder; name a folder below it, such as ./stats"
    assert refusal("-", overwrite=True) == "-: standard output is no place to publish to; name a folder"
    assert refusal("ftp://x/y", overwrite=True).startswith("ftp://x/y: there is no storage ftp://; use a path or")
    assert (tmp_path / "mine" / "thesis.tex").exists()


def test_a_folder_of_another_is_refused_before_any_work(tmp_path: Path) -> None:
    """Root may write everywhere: the check runs as nobody."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o777 == 0o700:
            folder.chmod(0o755)  # pytest keeps its folders to their owner
    publication = Publication(str(tmp_path / "a" / "b"), "csv", overwrite=False, run_id="r")

    def check() -> None:
        if os.geteuid() == 0:
            os.setuid(65534)
        else:
            tmp_path.chmod(0o555)
        with pytest.raises(JobError) as refused:
            publication.check()
        assert str(refused.value) == (
            f"{tmp_path}/a/b: no permission to write in {tmp_path}; name a folder below one of your own"
        )

    assert not killed(check, "nowhere")
    tmp_path.chmod(0o755)


def test_the_slower_of_two_runs_publishes_nothing(tmp_path: Path) -> None:
    target = str(tmp_path / "stats")
    _publish(target, result(5))
    slow = Publication(target, "csv", overwrite=True, run_id="slow")
    slow.check()
    _publish(target, result(6), "fast", overwrite=True)
    with pytest.raises(BusyError) as lost:
        slow.publish(SCHEMA, [result(7)], {}, scratch=tmp_path)
    assert str(lost.value) == (
        f"{target}: another run published there meanwhile, so nothing was published; run again if need be"
    )
    assert _read(target).equals(result(6))
    assert _names(tmp_path) == ["stats"]


def test_what_others_put_there_meanwhile_is_not_removed(tmp_path: Path) -> None:
    target = tmp_path / "stats"
    publication = Publication(str(target), "csv", overwrite=True, run_id="r")
    publication.check()
    target.mkdir()
    (target / "precious").write_text("x")
    with pytest.raises(UsageError, match="precious"):
        publication.publish(SCHEMA, [result(7)], {}, scratch=tmp_path)
    assert _names(target) == ["precious"]


def test_a_failing_result_leaves_the_earlier_one(tmp_path: Path) -> None:
    target = tmp_path / "stats"
    _publish(target, result(5))
    publication = Publication(str(target), "csv", overwrite=True, run_id="r")
    publication.check()

    def failing() -> Any:
        yield result(1)
        raise InputError("changed while it was read", where="x.csv")

    with pytest.raises(InputError):
        publication.publish(SCHEMA, failing(), {}, scratch=tmp_path)
    assert _read(target).equals(result(5))
    assert _names(tmp_path) == ["stats"]


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = Path("/dev/full")
    if not small.exists():
        pytest.skip("there is no /dev/full")
    publication = Publication(str(tmp_path / "stats"), "csv", overwrite=False, run_id="r")
    publication.check()

    def filled() -> Any:
        [staging] = tmp_path.glob(".stats.staging-*")
        (staging / "00000.csv").unlink()
        yield result(1)
        # the next part's file is a device that is always full
        (staging / "00001.csv").symlink_to(small)
        yield result(1)

    monkeypatch.setattr(parts, "PART_ROWS", 1)
    with pytest.raises(JobError, match="cannot be written: "):
        publication.publish(SCHEMA, filled(), {}, scratch=tmp_path)
    assert _names(tmp_path) == []


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "stats").symlink_to(tmp_path / "real")
    _publish(tmp_path / "stats", result(5))
    assert (tmp_path / "stats").is_symlink()
    assert _read(tmp_path / "real").equals(result(5))


@pytest.mark.parametrize("can_exchange", [True, False])
def test_readers_see_one_result_whole_while_it_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_exchange: bool
) -> None:
    if not can_exchange:
        monkeypatch.setattr(publish_local, "exchange", lambda one, other: False)
    monkeypatch.setattr(parts, "PART_ROWS", 7)
    target = tmp_path / "stats"
    _publish(target, result(20))
    done = threading.Event()
    failures: list[BaseException] = []
    seen: set[int] = set()

    def reader() -> None:
        while not done.is_set():
            try:
                table = _read(target)
                assert table.equals(result(table.num_rows))
                seen.add(table.num_rows)
            except BaseException as error:
                failures.append(error)
                return

    thread = threading.Thread(target=reader)
    thread.start()
    for number in range(40):
        _publish(target, result(20 + number % 5), f"run-{number}", overwrite=True)
    done.set()
    thread.join()
    assert not failures
    assert len(seen) > 1


def test_prune_leaves_living_runs_alone(tmp_path: Path) -> None:
    target = tmp_path / "stats"
    _publish(target, result(2))
    (tmp_path / ".stats.staging-dead").mkdir()
    publication = Publication(str(target), "csv", overwrite=True, run_id="living")
    publication.check()
    (tmp_path / ".stats.staging-dead").mkdir(exist_ok=True)
    pruned = []

    def tables() -> Any:
        (tmp_path / ".stats.staging-dead").mkdir(exist_ok=True)
        pruned.extend(prune(str(target)))
        yield result(4)

    publication.publish(SCHEMA, tables(), {}, scratch=tmp_path)
    assert pruned == [".stats.staging-dead"]
    assert _read(target).equals(result(4))


def test_nothing_published(tmp_path: Path) -> None:
    with pytest.raises(InputError) as missing:
        read_published(str(tmp_path / "x"))
    assert str(missing.value) == f"{tmp_path}/x: nothing is published there; check the name"
    (tmp_path / "_SUCCESS").write_text("{}")
    with pytest.raises(InputError) as strange:
        read_published(str(tmp_path))
    assert str(strange.value) == f"{tmp_path}: its _SUCCESS is not of this suite; read its files by name"


def test_a_damaged_result_is_told(tmp_path: Path) -> None:
    _publish(tmp_path / "stats", result(5))
    (tmp_path / "stats" / "part-00000.csv").write_text("short")
    with pytest.raises(InputError, match="is damaged: parts are missing or of another size; publish it again"):
        open_published(str(tmp_path / "stats"))
