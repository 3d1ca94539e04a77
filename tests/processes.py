"""Processes of a run, which a test has marked through its environment, or that work in a folder."""

from __future__ import annotations

import ctypes
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path

from jobs.engine.forks import available

VARIABLE = "JOBS_TEST_RUN"
_PR_SET_NAME = 15


def mark() -> dict[str, str]:
    """An environment by which the processes of one run are known."""
    return {VARIABLE: secrets.token_hex(8)}


def wear(environment: Mapping[str, str]) -> None:
    """Have this process and those that it forks be known so: a fork does not show an environment of its own."""
    if available and VARIABLE in environment:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NAME, _name(environment).encode())


def left_of(environment: dict[str, str], patience: float = 10.0) -> list[str]:
    """The command lines of marked processes that are still there after a while (seconds)."""
    deadline = time.monotonic() + patience
    while (found := _marked(environment)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def working_in(folder: Path) -> list[str]:
    """The command lines of all processes that name the folder or work in it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            works_there = (entry / "cwd").readlink().is_relative_to(folder)
        except OSError:
            continue
        if works_there or f"{folder}/" in arguments:
            found.append(arguments)
    return found


def _name(environment: Mapping[str, str]) -> str:
    return environment[VARIABLE][:15]  # as long as Linux keeps one


def _marked(environment: Mapping[str, str]) -> list[str]:
    found, text = [], f"{VARIABLE}={environment[VARIABLE]}"
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            is_named = (folder / "comm").read_text().strip() == _name(environment)
            if is_named or text.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found
