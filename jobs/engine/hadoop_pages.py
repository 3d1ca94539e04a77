"""Hadoop's own pages, asked directly: a proxy that the environment names knows no hosts of a cluster's."""

from __future__ import annotations

import json
import re
import ssl
import urllib.request
from collections.abc import Mapping
from functools import cache
from http.client import HTTPException
from typing import Any

_TIMEOUT = 5.0
_MOST_BYTES = 1 << 20
_CONTENTS = re.compile(r"^LogContents:\n(.*?)(?=^End of LogType:|\Z)", re.MULTILINE | re.DOTALL)


def asked(url: str, *, verified: bool = True) -> dict[str, Any]:
    """What a page answers. verified: whether its certificate is, if it has one.

    Raises OSError, HTTPException, and ValueError for what is no JSON.
    """
    found: dict[str, Any] = json.loads(_read(url, "application/json", verified=verified))
    return found


def end(manager: str, application: str, user: str) -> None:
    """Have a resource manager end an application. user: whose it is. Raises OSError and HTTPException."""
    url = f"{manager}/ws/v1/cluster/apps/{application}/state?user.name={user}"
    _send(url, {"Content-Type": "application/json"}, json.dumps({"state": "KILLED"}).encode(), verified=False)


def listed(url: str, kind: str) -> list[dict[str, Any]]:
    """A list, which stands within a list of its own; what is alone may stand in no list. Empty without an answer."""
    try:
        found = (asked(url).get(f"{kind}s") or {}).get(kind) or []
    except (OSError, ValueError, HTTPException):
        return []
    return found if isinstance(found, list) else [found]


def container_log(node: str, container: str, stream: str) -> str | None:
    """The end of what a container wrote, which its node keeps for some hours; None where it does not show it."""
    url = f"http://{node}/ws/v1/node/containers/{container}/logs/{stream}?size=-{_MOST_BYTES}"
    try:
        text = _read(url, "text/plain").decode("utf-8", "replace")
    except (OSError, HTTPException):
        return None
    found = contents(text)
    return text if found is None else found


def contents(text: str) -> str | None:
    """A log without the lines that YARN puts around it; None where there are none."""
    found = _CONTENTS.search(text)
    return found[1] if found else None


def _read(url: str, kind: str, *, verified: bool = True) -> bytes:
    return _send(url, {"Accept": kind}, verified=verified)


def _send(url: str, headers: Mapping[str, str], body: bytes | None = None, *, verified: bool) -> bytes:
    """What is answered; with a body, which is put there."""
    method = "GET" if body is None else "PUT"
    request = urllib.request.Request(url, body, dict(headers), method=method)  # noqa: S310 - Hadoop's page
    with _opener(verified).open(request, timeout=_TIMEOUT) as answer:
        data: bytes = answer.read()
        return data


@cache
def _opener(verified: bool) -> urllib.request.OpenerDirector:
    """Where it takes any certificate: clusters make their own, and no secret is told them."""
    trust = ssl.create_default_context()
    if not verified:
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust))
