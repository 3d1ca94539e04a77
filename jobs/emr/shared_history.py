"""What runs on EMR took, in the lake beside them: whoever plans the next one has it, from whichever machine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from jobs.emr.history import Entry, dumps, loads
from jobs.lake.s3_client import client, split_uri

_FOLDER = "history"
_DAYS, _MOST = (2, 14, 90), 20  # how far back, ever farther until there are so many, of which the last count
_AT_ONCE = 8


def put(base: str, entry: Entry) -> None:
    """Keep a run as an object of its own. base: the suite's folder in a bucket, with a slash at its end. Raises what
    botocore does."""
    bucket, prefix = split_uri(base)
    key = f"{_place(prefix, entry.job)}{entry.started}-{entry.run}.json"
    client().put_object(Bucket=bucket, Key=key, Body=dumps(entry))


def read(base: str, job: str) -> tuple[Entry, ...]:
    """The last runs of a job, named as in entries, oldest first; objects that are none are passed over. Raises what
    botocore does."""
    bucket, prefix = split_uri(base)
    place, today = _place(prefix, job), datetime.now(UTC)
    s3 = client()
    keys: list[str] = []
    for days in _DAYS:
        keys = _keys(s3, bucket, place, f"{today - timedelta(days=days):%Y-%m-%d}")[-_MOST:]
        if len(keys) == _MOST:
            break

    def got(key: str) -> Entry | None:
        return loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return tuple(entry for entry in pool.map(got, keys) if entry is not None)


def _keys(s3: Any, bucket: str, place: str, since: str) -> list[str]:
    """Those of a job from a day on, oldest first."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=place, StartAfter=f"{place}{since}")
    return [each["Key"] for page in pages for each in page.get("Contents", []) if each["Key"].startswith(place)]


def _place(prefix: str, job: str) -> str:
    return f"{prefix}{_FOLDER}/{job}/"
