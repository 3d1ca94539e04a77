"""A server that lists a bucket of objects by name and size, as S3 does, and has none of their bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

_PAGE = 1000


@contextmanager
def listing(objects: int, size: int) -> Iterator[str]:
    """The address of S3 with a bucket `lake` of so many objects, each of `size` bytes, below readings/."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            if "list-type" not in asked:
                self.send_error(404)
                return
            body = _page(int(asked.get("continuation-token", ["0"])[0]), objects, size).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


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
