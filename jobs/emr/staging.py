"""Files put into the lake once, whoever needs them first."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{folder}/")
        there = {found["Key"] for page in pages for found in page.get("Contents", ())}
        *others, last = files
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(put_one, others))
        put_one(last)
    except Exception as error:
        raise refusal(error, uri, JobError) from None
