"""Publishing inside an encryption zone of HDFS, whose every folder bears the zone's mark."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from jobs.engine.cache import cache_folder
from jobs.errors import UsageError
from jobs.hadoop import daemons, jars
from jobs.hadoop.cluster import Cluster
from jobs.hadoop.profiles import PROFILES, Profile
from jobs.lake import webhdfs
from jobs.lake.publish import Publication
from jobs.lake.published import open_published
from tests.clusters import hadoop_cluster, need_hadoop, use
from tests.lake.results import SCHEMA, result

pytestmark = [pytest.mark.hadoop, pytest.mark.slow, pytest.mark.full]


@pytest.fixture
def zoned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A cluster whose NameNode has a key."""
    need_hadoop()
    keys = f"jceks://file{tmp_path}/keys.jceks"  # a NameNode reads it when it starts
    lib = jars.resolve(cache_folder(), lambda text: None) / "lib"
    shell = [daemons.java(), "-cp", f"{lib}/*", "org.apache.hadoop.crypto.key.KeyShell"]
    subprocess.run([*shell, "create", "key", "-provider", keys], check=True, capture_output=True)
    properties = {"core-site.xml": {"hadoop.security.key.provider.path": keys}}
    profile = Profile("zones", "encryption", node_managers=1, properties=properties)
    monkeypatch.setitem(PROFILES, profile.name, profile)
    with hadoop_cluster(profile) as cluster:
        use(cluster, monkeypatch)
        yield cluster


def _encrypt(path: str) -> None:
    webhdfs.client("hdfs:///").make_folder(path)
    command = ["hadoop", "org.apache.hadoop.hdfs.tools.CryptoAdmin", "-createZone", "-keyName", "key", "-path", path]
    subprocess.run(command, check=True, capture_output=True)


def _publish(target: str, rows: int, run_id: str, scratch: Path) -> int:
    publication = Publication(target, "csv", overwrite=True, run_id=run_id)
    publication.check()
    publication.publish(SCHEMA, [result(rows)], {}, scratch=scratch, keys=("device_id",))
    return int(pa.concat_tables(open_published(target)).num_rows)


def test_a_result_in_a_zone_is_replaced_and_a_zone_is_not(zoned: Cluster, tmp_path: Path) -> None:
    _encrypt("/secret")
    target = "hdfs:///secret/stats"
    for rows in (5, 6):
        assert _publish(target, rows, f"run-{rows}", tmp_path) == rows
    status = webhdfs.client(target).status("/secret/stats")
    assert status is not None
    assert status.marked == ("encBit",)
    with pytest.raises(UsageError) as refused:
        Publication("hdfs:///secret", "csv", overwrite=True, run_id="a").check()
    assert str(refused.value) == (
        "hdfs:///secret: has an encryption zone of its own, which the folder put in its place would not have; "
        "name a folder below it"
    )
