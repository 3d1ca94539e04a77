"""A small schedule with logs of its own, run as a user runs it, at a time that the test says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

import alembic.command  # noqa: F401 - forks share what is imported here
import pyarrow as pa

from jobs import compact, daily_stats  # noqa: F401 - the same
from jobs.engine.guard import guarded
from jobs.lake import s3_client
from jobs.lake.published import open_published
from jobs.schedule import after, attempt, commands, days, lease, processes  # noqa: F401 - the same
from jobs.schedule.__main__ import main
from jobs.schedule.partitions import Cadence, Partition, partitions
from tests.command_line import ROOT
from tests.processes import wear
from tests.servers import S3Server

ROWS = {"a": ("01:00:00", "12:00:00", "23:30:00"), "b": ("02:00:00", "22:15:00")}

TEXT = """
[schedule]
start = 2026-03-01
backoff = "0s"
{schedule}
[inputs.logs]
paths = ["{logs}/dt={{date}}/"]

[jobs.compact]
input = "logs"
output = "{out}/sorted/{{partition}}/"
{compact}
[jobs.daily_stats]
input = "compact"
output = "{out}/daily_stats/{{partition}}/"
{more}
"""


@dataclass
class Home:
    """The folder of a schedule: `logs` and `out` are paths or URIs; the rest stands in schedule.toml."""

    folder: Path
    logs: str = "logs"
    out: str = "out"
    schedule: str = ""
    compact: str = ""
    more: str = ""
    env: dict[str, str] = field(default_factory=dict)
    lake: S3Server | None = None

    @property
    def file(self) -> Path:
        return self.folder / "schedule.toml"

    def write(self) -> Home:
        self.folder.mkdir(exist_ok=True)
        said = {name: getattr(self, name) for name in ("logs", "out", "schedule", "compact", "more")}
        self.file.write_text(TEXT.format(**said), "utf-8")
        return self

    def arrive(self, day: str, name: str = "a.csv", of: str | None = None, device: str = "a") -> Path:
        """A log of readings of the day `of`, in the folder of its arrival; its path, where it is no object in S3."""
        if self.lake is not None:
            bucket, _, prefix = self.logs.removeprefix("s3://").partition("/")
            self.lake.client().put_object(Bucket=bucket, Key=f"{prefix}/dt={day}/{name}", Body=log(of or day, device))
            return Path(name)
        path = self.folder / self.logs / f"dt={day}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(log(of or day, device), "utf-8")
        return path

    def environ(self) -> dict[str, str]:
        """The environment of a process of its own."""
        return {**os.environ, "PYTHONPATH": str(ROOT), **self.env}

    def call(self, command: str, *arguments: object, now: str | None = None) -> subprocess.CompletedProcess[bytes]:
        """What a command says."""
        out, errors = (self.folder.with_name(f"{self.folder.name}.{name}") for name in ("out", "errors"))
        for path in (out, errors):
            path.write_bytes(b"")
        status = ended(self.begin(now, errors, *arguments, command=command, out=out))
        return subprocess.CompletedProcess([command], status, out.read_bytes(), errors.read_bytes())

    def fork(self, now: str, log: Path, **env: str) -> int:
        """The exit status of a run; what it says goes to `log`."""
        return ended(self.begin(now, log, env=env))

    def begin(
        self,
        now: str | None,
        log: Path,
        *arguments: object,
        command: str = "run",
        out: Path | None = None,
        env: Mapping[str, str] = MappingProxyType({}),
    ) -> int:
        """The process of a command, a fork of this one, which is quicker; its errors go to `log`."""
        if self.lake is not None:
            s3_client.client()  # forks share what it has read; each makes a client of its own
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                for number, path in ((1, out), (2, log)):
                    if path is not None:
                        with path.open("ab") as file:
                            os.dup2(file.fileno(), number)
                _open_streams()
                os.environ |= {**self.env, **env, **({"JOBS_TEST_NOW": now} if now else {})}
                sys.argv = ["jobs.schedule", command, "--schedule", str(self.file), *map(str, arguments)]
                wear(os.environ)
                processes.Popen = partial(subprocess.Popen, preexec_fn=_attempt)  # type: ignore[attr-defined,assignment] # of the fork
                warnings.simplefilter("ignore", DeprecationWarning)  # of a fork while the lease has a thread
                status = guarded(main)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        return pid

    def night(self, now: str, *arguments: object, status: int = 0) -> str:
        """What a run at that time says. It must end with this status."""
        done = self.call("run", *arguments, now=now)
        assert done.returncode == status, done.stderr.decode()
        return done.stderr.decode()

    def rows(self, task: str, partition: str) -> pa.Table:
        where = self.out if "://" in self.out else str(self.folder / self.out)
        return pa.concat_tables(open_published(f"{where}/{task}/{partition}/"))


def _attempt() -> None:
    """Be an attempt, or the reading of new objects, in a fork of the run that started it: all that is left out is a new
    interpreter, and importing again."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208 - names of descriptors
        if number > 2 and number != nowhere:
            os.dup2(nowhere, number)  # as in a new process; the lock is the run's alone
    _open_streams()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    status = 1
    try:
        status = guarded(attempt.main)
    except SystemExit as error:
        status = int(error.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _open_streams() -> None:
    """Standard streams on what the descriptors are now."""
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", 1, closefd=False)


def ended(pid: int) -> int:
    """The exit status of a process that was begun."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def named(cadence: Cadence, zone: ZoneInfo, name: str) -> Partition:
    """The partition of that name."""
    year = int(name[:4])
    begin, end = datetime(year - 1, 12, 1, tzinfo=UTC), datetime(year + 1, 2, 1, tzinfo=UTC)
    return next(one for one in partitions(cadence, zone, begin, end) if one.name == name)


def log(day: str, device: str = "a") -> str:
    """A CSV log of a device's day."""
    lines = [f"{day}T{time}Z,{device},temperature,{number + 0.5},°C" for number, time in enumerate(ROWS[device])]
    return "\n".join(["timestamp,device_id,metric,value,unit", *lines, ""])
