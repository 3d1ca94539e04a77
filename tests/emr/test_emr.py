"""`-r emr` from submission to publication, executed for real."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from jobs.emr import aws
from tests.command_line import ROOT
from tests.outcomes.commands import told
from tests.servers import S3Server

pytestmark = [pytest.mark.hadoop, pytest.mark.slow, pytest.mark.xdist_group("emr")]

SAMPLE = ROOT / "sample_data"
KEYS = [word for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") for word in ("--cmdenv", f"{name}=test")]
ON_EMR = ("-r", "emr", "--python-bin", sys.executable, "--check-cluster-every", "0.3", *KEYS)


def fill(emr: S3Server) -> None:
    for path in sorted(p for p in SAMPLE.rglob("*") if p.is_file()):
        emr.client().upload_file(str(path), "lake", f"logs/{path.relative_to(SAMPLE)}")


def keys(emr: S3Server, prefix: str) -> list[str]:
    return [found["Key"] for found in emr.client().list_objects_v2(Bucket="lake", Prefix=prefix).get("Contents", [])]


def states() -> list[str]:
    found: list[dict[str, Any]] = aws.client("emr").list_clusters()["Clusters"]
    return [cluster["Status"]["State"] for cluster in found]


def test_the_same_bytes_and_nothing_left(emr: S3Server, tmp_path: Path) -> None:
    fill(emr)
    expected = told(tmp_path, SAMPLE, "-r", "inline").output
    published = ("--output-dir", "s3://lake/stats", "--output-format", "csv", "--cat-output")
    done = told(tmp_path, "s3://lake/logs/", *ON_EMR, *published)
    assert (done.status, done.output) == (0, expected), done.errors
    assert "published in s3://lake/stats " in done.errors
    assert ": completed\n" in done.errors
    assert states() == ["TERMINATED"]
    assert keys(emr, ".sensor-jobs/runs/") == []
