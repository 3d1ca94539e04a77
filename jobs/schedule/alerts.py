"""Somebody is told once what is wrong, by a command, e-mail, a webhook or SNS; a dead man's switch that all is well."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import select

from jobs.errors import JobError
from jobs.schedule.board import STUCK, Board, Item
from jobs.schedule.durable import step
from jobs.schedule.ledger.models import AlertRow
from jobs.schedule.ledger.store import Ledger
from jobs.schedule.model import Alerts, Email, Schedule

_SECONDS = 30.0
_COMPARED = 7
"""With how many partitions before it one is compared for completeness."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something to be told. cause: what makes it another problem than the one before."""

    kind: str
    task: str
    partition: str
    what: str
    cause: str = ""

    @property
    def id(self) -> str:
        return hashlib.sha256(repr((self.kind, self.task, self.partition, self.cause)).encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.kind}: {self.task} {self.partition}: {self.what}"


@dataclass(frozen=True, slots=True)
class Message:
    subject: str
    problems: tuple[str, ...]
    text: str


Way = Callable[[Message], None]


def problems(schedule: Schedule, board: Board, items: Iterable[Item], ledger: Ledger) -> Iterator[Problem]:
    """What is wrong with these partitions, which come oldest first."""
    from statistics import median

    now, limit = ledger.clock(), schedule.alerts.stale_after
    before: dict[str, list[int]] = {}
    for item in items:
        task, row = item.task, board.published.get(item.key)
        if item.state in STUCK:
            yield Problem(item.state, *item.key, item.why, item.fingerprint)
        elif item.state in ("stale", "due", "waiting", "missing") and now - item.partition.end > task.grace + limit:
            kind = "missing" if item.state == "missing" else "late"
            yield Problem(kind, *item.key, item.why or item.state)
        if row is None or row.pruned is not None:
            continue
        share = row.rejects / max(row.rejects + row.readings, 1)
        if task.max_rejects is not None and share > task.max_rejects:
            what = f"{row.rejects:,} rejects, {share:.2%} of the records; the limit is {task.max_rejects:.2%}"
            yield Problem("rejects", *item.key, what, row.fingerprint)
        usual = median(before[task.name]) if before.get(task.name) else 0
        if task.min_completeness is not None and row.readings < task.min_completeness * usual:
            what = f"{row.readings:,} readings; usual are {usual:,.0f}, the least is {task.min_completeness:.0%}"
            yield Problem("incomplete", *item.key, what, row.fingerprint)
        if row.cost is not None and row.planned_cost is not None and row.cost > row.planned_cost:
            what = f"cost ${row.cost:,.2f}, planned were at most ${row.planned_cost:,.2f}"
            yield Problem("cost", *item.key, what, row.fingerprint)
        before[task.name] = [*before.get(task.name, ()), row.readings][-_COMPARED:]


def tell_once(schedule: Schedule, ledger: Ledger, found: list[Problem], hide: Callable[[str], str]) -> list[str]:
    """Send by each way, in one message, what it has not taken yet; remember what is over. The errors of ways that did
    not take it: they get it with the next run."""
    now = ledger.clock()
    with ledger.reading() as session:
        known = {row.id: row for row in session.scalars(select(AlertRow))}
    ids = {one.id for one in found}
    is_open = {row.id: row.told.split() for row in known.values() if row.cleared is None and row.id in ids}
    new = [one for one in found if one.id not in is_open]
    over = [row for row in known.values() if row.cleared is None and row.id not in ids]
    if new or over:
        with ledger.writing("ledger.alert") as session:
            for row in over:
                row.cleared = now
                session.merge(row)
            for one in new:
                said = {"kind": one.kind, "task": one.task, "partition": one.partition, "what": hide(one.what)}
                session.merge(AlertRow(id=one.id, **said, raised=now, told="", cleared=None))
    errors = []
    for name, way in ways(schedule.alerts).items():
        wanted = [one for one in found if name not in is_open.get(one.id, ())]
        if not wanted:
            continue
        if (error := sent(name, way, [hide(str(one)) for one in wanted], schedule.file, hide)) is not None:
            errors.append(error)
            continue
        with ledger.writing("ledger.alert") as session:
            for one in wanted:
                taken = session.get_one(AlertRow, one.id)
                taken.told = f"{taken.told} {name}".strip()
    return errors


def ways(alerts: Alerts) -> dict[str, Way]:
    """What sends a message, by the name of its key in the schedule."""
    found: dict[str, Way] = {}
    if alerts.command:
        found["command"] = lambda message: _command(alerts.command, message)
    if (email := alerts.email) is not None:
        found["email"] = lambda message: _email(email, message)
    if (url := alerts.webhook) is not None:
        found["webhook"] = lambda message: _post(url, message)
    if (topic := alerts.sns) is not None:
        found["sns"] = lambda message: _sns(topic, message)
    return found


def sent(name: str, way: Way, lines: list[str], file: Path, hide: Callable[[str], str]) -> str | None:
    """The error, if a way did not take a message."""
    subject = f"Sensor Jobs: {len(lines)} problem{'s' * (len(lines) != 1)}"
    message = Message(subject, tuple(lines), "\n".join([*lines, "", f"schedule: {file}", ""]))
    try:
        with step("alert.send"):
            way(message)
    except Exception as error:  # whatever it is, the other ways are still to be tried
        words = " ".join(str(error).split()) or type(error).__name__
        return hide(f"alerts.{name}: could not be sent: {words}")
    return None


def ping(url: str) -> None:
    """Tell the dead man's switch that all is well."""
    import urllib.request

    urllib.request.urlopen(url, timeout=_SECONDS).close()  # noqa: S310 - http and https, as the schedule checked


def _command(command: tuple[str, ...], told: Message) -> None:
    env = {**os.environ, "ALERT_SUBJECT": told.subject}
    done = subprocess.run(
        command, input=told.text.encode(), env=env, capture_output=True, timeout=_SECONDS, check=False
    )
    if done.returncode:
        raise JobError(f"ended with status {done.returncode}: {done.stderr.decode(errors='replace').strip()[:200]}")


def _email(email: Email, told: Message) -> None:
    import smtplib
    from email.message import EmailMessage
    from email.utils import formatdate, make_msgid

    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = email.sender, ", ".join(email.to), told.subject
    message["Date"], message["Message-ID"] = formatdate(), make_msgid()
    message.set_content(told.text)
    place = urlsplit(email.server)
    is_tls = place.scheme == "smtps"
    opened = smtplib.SMTP_SSL if is_tls else smtplib.SMTP
    with opened(place.hostname or "", place.port or (465 if is_tls else 25), timeout=_SECONDS) as server:
        if email.starttls:
            server.starttls()
        if email.user is not None:
            server.login(email.user, email.password or "")
        server.send_message(message)


def _post(url: str, told: Message) -> None:
    import urllib.request

    body = json.dumps(asdict(told), ensure_ascii=False).encode()
    wanted = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - http and https
    urllib.request.urlopen(wanted, timeout=_SECONDS).close()  # noqa: S310


def _sns(topic: str, told: Message) -> None:
    import boto3

    region = topic.split(":")[3] if topic.count(":") == 5 else None
    client = boto3.session.Session(region_name=region or None).client("sns")
    client.publish(TopicArn=topic, Subject=told.subject[:100], Message=told.text)
