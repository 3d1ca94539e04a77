"""A schedule: its inputs, its jobs in the order in which they need each other, who is told, where things lie."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from jobs.engine.engines import EngineName
from jobs.schedule.names import Names
from jobs.schedule.partitions import Cadence


@dataclass(frozen=True, slots=True)
class Source:
    """Where log objects arrive. `{date}` in a path is the day of arrival."""

    name: str
    paths: tuple[str, ...]
    dialect: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One job of the schedule. `input`: the name of a source or of an earlier task; `after`: tasks whose output an
    option names. `reads`: how far back from a partition's end its input goes; None: to its start."""

    name: str
    job: str
    input: str
    output: str
    cadence: Cadence = "daily"
    time_zone: str = "UTC"
    after: tuple[str, ...] = ()
    reads: timedelta | None = None
    engine: EngineName | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    grace: timedelta = timedelta(hours=1)
    attempts: int = 3
    backoff: timedelta = timedelta(minutes=1)
    time_limit: timedelta = timedelta(hours=2)
    retention: timedelta | None = None
    max_rejects: float | None = None
    min_completeness: float | None = None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def root(self) -> str:
        """The folder or prefix below which all partitions' outputs lie."""
        return self.output.partition("{partition}")[0]

    def output_of(self, partition: str) -> str:
        return self.output.replace("{partition}", partition)


@dataclass(frozen=True, slots=True)
class Email:
    """smtp://host:port, smtps:// with TLS from the start; `starttls` on request."""

    server: str
    sender: str
    to: tuple[str, ...]
    user: str | None = None
    password: str | None = None
    starttls: bool = False


@dataclass(frozen=True, slots=True)
class Alerts:
    """Who is told. `ping`: the dead man's switch, called when a run ends with everything published."""

    command: tuple[str, ...] = ()
    email: Email | None = None
    webhook: str | None = None
    sns: str | None = None
    ping: str | None = None
    stale_after: timedelta = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The whole file. Times of cron and partitions are of `time_zone`; relative paths are of the file's folder.
    relative: what those of inputs and outputs begin with that it spells so."""

    file: Path
    time_zone: str
    start: date
    state: Path
    ledger: str
    look_back: int
    catch_up: int
    sources: Mapping[str, Source]
    tasks: Mapping[str, Task]
    alerts: Alerts = Alerts()
    lease_seconds: float = 30.0
    lease_table: str | None = None
    textfile: Path | None = None
    otlp: str | None = None
    relative: tuple[str, ...] = ()

    @property
    def names(self) -> Names:
        return Names(str(self.folder), self.relative)

    @property
    def folder(self) -> Path:
        return self.file.parent

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def secrets(self) -> list[str]:
        """What must never be shown: passwords, and URLs that are themselves keys."""
        alerts = self.alerts
        found = [alerts.webhook, alerts.ping, alerts.email and alerts.email.password]
        for url in (self.ledger, self.otlp or ""):
            if password := urlsplit(url).password:
                found += [password, unquote(password)]
        found += [os.environ.get(name) for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")]
        return sorted({text for text in found if text}, key=len, reverse=True)
