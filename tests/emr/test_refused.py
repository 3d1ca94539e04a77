"""What `-r emr` refuses before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.emr import aws
from tests.outcomes.commands import Outcome, told
from tests.servers import S3Server

READING = b"timestamp,device_id,metric,value\n2026-03-01T00:00:00Z,d,m,1\n"


def refused(s3: S3Server, folder: Path, *arguments: str, env: dict[str, str] | None = None) -> Outcome:
    done = told(folder, *arguments, "-r", "emr", env=env)
    assert aws.client("emr").list_clusters()["Clusters"] == []
    return done


def test_files_of_this_machine(s3: S3Server, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(READING)
    error = (
        "error: a.csv: is a file of this machine, and tasks run on another; copy it: aws s3 cp --recursive a.csv "
        "s3://BUCKET/PREFIX/\n"
    )
    assert refused(s3, tmp_path, "a.csv") == Outcome(2, "", error)


@pytest.mark.parametrize("given", ["environment", "option"])
def test_a_bucket_of_another_region(s3: S3Server, tmp_path: Path, given: str) -> None:
    s3.client().create_bucket(Bucket="lake")
    s3.client().put_object(Bucket="lake", Key="a.csv", Body=READING)
    options = ("--region", "eu-central-1") if given == "option" else ()
    env = {"AWS_DEFAULT_REGION": "eu-central-1"} if given == "environment" else {}
    error = (
        "error: s3://lake: the bucket is in us-east-1, and the cluster would be in eu-central-1; set "
        "AWS_REGION=us-east-1, or give --region us-east-1\n"
    )
    assert refused(s3, tmp_path, "s3://lake/a.csv", *options, env=env) == Outcome(2, "", error)


def test_a_staging_bucket_that_is_missing(s3: S3Server, tmp_path: Path) -> None:
    s3.client().create_bucket(Bucket="lake")
    s3.client().put_object(Bucket="lake", Key="a.csv", Body=READING)
    error = "error: s3://none: there is no such bucket; check its name and the account\n"
    assert refused(s3, tmp_path, "s3://lake/a.csv", "--cloud-tmp-dir", "s3://none/tmp/") == Outcome(2, "", error)
