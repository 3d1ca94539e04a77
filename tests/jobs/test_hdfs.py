"""Jobs on HDFS: the same bytes from it as from files, and results and rejects published into it."""

from __future__ import annotations

import secrets
import subprocess
from pathlib import Path

import pyarrow as pa
import pytest

from jobs.engine.options import Settings
from jobs.engine.planner import Planner
from jobs.hadoop.cluster import Cluster
from jobs.lake import webhdfs
from jobs.lake.published import open_published, read_published
from tests.command_line import result, run
from tests.outcomes.commands import HEADER, day

DAILY = "jobs.daily_stats"
SAMPLE = Path("sample_data")
pytestmark = [pytest.mark.hadoop, pytest.mark.slow, pytest.mark.xdist_group("hadoop")]


@pytest.fixture(scope="module")
def sample(hadoop_process: Cluster) -> str:
    """The sample's readings in HDFS, put there by Hadoop's own command."""
    subprocess.run([*_fs(hadoop_process), "-put", str(SAMPLE), "/sample_data"], check=True)
    return "hdfs:///sample_data/"


def _fs(hadoop: Cluster) -> list[str]:
    return [str(hadoop.home / "bin" / "hadoop"), "fs"]


@pytest.fixture
def lake(hadoop: Cluster, sample: str) -> str:
    return sample


@pytest.mark.parametrize(
    "flags",
    [["-r", "inline"], ["-r", "local", "--tasks", "3", "--split-size", "20K"]],
    ids=" ".join,
)
@pytest.mark.parametrize("module", [DAILY, "jobs.availability", "jobs.data_quality"])
def test_the_same_bytes_as_from_files(lake: str, module: str, flags: list[str]) -> None:
    assert result(module, lake, *flags) == result(module, SAMPLE).replace(b"sample_data/", lake.encode())


@pytest.mark.spark
def test_the_same_bytes_on_spark(lake: str) -> None:
    assert result("jobs.spark.daily_stats", lake) == result(DAILY, SAMPLE)


def test_a_file_that_is_spelled_in_two_ways_counts_once(lake: str, hadoop: Cluster) -> None:
    day = "readings/dt=2026-03-27"
    named = (f"{lake}{day}", f"{hadoop.layout.file_system}//sample_data/{day}/")
    assert result(DAILY, *named, "-r", "inline") == result(DAILY, SAMPLE / day)


def test_patterns_select_days(lake: str) -> None:
    some = result(DAILY, f"{lake}readings/dt=2026-03-2[78]/")
    assert some == result(DAILY, SAMPLE / "readings/dt=2026-03-27", SAMPLE / "readings/dt=2026-03-28")


def test_splits_end_where_blocks_do(hadoop: Cluster, tmp_path: Path) -> None:
    """Records on both sides of a border are read once, by one task each."""
    file, block = tmp_path / "log.csv", 1 << 20
    file.write_bytes(HEADER + b"".join(day(number % 28 + 1) for number in range(1600)))
    uri = f"hdfs:///blocks/{secrets.token_hex(4)}/log.csv"
    webhdfs.client(uri).make_folder(webhdfs.split_uri(uri)[1].rpartition("/")[0])
    subprocess.run([*_fs(hadoop), f"-Ddfs.blocksize={block}", "-put", str(file), uri], check=True)
    starts = {}
    for split_size in (block, 2 * block, 700_000):
        plan = Planner(Settings(inputs=(uri,), split_size=split_size), 2).plan()
        starts[split_size] = [piece.start for split in plan.splits for piece in split.pieces]
    size = file.stat().st_size
    assert starts[block] == list(range(0, size, block))
    assert starts[2 * block] == list(range(0, size, 2 * block))
    assert set(range(0, size, block)) < set(starts[700_000])
    for size_given in ("1M", "700K"):
        flags = ["-r", "local", "--tasks", "3", "--split-size", size_given]
        assert result(DAILY, uri, *flags) == result(DAILY, file)


def test_a_result_and_its_rejects_are_published(lake: str) -> None:
    place = f"hdfs:///jobs/{secrets.token_hex(4)}"
    target, rejects = f"{place}/stats", f"{place}/rejects"
    done = run(DAILY, lake, "--output-dir", target, "--rejects", rejects)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == b""
    manifest = read_published(target)
    assert pa.concat_tables(open_published(target)).num_rows == result(DAILY, SAMPLE).count(b"\n") - 1
    assert manifest.provenance["counts"]["readings"] == 15_708
    rejected = pa.concat_tables(open_published(rejects))
    assert rejected.num_rows == sum(manifest.provenance["rejects"].values()) > 0
    again = run(DAILY, lake, "--output-dir", target)
    assert (again.returncode, again.stderr.decode()) == (
        2,
        f"error: {target}: is not empty; add --overwrite to replace what is published there\n",
    )


def test_a_result_in_folders_by_day(lake: str) -> None:
    target = f"hdfs:///jobs/{secrets.token_hex(4)}/readings"
    for _ in range(2):
        done = run("jobs.compact", lake, "--output-dir", target, "--overwrite")
        assert done.returncode == 0, done.stderr.decode()
    hdfs, path = webhdfs.client(target), webhdfs.split_uri(target)[1]
    names = [one.name for one in hdfs.listed(path)]
    assert names[0] == "_SUCCESS"
    assert len(names) > 2
    assert all(name.startswith("dt=") for name in names[1:])
    assert result(DAILY, target) == result(DAILY, SAMPLE)
