"""What steps have started on YARN ends where the resource manager can be asked, and is told where it cannot."""

from __future__ import annotations

import json

import pytest

from jobs.engine import emr_cancel
from tests.http_server import Answer, http_server


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emr_cancel, "_EVERY", 0.01)
    monkeypatch.setattr(emr_cancel, "_PATIENCE", 0.2)


@pytest.mark.parametrize(("looks", "ends"), [(0, True), (3, True), (1_000_000, False)])
def test_an_application_ends_by_its_name(looks: int, ends: bool) -> None:
    """And is gone for whoever asks. looks: at which it is still there."""
    put: list[tuple[str, bytes]] = []
    seen = 0

    def answer(path: str, body: bytes) -> Answer:
        nonlocal seen
        if body:
            put.append((path, body))
            return 202, "application/json", body
        seen += 1
        apps = [{"id": "application_1_1", "name": "other"}, {"id": "application_1_2", "name": "ours"}]
        found = {"apps": {"app": apps[: 2 if seen <= looks else 1]}}
        return 200, "application/json", json.dumps(found).encode()

    with http_server(answer) as url:
        assert emr_cancel.end_application(url.removeprefix("http://"), "ours") is ends
    wanted = ("/ws/v1/cluster/apps/application_1_2/state?user.name=hadoop", b'{"state": "KILLED"}')
    assert set(put) == ({wanted} if looks else set())


@pytest.mark.parametrize("said", [(403, "text/plain", b"no"), (200, "text/html", b"<html>")])
def test_who_does_not_end_it_is_told_of(said: Answer) -> None:
    with http_server(lambda path, body: said) as url:
        assert not emr_cancel.end_application(url.removeprefix("http://"), "ours")
    assert not emr_cancel.end_application("127.0.0.1:1", "ours")
