"""What the server was asked, by whom: a JSON line for each request, which tests hold against policies."""

from __future__ import annotations

import json
import re
import threading
from functools import partial
from pathlib import Path
from typing import Any

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
        """A request: the key of who asks, the service, method, path and query, and the headers that say what it is."""
        if signed := _SIGNED.search(environ.get("HTTP_AUTHORIZATION", "")):
            asked = {
                **signed.groupdict(),
                "method": environ["REQUEST_METHOD"],
                "path": environ["PATH_INFO"],
                "query": environ.get("QUERY_STRING", ""),
                "target": environ.get("HTTP_X_AMZ_TARGET", ""),
                "source": environ.get("HTTP_X_AMZ_COPY_SOURCE", ""),
            }
            with self._writing, self._path.open("a") as file:
                file.write(json.dumps(asked) + "\n")
        return super().__call__(environ, start_response)
