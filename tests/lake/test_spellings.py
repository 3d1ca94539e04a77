"""Spellings of a file or folder: which name the same place, and which lie in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jobs.lake import storage


@pytest.fixture(autouse=True)
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A default file system, and a working directory with a link."""
    named = {"fs.defaultFS": "hdfs://nn:8020", "dfs.namenode.http-address": "nn:50070"}
    properties = (f"<property><name>{name}</name><value>{value}</value></property>" for name, value in named.items())
    (tmp_path / "core-site.xml").write_text(f"<configuration>{''.join(properties)}</configuration>")
    monkeypatch.delenv("JOBS_WEBHDFS", raising=False)
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path))
    (tmp_path / "lake").mkdir()
    (tmp_path / "link").symlink_to("lake")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("uri", "folder", "lies"),
    [
        ("hdfs:///lake/a", "hdfs://nn:8020/lake", True),
        ("hdfs://nn:8020//lake//a/", "hdfs:///lake/", True),
        ("hdfs:///lake", "hdfs:///", True),
        ("hdfs:///lakes", "hdfs:///lake", False),
        ("hdfs://other:8020/lake/a", "hdfs:///lake", False),
        ("s3a://lake/a/b", "s3://lake/a/", True),
        ("s3://lake/ab", "s3://lake/a", False),
        ("lake/../lake/a", "./lake", True),
        ("link/a", "lake", True),
        ("lake", "lake/a", False),
        ("lake", "/", True),
        ("lake", "hdfs:///", False),
    ],
)
def test_what_lies_where(uri: str, folder: str, lies: bool) -> None:
    assert storage.lies_in(uri, folder) is lies


def test_a_whole_path_is_that_of_the_file() -> None:
    assert storage.place("link/a") == os.path.realpath("lake/a")
