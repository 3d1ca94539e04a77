"""AWS clients, and what AWS refuses in words for the user."""

from __future__ import annotations

import os
from typing import Any

from jobs.errors import JobError, UsageError
from jobs.lake.s3_client import code_of, http_status

_TRIES = 8
_LOGIN = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in with `aws sso login`"
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_WRONG_KEYS = {
    "AuthFailure",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
FORBIDDEN = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}
"""Codes of what a policy does not allow."""
INVALID = {"InvalidRequestException", "ValidationException"}
"""Codes of what cannot be, as of a cluster that is not there or has ended."""
BUSY = {
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "503",
}
"""Codes of what AWS refuses for now, without having done it."""


def client(service: str, region: str | None = None, **given: Any) -> Any:
    """A client of a service in a region, by default that of the environment; a busy one is asked again, ever slower.

    AWS_ENDPOINT_URL leads it elsewhere, AWS_MAX_ATTEMPTS and AWS_RETRY_MODE stand. given: boto3's own arguments.
    Raises UsageError where no region is set, or the configuration cannot be used.
    """
    import boto3.session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    own = "AWS_MAX_ATTEMPTS" in os.environ or "AWS_RETRY_MODE" in os.environ
    config = Config() if own else Config(retries={"mode": "standard", "total_max_attempts": _TRIES})
    try:
        session: Any = boto3.session.Session(region_name=region or os.environ.get("AWS_REGION") or None)
        return session.client(service, config=config, **given)
    except (BotoCoreError, ValueError) as error:
        raise explained(error, f"AWS {service}") or error from None


def region(given: str | None = None) -> str:
    """The region to work in: the given one, else that of the environment or the profile. Raises UsageError where there
    is none, or the configuration cannot be used."""
    import boto3.session
    from botocore.exceptions import BotoCoreError

    try:
        found = given or os.environ.get("AWS_REGION") or boto3.session.Session().region_name
    except BotoCoreError as error:
        raise explained(error, "AWS") or error from None
    if not found:
        raise UsageError("no AWS region is set", where="-r emr", fix="set AWS_REGION, or give --region")
    return str(found)


def of_region(name: str) -> dict[str, str]:
    """The environment of those who are to work in that region, whatever their own says."""
    return {"AWS_REGION": name, "AWS_DEFAULT_REGION": name}


def explained(error: Exception, where: str) -> JobError | None:
    """What AWS or its library raised as an error for the user; None for what is none of theirs."""
    from botocore import exceptions as boto

    if isinstance(error, JobError):
        return error
    code = code_of(error)
    operation = getattr(error, "operation_name", "the call")
    if code == "NoSuchBucket":
        return UsageError("there is no such bucket", where=where, fix="check its name and the account")
    if code in _EXPIRED:
        return JobError(f"the AWS credentials have expired ({code})", where=where, fix=_LOGIN)
    if code in _WRONG_KEYS:
        return JobError(f"AWS refuses the credentials ({code})", where=where, fix=_LOGIN)
    if code in FORBIDDEN:
        return JobError(
            f"no permission for {operation}", where=where, fix="have it added to the submitting user's policy"
        )
    if code in BUSY:
        tries = 1 + getattr(error, "response", {}).get("ResponseMetadata", {}).get("RetryAttempts", 0)
        what = f"AWS is too busy ({code} from {operation}, asked {tries} times)"
        return JobError(what, where=where, fix="run again later, or poll less often: --check-cluster-every")
    if code:
        message = getattr(error, "response", {}).get("Error", {}).get("Message", "")
        return JobError(f"{operation}: {' '.join(message.split()) or code}", where=where)
    if isinstance(error, boto.NoRegionError):
        return UsageError("no AWS region is set", where=where, fix="set AWS_REGION")
    if isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError):
        return JobError("no AWS credentials found", where=where, fix=_LOGIN)
    if isinstance(error, boto.HTTPClientError | boto.ConnectionError):
        said = " ".join(str(error).split())
        return JobError(f"AWS cannot be reached: {said}", where=where, fix="check the network and AWS_ENDPOINT_URL")
    if isinstance(error, boto.BotoCoreError):
        return UsageError(" ".join(str(error).split()), where=where, fix="check the AWS configuration")
    return None


def may_pass(error: Exception) -> bool:
    """Whether AWS was busy, failed by itself or could not be reached, as may be over when it is asked again."""
    from botocore import exceptions as boto

    away = isinstance(error, boto.HTTPClientError | boto.ConnectionError)
    return away or code_of(error) in BUSY or http_status(error) >= 500


def check_bucket(bucket: str, region: str, *, is_listed: bool = False) -> None:
    """Refuse a bucket that is missing, closed to us, or in another region than the cluster. is_listed: whether it gave
    the names of what it has, as policies may allow that for a prefix only."""
    from botocore.exceptions import BotoCoreError, ClientError

    where = f"s3://{bucket}"
    try:
        answer = client("s3", region).head_bucket(Bucket=bucket)
    except (BotoCoreError, ClientError) as error:
        headers = getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPHeaders", {})
        if (there := headers.get("x-amz-bucket-region", region)) != region:
            raise _elsewhere(where, there, region) from None
        if is_listed and code_of(error) in FORBIDDEN:
            return
        if code_of(error) == "404":
            raise UsageError("there is no such bucket", where=where, fix="check its name and the account") from None
        raise explained(error, where) or error from None
    if (there := answer.get("BucketRegion") or region) != region:
        raise _elsewhere(where, there, region)


def _elsewhere(where: str, there: str, region: str) -> UsageError:
    what = f"the bucket is in {there}, and the cluster would be in {region}"
    return UsageError(what, where=where, fix=f"set AWS_REGION={there}, or give --region {there}")
