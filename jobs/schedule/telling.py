"""What a run says while it goes on: lines for people, or JSON, and nothing secret in either."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from jobs.schedule.board import Item
from jobs.schedule.model import Schedule

_USER_INFO = re.compile(r"(\w+://[^\s/:@]+):[^\s/@]+@")
_SIGNED = re.compile(r"((?:X-Amz-Signature|X-Amz-Credential|X-Amz-Security-Token|token|key|secret)=)[^\s&'\"]+", re.I)


def hider(schedule: Schedule) -> Callable[[str], str]:
    """What takes secrets out of a text: those of the schedule and the environment, and what looks like one in a URL.
    What it gives is text that any database and terminal takes."""
    secrets = [*schedule.secrets(), *filter(None, (os.environ.get("PGPASSWORD"), os.environ.get("MYSQL_PWD")))]

    def hide(text: str) -> str:
        text = text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
        for secret in secrets:
            text = text.replace(secret, "***")
        return _SIGNED.sub(r"\1***", _USER_INFO.sub(r"\1:***@", text))

    return hide


class Teller:
    """Writes what happens to standard error: one line an event, as text or, with `as_json`, as JSON."""

    def __init__(self, hide: Callable[[str], str], *, as_json: bool, quiet: bool) -> None:
        self._hide, self._as_json, self._quiet = hide, as_json, quiet

    def __call__(self, event: str, item: Item | None = None, **fields: Any) -> None:
        said = {key: self._shown(value) for key, value in fields.items() if value is not None}
        if self._as_json:
            where = {"job": item.task.name, "partition": item.partition.name} if item else {}
            time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            line = json.dumps({"time": time, "event": event, **where, **said}, ensure_ascii=False)
        elif event == "started" or (self._quiet and ("error" not in said or event == "retry")):
            return
        else:
            line = _line(event, item, said)
        print(line, file=sys.stderr, flush=True)

    def _shown(self, value: Any) -> Any:
        """Before JSON spells a secret otherwise."""
        if isinstance(value, list):
            return [self._shown(one) for one in value]
        return self._hide(value) if isinstance(value, str) else value


def _line(event: str, item: Item | None, said: dict[str, Any]) -> str:
    place = f"{item.task.name} {item.partition.name}: " if item else ""
    if event == "published":
        return f"{place}published, {said.get('readings', 0):,} readings, {said.get('seconds', 0):.2f} s"
    if event == "adopted":
        return f"{place}is published already, by run {said['run']}"
    if event == "lost":
        return f"an earlier run was killed, and {said['attempts']} of its attempts with it"
    if event == "retry":
        return f"{place}again in {said['seconds']:.0f} s"
    return f"{place}{event}: {said['error']}" if "error" in said else f"{place}{event}"
