"""Hadoop's pages are asked directly."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest

from jobs.engine import hadoop_pages
from tests.http_server import Answer, http_server
from tests.servers import free_port


def _answer(path: str, body: bytes) -> Answer:
    if path.startswith("/ws/v1/node/containers/container_1/logs/stderr"):
        return 200, "text/plain", b"said"
    if path.startswith("/ws/v1/node/containers/container_3/logs/stderr"):
        head = b"Container: container_3 on node:1\nLogAggregationType: LOCAL\n====\nLogType:stderr\nLogLength:5\n"
        return 200, "text/plain", head + b"LogContents:\nsaid\nEnd of LogType:stderr.\n****\n\n"
    found = {"/alone": b'{"tasks": {"task": {"id": 1}}}', "/none": b'{"tasks": null}'}.get(path)
    return (404, "text/plain", b"") if found is None else (200, "application/json", found)


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    with http_server(_answer) as url:
        with pytest.raises(urllib.error.URLError):
            urllib.request.build_opener().open(f"{url}/alone", timeout=5)
        assert hadoop_pages.asked(f"{url}/alone") == {"tasks": {"task": {"id": 1}}}


def test_lists_and_logs() -> None:
    with http_server(_answer) as url:
        node = url.removeprefix("http://")
        assert hadoop_pages.listed(f"{url}/alone", "task") == [{"id": 1}]
        assert hadoop_pages.listed(f"{url}/none", "task") == hadoop_pages.listed(f"{url}/x", "task") == []
        assert hadoop_pages.container_log(node, "container_1", "stderr") == "said"
        assert hadoop_pages.container_log(node, "container_3", "stderr") == "said\n", "without YARN's own words"
        assert hadoop_pages.container_log(node, "container_2", "stderr") is None
