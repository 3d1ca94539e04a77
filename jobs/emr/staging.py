"""Files put into the lake once, whoever needs them first, and fetched from there."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from jobs.errors import JobError
from jobs.lake.s3_client import client, http_status, refusal, split_uri

_AT_ONCE = 4


def put(files: Sequence[Path], uri: str) -> None:
    """Put what is missing of the files into an S3 folder, named by their content; the last one when the others are
    there. uri: `s3://BUCKET/PREFIX`. Several drivers may do so at once. Raises JobError."""
    bucket, prefix = split_uri(uri)
    folder = prefix.rstrip("/")
    s3 = client()

    def put_one(path: Path) -> None:
        key = f"{folder}/{path.name}"
        if key in there:
            return
        with path.open("rb") as file:
            try:
                s3.put_object(Bucket=bucket, Key=key, Body=file, IfNoneMatch="*")
            except Exception as error:
                if http_status(error) not in (409, 412):  # 409, 412: another driver puts it, or has put it
                    raise

    try:
        there = set(_keys(s3, bucket, folder))
        *others, last = files
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(put_one, others))
        put_one(last)
    except Exception as error:
        raise refusal(error, uri, JobError) from None


def is_there(uri: str) -> bool:
    """Whether an object is there. Raises JobError where that cannot be told."""
    bucket, key = split_uri(uri)
    try:
        client().head_object(Bucket=bucket, Key=key)
    except Exception as error:
        if http_status(error) != 404:
            raise refusal(error, uri, JobError) from None
        return False
    return True


def get(uri: str, place: Path) -> None:
    """Fetch the files of an S3 folder into `place`, which is there when all are. Raises JobError."""
    bucket, prefix = split_uri(uri)
    s3 = client()
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".new-") as scratch:
        fresh = Path(scratch, place.name)
        fresh.mkdir()
        try:
            for key in _keys(s3, bucket, prefix):
                s3.download_file(bucket, key, str(fresh / key.rpartition("/")[2]))
        except Exception as error:
            raise refusal(error, uri, JobError) from None
        try:
            fresh.rename(place)
        except OSError:
            if not place.is_dir():  # another run was faster
                raise


def _keys(s3: Any, bucket: str, folder: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{folder}/")
    return [found["Key"] for page in pages for found in page.get("Contents", ())]
