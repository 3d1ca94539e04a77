"""`-r emr --dry-run` of listings from a gigabyte to 100 TB: really listed, cut and sized, nothing read."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from jobs.engine.measure import Measurement, measure
from tests.command_line import ROOT
from tests.emr.listing import listing


def _planned(folder: Path, job: str, objects: int, size: int, *options: str) -> tuple[list[str], Measurement]:
    """What the command prints, and what it took."""
    command = [sys.executable, "-m", f"jobs.{job}", "s3://lake/readings/", "-r", "emr", "--dry-run", *options]
    with listing(objects, size) as address:
        environ = {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "XDG_CACHE_HOME": str(folder),
        }
        took = measure(command, folder / "plan", environ, ROOT)
    return (folder / "plan").read_text("utf-8").splitlines(), took


def _told(lines: list[str]) -> list[str]:
    """The lines about the cluster, without those of splits and sources."""
    begin = next(number for number, line in enumerate(lines) if line.startswith("cluster"))
    return lines[begin : lines.index("where these figures are from:")]


@pytest.mark.s3
def test_a_gigabyte(tmp_path: Path) -> None:
    """Few enough objects are looked at; every figure says where it is from."""
    lines, _ = _planned(tmp_path, "daily_stats", 1, 10**9, "--split-size", "64M")
    assert lines[:2] == ["1 object, 1.00 GB, 15 splits of at most 67.1 MB", "formats: delimited (default) 15"]
    assert _told(lines) == [
        "cluster   emr-7.13.0 in us-east-1, Graviton, at most 3 tasks at once",
        "  primary 1 × m7g.xlarge (or m6g.xlarge), on demand, 64 GB of disk each",
        "  core    1 × m7g.xlarge (or c7g.xlarge, m6g.xlarge, c6g.xlarge), on demand, 65 GB of disk each",
        "vCPUs     8 on demand (quota L-1216C47A), 0 on spot (quota L-34B43A08)",
        "tasks     3 map, each of 5 splits, in 1 wave; 1 reduce",
        "disks     60 MB shuffled, 3 copies, up to 1.5 times as much on a node: 65 GB each, at 131 MB/s",
        "time      5 min to 10 min (at best: start 5 min, map 10 s, reduce 4 s)",
        "price     $0.03 to $0.07",
    ]
    sources = lines[lines.index("where these figures are from:") + 1 :]
    assert [line.split()[0] for line in sources] == [
        "rate",
        "reading",
        "container",
        "cluster",
        "range",
        "disks",
        "prices",
        "spot",
    ]


@pytest.mark.slow
@pytest.mark.s3
def test_a_terabyte(tmp_path: Path) -> None:
    lines, _ = _planned(tmp_path, "daily_stats", 1000, 10**9)
    assert lines[0] == "1,000 objects, 1,000.00 GB, 15,000 splits of at most 67.1 MB"
    assert lines[1] == "formats: too many objects to look at; each task sees what its own are"
    assert _told(lines) == [
        "cluster   emr-7.13.0 in us-east-1, Graviton, at most 23 tasks at once",
        "  primary 1 × m7g.xlarge (or m6g.xlarge), on demand, 64 GB of disk each",
        "  core    2 × m7g.xlarge (or c7g.xlarge, m6g.xlarge, c6g.xlarge), on demand, 114 GB of disk each",
        "  task    4 × m7g.xlarge (or c7g.xlarge, m6g.xlarge, c6g.xlarge), spot, 114 GB of disk each",
        "vCPUs     12 on demand (quota L-1216C47A), 16 on spot (quota L-34B43A08)",
        "tasks     883 map, each of 17 splits, in 39 waves; 256 reduce",
        "disks     60 GB shuffled, 3 copies, up to 1.5 times as much on a node: 114 GB each, at 131 MB/s",
        "time      27 min to 53 min (at best: start 5 min, map 20 min, reduce 76 s)",
        "price     $0.47 to $1.40",
    ]


@pytest.mark.slow
@pytest.mark.s3
def test_a_hundred_terabytes(tmp_path: Path) -> None:
    """100,000 objects in 800,000 splits are a plan within a minute of processor time and a gigabyte of memory."""
    lines, took = _planned(tmp_path, "daily_stats", 100_000, 10**9)
    assert lines[0] == "100,000 objects, 100,000.00 GB, 800,000 splits of at most 125.0 MB"
    assert _told(lines) == [
        "cluster   emr-7.13.0 in us-east-1, Graviton, at most 639 tasks at once",
        "  primary 1 × m7g.4xlarge (or m6g.4xlarge), on demand, 64 GB of disk each",
        "  core    10 × m7g.4xlarge (or c7g.4xlarge, m6g.4xlarge, c6g.4xlarge), on demand, 5 × 163 GB of disk each",
        "  task    30 × m7g.4xlarge (or c7g.4xlarge, m6g.4xlarge, c6g.4xlarge), spot, 5 × 163 GB of disk each",
        "vCPUs     176 on demand (quota L-1216C47A), 480 on spot (quota L-34B43A08)",
        "tasks     20,000 map, each of 40 splits, in 32 waves; 256 reduce",
        "disks     6 TB shuffled, 3 copies, up to 1.5 times as much on a node: 815 GB each, at 594 MB/s",
        "time      78 min to 2.6 h (at best: start 5 min, map 69 min, reduce 4 min)",
        "price     $31.64 to $102",
        "limit     800,000 containers are more than an application master can follow, and dear to start: 20,000 map"
        " tasks take several splits each",
        "limit     134 nodes would be done with map in 20 minutes; 40 are the most",
    ]
    assert took.peak < 1000
    assert took.cpu < 60
