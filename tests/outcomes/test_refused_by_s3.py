"""What S3 refuses: buckets that are not there, keys that are wrong, users who may not, servers that do not answer."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.outcomes.commands import COLUMNS, HEADER, day, row, told
from tests.servers import S3Server, free_port

pytestmark = pytest.mark.s3

RIGHTS = "the credentials need s3:ListBucket and s3:GetObject, and s3:PutObject to publish"
KEYS = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in with `aws sso login`"


@pytest.fixture
def lake(s3: S3Server) -> S3Server:
    """A bucket with a log."""
    s3.client().create_bucket(Bucket="lake")
    s3.client().put_object(Bucket="lake", Key="readings/log.csv", Body=HEADER + day(1))
    return s3


@pytest.fixture
def users(lake: S3Server) -> Iterator[dict[str, dict[str, str]]]:
    """Two users, as environments, of a server that asks who they are: one may do nothing, the other may read."""
    import boto3

    iam = boto3.session.Session().client("iam", endpoint_url=lake.url)
    found = {}
    for name in ("stranger", "reader"):
        iam.create_user(UserName=name)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        found[name] = {
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        }
    reading = {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [reading]}
    iam.put_user_policy(UserName="reader", PolicyName="reading", PolicyDocument=json.dumps(policy))
    _ask_for_rights_after(lake, "0")
    yield found
    _ask_for_rights_after(lake, "inf")


def _ask_for_rights_after(server: S3Server, requests: str) -> None:
    address = f"{server.url}/moto-api/reset-auth"
    headers = {"Content-Type": "text/plain"}
    request = urllib.request.Request(address, data=requests.encode(), headers=headers, method="POST")
    urllib.request.urlopen(request, timeout=30).close()


@pytest.mark.parametrize(
    ("target", "error"),
    [
        (
            "s3://no-such-lake/readings/",
            "there is no bucket no-such-lake; check its name, and that the credentials are of the right account",
        ),
        ("s3://lake/none.csv", "there is no such object or prefix; check the name"),
        ("s3://lake/read", "there is no such object or prefix; add * to take keys such as s3://lake/readings/log.csv"),
        ("s3://l@ke/x/", "'l@ke' cannot be a bucket's name; write it as s3://bucket/prefix/"),
    ],
)
def test_not_there(lake: S3Server, tmp_path: Path, target: str, error: str) -> None:
    found = told(tmp_path, target)
    assert (found.status, found.output, found.errors) == (3, "", f"error: {target}: {error}\n")


def test_a_bucket_to_publish_to_that_is_not_there(lake: S3Server, tmp_path: Path) -> None:
    found = told(tmp_path, "s3://lake/readings/", "--output-dir", "s3://no-such-lake/stats/")
    assert found.errors == (
        "error: s3://no-such-lake/stats/: there is no bucket no-such-lake; check its name, and that the credentials"
        " are of the right account\n"
    )
    assert (found.status, found.output) == (1, "")


@pytest.mark.slow
def test_no_permission(users: dict[str, dict[str, str]], tmp_path: Path) -> None:
    for target in ("s3://lake/readings/", "s3://lake/readings/log.csv", "s3://lake/readings/*.csv"):
        found = told(tmp_path, target, env=users["stranger"])
        assert found.errors == f"error: {target}: no permission in S3; {RIGHTS}\n"
        assert (found.status, found.output) == (3, "")


@pytest.mark.slow
def test_permission_to_read_but_not_to_publish(users: dict[str, dict[str, str]], tmp_path: Path) -> None:
    found = told(tmp_path, "s3://lake/readings/", env=users["reader"])
    assert (found.status, found.output) == (0, COLUMNS + row(1))
    refused = told(tmp_path, "s3://lake/readings/", "--output-dir", "s3://lake/stats/", env=users["reader"])
    assert refused.errors.splitlines()[-1] == f"error: s3://lake/stats/: no permission in S3; {RIGHTS}"
    assert (refused.status, refused.output) == (1, "")


@pytest.mark.slow
def test_wrong_keys(users: dict[str, dict[str, str]], tmp_path: Path) -> None:
    secret = {**users["reader"], "AWS_SECRET_ACCESS_KEY": "wrong"}
    unknown = {**users["reader"], "AWS_ACCESS_KEY_ID": "AKIAXXXXXXXXXXXXXXXX"}
    for env, code in ((secret, "SignatureDoesNotMatch"), (unknown, "InvalidAccessKeyId")):
        found = told(tmp_path, "s3://lake/readings/", env=env)
        assert found.errors == f"error: s3://lake/readings/: S3 refuses the credentials ({code}); {KEYS}\n"
        assert (found.status, found.output) == (3, "")


def test_no_keys(lake: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    found = told(tmp_path, "s3://lake/readings/", env={"HOME": os.devnull})
    assert found.errors == f"error: s3://lake/readings/: no AWS credentials found; {KEYS}\n"
    assert (found.status, found.output) == (3, "")


@pytest.mark.slow
def test_nobody_answers(lake: S3Server, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    found = told(tmp_path, "s3://lake/readings/", env={"AWS_ENDPOINT_URL": url})
    request = f"{url}/lake?list-type=2&prefix=readings%2F&encoding-type=url"
    assert found.errors == (
        f'error: s3://lake/readings/: S3 cannot be reached: Could not connect to the endpoint URL: "{request}";'
        " check the network and AWS_ENDPOINT_URL\n"
    )
    assert (found.status, found.output) == (3, "")
