"""mrjob's file operations over WebHDFS mean what `hadoop fs` means."""

from __future__ import annotations

import gzip
import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.engine.hdfs_files import HdfsFiles
from jobs.errors import InputError, JobError
from jobs.hadoop.cluster import Cluster
from jobs.lake import remote
from tests.hadoop.faults import blocks, damage
from tests.lake.faulty_proxy import Fault, Faults, cut_in_half, faulty_hdfs, no_body, reset

pytestmark = [pytest.mark.hadoop, pytest.mark.slow, pytest.mark.xdist_group("hadoop-jobs")]


@pytest.fixture
def files(hadoop: Cluster, monkeypatch: pytest.MonkeyPatch) -> HdfsFiles:
    """Files whose command must not be called."""

    def refuse(self: HdfsFiles, args: list[str], **_: object) -> None:
        raise AssertionError(f"hadoop {' '.join(args)} was called")

    monkeypatch.setattr(HdfsFiles, "invoke_hadoop", refuse)
    return HdfsFiles()


@pytest.fixture
def folder(files: HdfsFiles) -> str:
    """An empty folder."""
    uri = f"hdfs:///test-{uuid.uuid4().hex}"
    files.mkdir(uri)
    return uri


def _put(files: HdfsFiles, uri: str, content: bytes, tmp_path: Path) -> str:
    source = tmp_path / uuid.uuid4().hex
    source.write_bytes(content)
    files.put(str(source), uri)
    return uri


def test_version_is_that_of_the_command(files: HdfsFiles, hadoop: Cluster) -> None:
    done = subprocess.run(["hadoop", "version"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == f"Hadoop {files.get_hadoop_version()}"


def test_files_come_back(files: HdfsFiles, folder: str, tmp_path: Path) -> None:
    whole, packed = _put(files, f"{folder}/a.txt", b"1\n2\n", tmp_path), _put(files, f"{folder}/e", b"", tmp_path)
    assert b"".join(files.cat(whole)) == b"1\n2\n"
    assert b"".join(files.cat(packed)) == b""
    _put(files, f"{folder}/b.gz", gzip.compress(b"3\n"), tmp_path)
    assert b"".join(files.cat(f"{folder}/b.gz")) == b"3\n"  # as mrjob has it
    assert list(files.cat(f"{folder}/[ab]*")) == [b"1\n", b"2\n", b"", b"3\n"]
    with pytest.raises(OSError, match=r"^Could not stream hdfs://.*/none: no such file"):
        b"".join(files._cat_file(f"{folder}/none"))


@pytest.fixture
def data_node(hadoop: Cluster, files: HdfsFiles, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    """A proxy to the DataNode."""
    with faulty_hdfs(hadoop) as (name, data):
        monkeypatch.setenv("JOBS_WEBHDFS", name.url)
        monkeypatch.setattr(remote, "LONGEST_PAUSE", 0.05)
        yield data


@pytest.mark.parametrize("fault", [cut_in_half, no_body, reset])
def test_an_answer_that_breaks_off_is_taken_up(
    files: HdfsFiles, folder: str, tmp_path: Path, data_node: Faults, fault: Fault
) -> None:
    lines = [b"%d\n" % number for number in range(100_000)]
    uri = _put(files, f"{folder}/a", b"".join(lines), tmp_path)
    data_node.faults = [fault, fault]
    assert list(files._cat_file(uri)) == lines
    assert data_node.happened == 2


@pytest.mark.full
def test_a_result_of_which_blocks_are_damaged_is_none(
    hadoop: Cluster, files: HdfsFiles, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "LONGEST_PAUSE", 0.05)
    uri = _put(files, f"{folder}/a", b"a\n" * 100_000, tmp_path)
    ((replica,),) = blocks(hadoop, uri.removeprefix("hdfs://"))
    damage(replica, 100_000)
    shown = subprocess.run(["hadoop", "fs", "-cat", uri], capture_output=True, text=True, check=False)
    assert "Checksum" in shown.stderr
    with pytest.raises(JobError, match=f"^{re.escape(uri)}: ") as told:
        list(files._cat_file(uri))
    assert not isinstance(told.value, InputError), "it is no input"
    files.rm(folder)


def test_listing(files: HdfsFiles, folder: str, tmp_path: Path) -> None:
    for name in ("part-0", "part-1", "_SUCCESS", ".hidden", "in/deep/x y+z"):
        files.mkdir(f"{folder}/in/deep")
        _put(files, f"{folder}/{name}", b"abc", tmp_path)
    assert sorted(files.ls(folder)) == [
        f"{folder}/{name}" for name in (".hidden", "_SUCCESS", "in/deep/x y+z", "part-0", "part-1")
    ]
    assert sorted(files.ls(f"{folder}/part-*")) == [f"{folder}/part-0", f"{folder}/part-1"]
    assert list(files.ls(f"{folder}/*/d??p/*")) == [f"{folder}/in/deep/x y+z"]
    assert list(files.ls(f"{folder}/none*")) == list(files.ls(f"{folder}/none")) == []
    assert files.du(folder) == 15
    assert files.du(f"{folder}/part-*") == 6
    assert files.du(f"{folder}/none") == 0


def test_exists(files: HdfsFiles, folder: str, tmp_path: Path) -> None:
    _put(files, f"{folder}/a", b"", tmp_path)
    names = {"": True, "/": True, "/a": True, "/b": False, "/?": True, "/b*": False, "/a/below": False}
    assert {name: files.exists(folder + name) for name in names} == names


def test_nothing_is_overwritten(files: HdfsFiles, folder: str, tmp_path: Path) -> None:
    _put(files, f"{folder}/a", b"first", tmp_path)
    with pytest.raises(OSError, match=r"^Could not put hdfs://.*/a: .* is there already"):
        _put(files, f"{folder}/a", b"second", tmp_path)
    with pytest.raises(OSError, match=r"^Could not put hdfs://.*/no/a: "):
        _put(files, f"{folder}/no/a", b"", tmp_path)
    with pytest.raises(ValueError, match="may not be a directory"):
        _put(files, f"{folder}/", b"", tmp_path)
    with pytest.raises(OSError, match=r"is not an empty file"):
        files.touchz(f"{folder}/a")
    assert b"".join(files.cat(f"{folder}/a")) == b"first"
    files.touchz(f"{folder}/new")
    files.touchz(f"{folder}/new")
    assert files.du(f"{folder}/new") == 0
    with pytest.raises(OSError, match=r"^Could not mkdir hdfs://.*/a: "):
        files.mkdir(f"{folder}/a")


def test_removing(files: HdfsFiles, folder: str, tmp_path: Path) -> None:
    files.mkdir(f"{folder}/in")
    for name in ("a1", "a2", "b", "in/c"):
        _put(files, f"{folder}/{name}", b"", tmp_path)
    files.rm(f"{folder}/a*")
    files.rm(f"{folder}/in")
    files.rm(f"{folder}/none")
    assert list(files.ls(folder)) == [f"{folder}/b"]


def test_where_webhdfs_does_not_answer_the_command_does(
    hadoop: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JOBS_WEBHDFS", "127.0.0.1:1")
    called: list[list[str]] = []
    original = HdfsFiles.invoke_hadoop

    def note(self: HdfsFiles, args: list[str], *given: Any, **kwargs: Any) -> object:
        called.append(args[:2])
        return original(self, args, *given, **kwargs)

    monkeypatch.setattr(HdfsFiles, "invoke_hadoop", note)
    warning = "WARN util.NativeCodeLoader: Unable to load native-hadoop library for your platform..."
    talkative = tmp_path / "hadoop"
    talkative.write_text(f"#!/bin/sh\necho '{warning}' >&2\nexec hadoop \"$@\"\n")
    talkative.chmod(0o755)
    files, uri = HdfsFiles([str(talkative)]), f"hdfs:///test-{uuid.uuid4().hex}"
    assert not files.exists(uri)
    files.mkdir(uri)
    _put(files, f"{uri}/a", b"text", tmp_path)
    assert list(files.ls(uri)) == [f"{uri}/a"]
    assert b"".join(files.cat(f"{uri}/a")) == b"text"
    files.rm(uri)
    assert not files.exists(uri)
    assert [args[1] for args in called if args[0] == "fs"] == ["-ls", "-mkdir", "-put", "-ls", "-ls", "-rm", "-ls"]
