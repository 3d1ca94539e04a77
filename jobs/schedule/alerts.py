"""Somebody is told once what is wrong, by a command, e-mail, a webhook or SNS; a dead man's switch that all is well."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from sqlalchemy import select

from jobs.errors import JobError
from jobs.schedule.board import STUCK, Board, Item
from jobs.schedule.durable import step
from jobs.schedule.ledger.models import AlertRow
from jobs.schedule.ledger.store import Ledger
from jobs.schedule.model import Alerts, Email, Schedule
from jobs.schedule.processes import end

_SECONDS, _IN_ALL = 30.0, 90.0
"""For an answer of a server, and for all that it is asked."""
_COMPARED = 7
"""With how many partitions before it one is compared for completeness."""
_T = TypeVar("_T")


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
        return f"{self.kind}: {self.task} {self.partition}: {self.what}" if self.task else f"{self.kind}: {self.what}"


@dataclass(frozen=True, slots=True)
class Message:
    subject: str
    problems: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Way:
    """How somebody is told. receivers: the names, without blanks, under which is remembered who took it. send: to these
    of them; why some did not take it, by name. Raises whatever goes wrong for all of them."""

    name: str
    receivers: tuple[str, ...]
    send: Callable[[Message, tuple[str, ...]], Mapping[str, str]]


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
    for way in ways(schedule.alerts):
        left = {name: tuple(one for one in found if not _took(name, is_open.get(one.id, []))) for name in way.receivers}
        for wanted in filter(None, dict.fromkeys(left.values())):
            names = tuple(name for name in left if left[name] == wanted)
            took, failed = sent(way, names, [hide(str(one)) for one in wanted], schedule.file, hide)
            errors += failed
            if took:
                with ledger.writing("ledger.alert") as session:
                    for one in wanted:
                        row = session.get_one(AlertRow, one.id)
                        row.told = " ".join([*row.told.split(), *took])
    return errors


def _took(name: str, told: list[str]) -> bool:
    """Whether a receiver is among those who were told; a way without receivers stands for all of its."""
    return name in told or name.partition(":")[0] in told


def ways(alerts: Alerts) -> list[Way]:
    """What sends a message, named as its key in the schedule."""
    found: list[Way] = []
    if alerts.command:
        found.append(_way("command", lambda message: _command(alerts.command, message)))
    if (email := alerts.email) is not None:
        addresses = {f"email:{''.join(address.split())}": address for address in email.to}
        found.append(Way("email", tuple(addresses), lambda message, names: _email(email, message, addresses, names)))
    if (url := alerts.webhook) is not None:
        found.append(_way("webhook", lambda message: _post(url, message)))
    if (topic := alerts.sns) is not None:
        found.append(_way("sns", lambda message: _sns(topic, message)))
    return found


def _way(name: str, send: Callable[[Message], None]) -> Way:
    """One with a single receiver."""

    def told(message: Message, names: tuple[str, ...]) -> Mapping[str, str]:
        send(message)
        return {}

    return Way(name, (name,), told)


def sent(
    way: Way, names: tuple[str, ...], lines: list[str], file: Path, hide: Callable[[str], str]
) -> tuple[list[str], list[str]]:
    """Tell these receivers of a way: who took it, and the errors of the others."""
    subject = f"Sensor Jobs: {len(lines)} problem{'s' * (len(lines) != 1)}"
    message = Message(subject, tuple(lines), "\n".join([*lines, "", f"schedule: {file}", ""]))
    try:
        with step("alert.send"):
            refused = _in_time(lambda: way.send(message, names))
    except Exception as error:  # whatever it is, the other ways are still to be tried
        words = " ".join(str(error).split()) or type(error).__name__
        return [], [hide(f"alerts.{way.name}: could not be sent: {words}")]
    errors = [hide(f"alerts.{name.replace(':', ': ', 1)} did not take it: {why}") for name, why in refused.items()]
    return [name for name in names if name not in refused], errors


def ping(url: str) -> None:
    """Tell the dead man's switch that all is well."""
    import urllib.request

    def call() -> None:
        urllib.request.urlopen(url, timeout=_SECONDS).close()  # noqa: S310 - http and https, as the schedule checked

    _in_time(call)


def _in_time(call: Callable[[], _T]) -> _T:
    """What a call returns or raises. A server each of whose bytes is in time, but not their sum, is left to itself."""
    from concurrent.futures import Future
    from threading import Thread

    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    try:
        return future.result(_IN_ALL)
    except TimeoutError:
        if future.done():
            raise
        raise JobError(f"took longer than {_IN_ALL:.0f} s, and was left to itself") from None


def _command(command: tuple[str, ...], told: Message) -> None:
    env = {**os.environ, "ALERT_SUBJECT": told.subject}
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=env,
        start_new_session=True,
    )
    try:
        said = child.communicate(told.text.encode(), _SECONDS)[1].decode(errors="replace").strip()
    except subprocess.TimeoutExpired:
        end(child)
        raise JobError(f"took longer than {_SECONDS:.0f} s, and was ended") from None
    if child.returncode:
        raise JobError(f"ended with status {child.returncode}: {said[:200]}")


def _email(email: Email, told: Message, addresses: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    import smtplib
    import ssl
    from email.message import EmailMessage
    from email.utils import formatdate, make_msgid, parseaddr

    message = EmailMessage()
    message["From"], message["Subject"] = email.sender, told.subject
    message["To"] = ", ".join(addresses[name] for name in names)
    message["Date"], message["Message-ID"] = formatdate(), make_msgid()
    message.set_content(told.text)
    place, tls = urlsplit(email.server), ssl.create_default_context()
    host = place.hostname or ""
    opened = (
        smtplib.SMTP_SSL(host, place.port or 465, timeout=_SECONDS, context=tls)
        if place.scheme == "smtps"
        else smtplib.SMTP(host, place.port or 25, timeout=_SECONDS)
    )
    with opened as server:
        if email.starttls:
            server.starttls(context=tls)
        if email.user is not None:
            server.login(email.user, email.password or "")
        try:
            refused = server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            refused = error.recipients
    answers = {name: refused.get(parseaddr(addresses[name])[1]) for name in names}
    return {
        name: f"{answer[0]} {' '.join(answer[1].decode(errors='replace').split())}"
        for name, answer in answers.items()
        if answer is not None
    }


def _post(url: str, told: Message) -> None:
    import urllib.request

    class Stays(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            """A POST that is redirected becomes a GET, and what it says is lost: that is an error."""

    body = json.dumps(asdict(told), ensure_ascii=False).encode()
    wanted = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - http and https
    urllib.request.build_opener(Stays).open(wanted, timeout=_SECONDS).close()


def _sns(topic: str, told: Message) -> None:
    import boto3

    region = topic.split(":")[3] if topic.count(":") == 5 else None
    client = boto3.session.Session(region_name=region or None).client("sns")
    client.publish(TopicArn=topic, Subject=told.subject[:100], Message=told.text)
