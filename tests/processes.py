"""Processes of a run that a test has marked through its environment."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path

VARIABLE = "JOBS_TEST_RUN"


def mark() -> dict[str, str]:
    """An environment by which the processes of one run are known."""
    return {VARIABLE: secrets.token_hex(8)}


def left_of(environment: dict[str, str], patience: float = 10.0) -> list[str]:
    """The command lines of marked processes that are still there after a while (seconds)."""
    deadline = time.monotonic() + patience
    while (found := _marked(f"{VARIABLE}={environment[VARIABLE]}")) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def _marked(text: str) -> list[str]:
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            environment = (folder / "environ").read_bytes()
            if text.encode() in environment.split(b"\0"):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found
