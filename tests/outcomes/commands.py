"""Commands in a folder of a test's own, and what they told: status, output, and the whole of standard error."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import stdev

from tests.command_line import ROOT

DAILY = "jobs.daily_stats"
HEADER = b"timestamp,device_id,metric,value\n"
COLUMNS = "device_id,metric,unit,date,count,mean,stddev,min,max,sum,first_timestamp,last_timestamp\n"
"""The header of daily_stats."""

_VOLATILE = (
    (re.compile(r"[0-9.,]+ s · [0-9.,]+ MB/s"), "TIME"),
    (re.compile(r"\(run daily_stats-\w+-\w+\)"), "(RUN)"),
)


@dataclass(frozen=True)
class Outcome:
    """How a command ended. `errors`: standard error with times and run ids masked."""

    status: int
    output: str
    errors: str


def told(
    folder: Path,
    *arguments: object,
    module: str = DAILY,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    before: Callable[[], None] | None = None,
    seconds: float = 300,
) -> Outcome:
    """Run `python -m MODULE ARGUMENTS` in `folder`, for so many seconds at most; `before` is called in the child before
    it begins."""
    done = subprocess.run(
        command(*arguments, module=module),
        cwd=folder,
        env=environment(env),
        input=stdin,
        capture_output=True,
        timeout=seconds,
        check=False,
        preexec_fn=before,
    )
    return Outcome(done.returncode, done.stdout.decode(), masked(done.stderr))


@contextmanager
def reading(
    folder: Path, *arguments: object, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m jobs.daily_stats - ARGUMENTS`, which has made its plan and waits for more of its standard input."""
    with subprocess.Popen(
        command("-", *arguments),
        cwd=folder,
        env=environment(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        # a job in the background inherits an ignored SIGINT
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
    ) as process:
        assert process.stdin is not None
        # more than a pipe holds: when it is written, a task is reading
        process.stdin.write(HEADER + day(1) * 1000)
        process.stdin.flush()
        yield process


def command(*arguments: object, module: str = DAILY) -> list[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]


def environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}


def masked(errors: bytes) -> str:
    text = errors.decode()
    for pattern, word in _VOLATILE:
        text = pattern.sub(word, text)
    return text


def day(number: int, count: int = 50) -> bytes:
    """The lines of one day of March 2026: `count` readings, 0.5, 1.5, …, of one device."""
    assert count <= 60
    line = "2026-03-{:02}T00:00:{:02}Z,dev-1,temperature,{}.5\n"
    return "".join(line.format(number, i, i) for i in range(count)).encode()


def row(number: int, count: int = 50) -> str:
    """The row of daily_stats for `day(number, count)`."""
    values = [i + 0.5 for i in range(count)]
    total, spread = sum(values), repr(stdev(values)).removesuffix(".0")
    mean, whole = (repr(x).removesuffix(".0") for x in (total / count, total))
    date = f"2026-03-{number:02}"
    times = f"{date}T00:00:00Z,{date}T00:00:{count - 1:02}Z"
    return f"dev-1,temperature,,{date},{count},{mean},{spread},0.5,{values[-1]},{whole},{times}\n"
