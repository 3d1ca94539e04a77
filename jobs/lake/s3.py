"""Log objects in S3."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from jobs.errors import MissingError
from jobs.lake import globs
from jobs.lake.remote import Ranges, SeekableObject
from jobs.lake.s3_client import client, http_status, refusal, split_uri
from jobs.lake.s3_reader import RangeReader, fetch, fetch_whole
from jobs.lake.storage import ObjectInfo

if TYPE_CHECKING:
    import pyarrow as pa

Accept = Callable[[str], bool]

# Listing


def expand(spec: str, accept: Accept) -> list[ObjectInfo]:
    bucket, key = split_uri(spec)
    exact = _exact(bucket, key) if key and not key.endswith("/") else None
    if exact is not None:
        return [exact]
    if globs.has_magic(key):
        found = _matches(bucket, key, accept)
        if not found:
            raise MissingError("no object matches", where=spec, fix="check the pattern; quote it against the shell")
        return found
    prefix = key if not key or key.endswith("/") else f"{key}/"
    found = [o for o in _listed(bucket, prefix, spec) if _accepted(o.uri, f"s3://{bucket}/{prefix}", accept)]
    if not found:
        raise _nothing(spec, bucket, prefix)
    return found


def find(uri: str) -> ObjectInfo | None:
    bucket, key = split_uri(uri)
    try:
        return _info(uri, client().head_object(Bucket=bucket, Key=key))
    except Exception as error:
        if http_status(error) == 404:
            return None
        raise refusal(error, uri) from None


def place(uri: str) -> str:
    return uri.rstrip("/")


def _exact(bucket: str, key: str) -> ObjectInfo | None:
    """The object of just that key; None where there is none, or listing must tell."""
    try:
        head = client().head_object(Bucket=bucket, Key=key)
    except Exception as error:
        if http_status(error):
            return None  # the answer to HEAD has no body: that to listing says what is wrong
        raise refusal(error, f"s3://{bucket}/{key}") from None
    return _info(f"s3://{bucket}/{key}", head)


def _info(uri: str, head: dict[str, Any]) -> ObjectInfo:
    return ObjectInfo(uri, int(head["ContentLength"]), etag=_etag(head))


def _listed(bucket: str, prefix: str, named: str = "") -> Iterator[ObjectInfo]:
    """Every object whose key begins with `prefix`, in order; the empty objects that stand for folders are none.

    named: what the user wrote, for errors.
    """
    where = named or f"s3://{bucket}/{prefix}"
    try:
        for page in client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", ()):
                if not entry["Key"].endswith(("/", "_$folder$")):
                    yield ObjectInfo(f"s3://{bucket}/{entry['Key']}", int(entry["Size"]), etag=_etag(entry))
    except Exception as error:
        raise refusal(error, where) from None


def _matches(bucket: str, glob: str, accept: Accept) -> list[ObjectInfo]:
    """What a pattern matches. Its literal folders are the user's word, the names below are for `accept`."""
    prefix, wanted = globs.literal_prefix(glob), globs.key_pattern(glob)
    named = f"s3://{bucket}/{prefix.rpartition('/')[0]}/" if "/" in prefix else f"s3://{bucket}/"
    start = len(f"s3://{bucket}/")
    listed = _listed(bucket, prefix, f"s3://{bucket}/{glob}")
    return [o for o in listed if wanted.fullmatch(o.uri, start) and _accepted(o.uri, named, accept)]


def _accepted(uri: str, named: str, accept: Accept) -> bool:
    return all(map(accept, uri.removeprefix(named).split("/")))


def _nothing(spec: str, bucket: str, prefix: str) -> MissingError:
    if next(_listed(bucket, prefix), None) is not None:
        return MissingError("no log objects in it", where=spec, fix="names that begin with . or _ are passed over")
    if (near := next(_listed(bucket, prefix.rstrip("/")), None)) is not None and prefix:
        return MissingError(
            "there is no such object or prefix", where=spec, fix=f"add * to take keys such as {near.uri}"
        )
    return MissingError("there is no such object or prefix", where=spec, fix="check the name")


def _etag(entry: dict[str, Any]) -> str:
    return str(entry["ETag"]).strip('"')


# Reading

_ranges = Ranges(fetch_whole, RangeReader)
open_range = _ranges.open


def prefetch(infos: Sequence[ObjectInfo]) -> AbstractContextManager[None]:
    client()  # made here: threads must not make it at the same time
    return _ranges.prefetch(infos)


@contextmanager
def open_seekable(info: ObjectInfo) -> Iterator[pa.NativeFile]:
    import pyarrow as pa

    with pa.PythonFile(SeekableObject(info, fetch), mode="r") as file:
        yield file
