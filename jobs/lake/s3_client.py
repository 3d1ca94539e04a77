"""The S3 client of this process, and what its errors mean to a user."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

from jobs.errors import AwayError, InputError, JobError, UsageError
from jobs.lake.remote import TRIES

_PLACE = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION")
_CREDENTIALS = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in with `aws sso login`"


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`; the key may be empty."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not bucket:
        raise UsageError("names no bucket", where=uri, fix="write it as s3://bucket/prefix/")
    return bucket, key


def place() -> dict[str, str]:
    """What of the environment says where S3 is; no secret."""
    return {name: os.environ[name] for name in _PLACE if name in os.environ}


def client() -> Any:
    """The S3 client: endpoint, region and credentials as boto3 finds them (AWS_ENDPOINT_URL among them)."""
    return _client(os.getpid())


@lru_cache(maxsize=1)
def _client(pid: int) -> Any:
    """One a process: connections must not be shared with a fork, the session (90 ms to make) may."""
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    try:
        chosen = session()
        # the user's own AWS_MAX_ATTEMPTS or AWS_RETRY_MODE stands
        own = chosen._session.get_config_variable("max_attempts") is not None or "AWS_RETRY_MODE" in os.environ
        config = Config(max_pool_connections=32, connect_timeout=10, read_timeout=30)
        if not own:
            config = config.merge(Config(retries={"mode": "standard", "total_max_attempts": TRIES}))
        return chosen.client("s3", config=config)
    except (BotoCoreError, ValueError) as error:
        raise refusal(error, "AWS configuration", UsageError) from None


@lru_cache(maxsize=1)
def session() -> Any:
    """What the environment says of region and credentials, for any service of AWS."""
    import boto3.session

    return boto3.session.Session(region_name=os.environ.get("AWS_REGION") or None)  # which boto3 does not look at


def forget() -> None:
    """Make the next client anew, from the environment as it is then."""
    _client.cache_clear()
    session.cache_clear()


def code_of(error: Exception) -> str:
    """S3's error code; empty for errors that S3 did not send."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def http_status(error: Exception) -> int:
    """The HTTP status of S3's answer; 0 for errors that S3 did not send."""
    response = getattr(error, "response", None)
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) if isinstance(response, dict) else 0


_WRONG_KEYS = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidToken",
    "TokenRefreshRequired",
    "AuthFailure",
}
_WRONG_REGION = {
    "PermanentRedirect",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "301",
}
_BUSY = {"SlowDown", "ServiceUnavailable", "RequestLimitExceeded", "Throttling", "ThrottlingException", "503"}


def refusal(error: Exception, where: str, kind: type[JobError] = InputError) -> JobError:
    """What boto3 raised as an error for the user, of the given kind; errors of ours stay as they are."""
    if isinstance(error, JobError):
        return error
    what, fix = _explained(error, where)
    if kind is InputError and _may_pass(error):
        kind = AwayError
    return kind(what, where=where, fix=fix)


def _may_pass(error: Exception) -> bool:
    """Whether another try may end otherwise."""
    return code_of(error) in _BUSY or not 400 <= http_status(error) < 500


def _explained(error: Exception, where: str) -> tuple[str, str | None]:
    from botocore import exceptions as boto

    code, status = code_of(error), http_status(error)
    bucket = where.removeprefix("s3://").partition("/")[0]
    if code == "NoSuchBucket":
        return f"there is no bucket {bucket}", "check its name, and that the credentials are of the right account"
    if code in ("InvalidBucketName",) or isinstance(error, boto.ParamValidationError):
        return f"{bucket!r} cannot be a bucket's name", "write it as s3://bucket/prefix/"
    if code in _WRONG_KEYS:
        return f"S3 refuses the credentials ({code})", _CREDENTIALS
    if code in _WRONG_REGION or status == 301:
        return "the bucket is in another region", "set AWS_REGION to the bucket's region"
    if code == "InvalidObjectState":
        return "the object is archived", "restore it in S3 first, or leave it out of the input"
    if code in _BUSY or status == 503:
        return f"S3 is too busy ({code})", "run again later, or with fewer --tasks"
    if status == 404:
        return "there is no such object", "check the name"
    if status == 403:
        return "no permission in S3", "the credentials need s3:ListBucket and s3:GetObject, and s3:PutObject to publish"
    if code:
        message = getattr(error, "response", {}).get("Error", {}).get("Message", "")
        return f"S3 answers {code}: {message}", None
    if isinstance(error, boto.NoCredentialsError):
        return "no AWS credentials found", _CREDENTIALS
    if isinstance(error, boto.NoRegionError):
        return "no AWS region is set", "set AWS_REGION"
    if isinstance(error, boto.HTTPClientError | boto.ConnectionError):
        return f"S3 cannot be reached: {_one_line(error)}", "check the network and AWS_ENDPOINT_URL"
    return f"S3 cannot be used: {_one_line(error)}", _CREDENTIALS if "redential" in type(error).__name__ else None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
