"""Endpoints of WebHDFS that are no plain NameNode."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from jobs.errors import AwayError, InputError, JobError
from jobs.lake import storage, webhdfs
from jobs.lake.publish import Publication
from tests.http_server import Answer, http_server

STATUS = {
    "pathSuffix": "",
    "type": "FILE",
    "length": 3,
    "owner": "u",
    "group": "g",
    "permission": "644",
    "accessTime": 1,
    "modificationTime": 1,
    "blockSize": 134217728,
    "replication": 3,
}
"""As HttpFS gives it."""


def test_httpfs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(path: str, body: bytes) -> Answer:
        return 200, "application/json", json.dumps({"FileStatus": STATUS}).encode()

    with http_server(answer) as url:
        monkeypatch.setenv("JOBS_WEBHDFS", url)
        with pytest.raises(InputError) as read:
            storage.expand("hdfs:///logs", lambda name: True)
        with pytest.raises(JobError) as published:
            Publication("hdfs:///stats", "csv", overwrite=True, run_id="a").check()
    said = (
        "HttpFS answers there, which does not say which file is which; "
        "HADOOP_CONF_DIR or JOBS_WEBHDFS must name NameNodes, which must be reachable from here"
    )
    assert [str(read.value), str(published.value)] == [f"hdfs:///logs: {said}", f"hdfs:///stats: {said}"]
    assert not isinstance(read.value, AwayError), "it would say the same again"


@pytest.fixture
def guarded() -> Iterator[tuple[str, list[str]]]:
    """A NameNode and DataNode with `dfs.webhdfs.rest-csrf.enabled`, and what they took."""
    taken: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            size = int(self.headers["Content-Length"])
            self.rfile.read(size)
            if "X-XSRF-HEADER" not in self.headers:
                self.send_error(400, "Missing Required Header for CSRF Vulnerability Protection")
                return
            taken.append(f"{self.command} {size}")
            answer = (
                b"" if size else json.dumps({"Location": f"http://{self.headers['Host']}/webhdfs/v1/x?op"}).encode()
            )
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", taken
    server.shutdown()
    server.server_close()
    thread.join()


def test_requests_are_no_browsers(guarded: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    url, taken = guarded
    monkeypatch.setenv("JOBS_WEBHDFS", url)
    webhdfs.client("hdfs:///x").create("/x", io.BytesIO(b"abc"), 3)
    assert taken == ["PUT 0", "PUT 3"]
