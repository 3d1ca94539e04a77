"""What runs on EMR took, in the lake beside them: whoever plans the next one has it, from whichever machine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from jobs.emr.history import Entry, dumps, loads
from jobs.lake.s3_client import client, split_uri

_FOLDER = "history"
_DAYS, _MOST = 90, 20  # how far back, and how many of the last
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
    place, since = _place(prefix, job), datetime.now(UTC) - timedelta(days=_DAYS)
    s3 = client()
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=place, StartAfter=f"{place}{since:%Y-%m-%d}")
    keys = [each["Key"] for each in listed.get("Contents", []) if each["Key"].startswith(place)][-_MOST:]

    def got(key: str) -> Entry | None:
        return loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return tuple(entry for entry in pool.map(got, keys) if entry is not None)


def _place(prefix: str, job: str) -> str:
    return f"{prefix}{_FOLDER}/{job}/"
