"""A Spark twin on YARN whose logs and result lie in S3: where it is comes from the driver, keys are the nodes' own."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.hadoop.cluster import Cluster
from tests.command_line import ROOT, result, run
from tests.servers import S3Server

pytestmark = [
    pytest.mark.spark,
    pytest.mark.hadoop,
    pytest.mark.s3,
    pytest.mark.slow,
    pytest.mark.full,
    pytest.mark.xdist_group("hadoop-jobs"),
]

SAMPLE = ROOT / "sample_data"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A file of the nodes' own."""
    path = tmp_path / "credentials"
    path.touch(0o600)
    path.write_text("[default]\naws_access_key_id = node\naws_secret_access_key = test\n")
    return path


@pytest.mark.parametrize("mode", ["client", "cluster"])
def test_input_and_output_in_s3(hadoop: Cluster, s3: S3Server, tmp_path: Path, keys: Path, mode: str) -> None:
    s3.client().create_bucket(Bucket="lake")
    for path in sorted(p for p in SAMPLE.rglob("*") if p.is_file()):
        s3.client().upload_file(str(path), "lake", f"logs/{path.relative_to(SAMPLE)}")
    variable = f"AWS_SHARED_CREDENTIALS_FILE={keys}"
    nodes = [flag for who in ("executorEnv", "yarn.appMasterEnv") for flag in ("--conf", f"spark.{who}.{variable}")]
    where = ("--master", "yarn", "--deploy-mode", mode, *nodes)
    published = ("--output-dir", "s3a://lake/by-spark", "--output-format", "csv")
    done = run("jobs.spark.daily_stats", "s3a://lake/logs/", *where, *published, cwd=tmp_path, timeout=900)
    assert (done.returncode, done.stdout) == (0, b""), done.stderr.decode()
    assert b"published in s3://lake/by-spark " in done.stderr
    listed = s3.client().list_objects_v2(Bucket="lake", Prefix="by-spark/")["Contents"]
    [part] = [one["Key"] for one in listed if one["Key"].endswith(".csv")]
    found = s3.client().get_object(Bucket="lake", Key=part)["Body"].read()
    assert found == result("jobs.daily_stats", SAMPLE, "-r", "inline")
