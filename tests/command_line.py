"""Running the suite's commands as a user does: in processes of their own."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).resolve().parent.parent


def run(
    module: str,
    *arguments: object,
    env: dict[str, str] | None = None,
    stdin: bytes = b"",
    cwd: Path = ROOT,
    timeout: float = 300,
) -> subprocess.CompletedProcess[bytes]:
    """`python -m MODULE ARGUMENTS`, with this interpreter; its status, output and errors."""
    return subprocess.run(
        [sys.executable, "-m", module, *(str(a) for a in arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        input=stdin,
        capture_output=True,
        timeout=timeout,
        check=False,
    )


def result(module: str, *arguments: object, env: dict[str, str] | None = None, stdin: bytes = b"") -> bytes:
    """The output of a command that must succeed."""
    done = run(module, *arguments, env=env, stdin=stdin)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


class Twin(Protocol):
    """What runs a Spark twin; tests take the fixture `twin`."""

    def __call__(self, module: str, *arguments: object) -> bytes: ...


def run_twin(module: str, *arguments: object) -> bytes:
    """What a Spark twin prints, run in this process, in the session that is there."""
    from jobs.engine.spark_command import command

    out = io.TextIOWrapper(io.BytesIO(), "utf-8")
    with contextlib.redirect_stdout(out):
        assert command(importlib.import_module(module).TWIN, [str(a) for a in arguments]) == 0
    out.flush()
    buffer = out.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue()
