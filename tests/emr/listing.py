"""A server that lists a bucket of objects by name and size, as S3 does, and has of their bytes the first only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

from jobs.lake.s3_reader import FIRST_RANGE
from tests.http_server import Answer, http_server

_PAGE = 1000
_ROW = b"2026-03-01T00:00:00Z,device-1,temperature,21.5\n"
_HEAD = (b"timestamp,device_id,metric,value\n" + _ROW * (FIRST_RANGE // len(_ROW) + 1))[:FIRST_RANGE]


@contextmanager
def listing(objects: int, size: int) -> Iterator[str]:
    """The address of S3 with a bucket `lake` of so many objects, each of `size` bytes, below readings/."""

    def answer(path: str, body: bytes) -> Answer:
        asked = parse_qs(urlsplit(path).query)
        if "list-type" not in asked:
            return (206, "text/csv", _HEAD) if path.endswith(".csv") else (404, "text/plain", b"")
        return 200, "application/xml", _page(int(asked.get("continuation-token", ["0"])[0]), objects, size).encode()

    with http_server(answer) as address:
        yield address


def _page(first: int, objects: int, size: int) -> str:
    last = min(first + _PAGE, objects)
    contents = "".join(
        f"<Contents><Key>readings/dt=2026-{n // 28_000 % 12 + 1:02}-{n // 1000 % 28 + 1:02}/{n:06}.csv</Key>"
        f"<LastModified>2026-03-01T00:00:00.000Z</LastModified><ETag>&quot;{n:032x}&quot;</ETag>"
        f"<Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        for n in range(first, last)
    )
    more = f"<NextContinuationToken>{last}</NextContinuationToken>" if last < objects else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>lake</Name><Prefix>readings/</Prefix>'
        f"<KeyCount>{last - first}</KeyCount><MaxKeys>{_PAGE}</MaxKeys>"
        f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{more}{contents}</ListBucketResult>"
    )
