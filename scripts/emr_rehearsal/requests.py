"""What the server was asked, by whom: a JSON line for each request, which tests hold against policies."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from moto.backends import get_backend
from moto.moto_server import threaded_moto_server
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

_SIGNED = re.compile(r"Credential=(?P<key>[^/]+)/\d+/[^/]+/(?P<service>[^/]+)/")


def record(path: Path) -> None:
    """Have servers that start from now on add to this file."""
    server: Any = threaded_moto_server
    server.DomainDispatcherApplication = partial(_Recorded, path)


class _Recorded(DomainDispatcherApplication):
    def __init__(self, path: Path, *arguments: Any) -> None:
        super().__init__(*arguments)
        path.touch()
        self._path, self._writing = path, threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """A request: the key of who asks, the service, method, path and query, and the headers that say what it is; but
        for S3, the body, and the tags that what it names has by then, by id."""
        if signed := _SIGNED.search(environ.get("HTTP_AUTHORIZATION", "")):
            body = "" if signed["service"] == "s3" else _body(environ)
            asked = {
                **signed.groupdict(),
                "method": environ["REQUEST_METHOD"],
                "path": environ["PATH_INFO"],
                "query": environ.get("QUERY_STRING", ""),
                "target": environ.get("HTTP_X_AMZ_TARGET", ""),
                "source": environ.get("HTTP_X_AMZ_COPY_SOURCE", ""),
                "body": body,
                "tags": {id: tags for id, tags in _tagged() if id in environ["PATH_INFO"] + body},
            }
            with self._writing, self._path.open("a") as file:
                file.write(json.dumps(asked) + "\n")
        return super().__call__(environ, start_response)


def _body(environ: dict[str, Any]) -> str:
    """The body of a request, which can be read again."""
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body.decode()


def _tagged() -> Iterator[tuple[str, dict[str, str]]]:
    """Clusters, applications and their runs, by id, with their tags."""
    for backend in _all(get_backend("emr")):
        for cluster in list(backend.clusters.values()):
            yield cluster.id, {tag["Key"]: tag["Value"] for tag in cluster.tags}
    for backend in _all(get_backend("emr-serverless")):
        runs = [run for those in list(backend.job_runs.values()) for run in list(those)]
        for one in [*list(backend.applications.values()), *runs]:
            yield one.id, dict(one.tags or {})


def _all(backends: Any) -> list[Any]:
    """Those of all accounts and regions."""
    return [backend for account in list(backends.values()) for backend in list(account.values())]
