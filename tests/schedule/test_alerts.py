"""Who is told, once: by a command, a real mail server, a webhook, SNS; the dead man's switch; metrics; no secrets."""

from __future__ import annotations

# ruff: noqa: E501 - an approved text stands in one line
import email
import email.policy
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

from jobs.errors import JobError
from jobs.schedule import alerts, night
from tests.http_server import Answer, http_server
from tests.processes import left_of, mark
from tests.schedule.nights import Home
from tests.servers import S3Server, free_port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),  # on the loopback it may be
]

NIGHT, NEXT = "2026-03-03T02:00:00+00:00", "2026-03-04T02:00:00+00:00"


def _mail(server: tuple[int, _Box], *to: str) -> str:
    """The table of a schedule by which alerts are mailed."""
    return f"""[alerts.email]
server = "smtp://127.0.0.1:{server[0]}"
from = "jobs@example.org"
to = {json.dumps(to)}
user = "jobs"
password = "env:SMTP_PASSWORD"
"""


class _Box:
    """Keeps the messages that a mail server received, and who it let in."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.users: list[tuple[str, str]] = []
        self.unknown: set[str] = set()

    async def handle_RCPT(  # noqa: N802 - its name there
        self, server: SMTP, session: object, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.unknown:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: object, envelope: Envelope) -> str:  # noqa: N802 - its name there
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        return "250 OK"

    def authenticate(self, server: SMTP, session: object, envelope: object, mechanism: str, data: object) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.users.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=self.users[-1] == ("jobs", "s3cret-too"), handled=True)


@pytest.fixture
def mail() -> Iterator[tuple[int, _Box]]:
    """A mail server that asks for a password."""
    box, port = _Box(), free_port()
    asks: dict[str, Any] = {"authenticator": box.authenticate, "auth_required": True, "auth_require_tls": False}
    server = Controller(box, "127.0.0.1", port, **asks)
    server.start()
    yield port, box
    server.stop()


@dataclass(frozen=True)
class _Web:
    """A web server: its address, and the path and body of each request so far."""

    address: str
    received: list[tuple[str, bytes]]


@pytest.fixture
def web() -> Iterator[_Web]:
    received: list[tuple[str, bytes]] = []

    def answer(path: str, body: bytes) -> Answer:
        received.append((path, body))
        return 200, "text/plain", b""

    with http_server(answer) as address:
        yield _Web(address, received)


@pytest.fixture
def home(home: Home) -> Home:
    """A home where one day's log is damaged."""
    home.arrive("2026-03-02")
    home.arrive("2026-03-01", "bad.csv.gz").write_bytes(b"\x1f\x8b\x08\x00broken")
    return home


def test_every_way_once(home: Home, mail: tuple[int, _Box], web: _Web) -> None:
    told = home.folder / "told"
    tell = [sys.executable, "-c", f"import sys; open({str(told)!r}, 'a').write(sys.stdin.read())"]
    home.env = {"HOOK": f"{web.address}/hook/s3cret", "SMTP_PASSWORD": "s3cret-too"}
    home.schedule = f"""
[alerts]
command = {json.dumps(tell)}
webhook = "env:HOOK"
ping = "{web.address}/ping/s3cret-ping"
{_mail(mail, "ops@example.org", "me@example.org")}
[metrics]
textfile = "jobs.prom"
otlp = "{web.address}"
"""
    home.write()
    said = home.night(NIGHT, status=1)
    what = f"failed: compact 2026-03-01: 1 attempt: {home.folder}/logs/dt=2026-03-01/bad.csv.gz at byte 0: damaged: "
    (message,) = mail[1].messages
    assert mail[1].users == [("jobs", "s3cret-too")]
    assert (message["Subject"], message["From"]) == ("Sensor Jobs: 1 problem", "jobs@example.org")
    assert message["To"] == "ops@example.org, me@example.org"
    text = message.get_content().replace("\r\n", "\n")
    assert text.startswith(what)
    assert text.endswith(f"\n\nschedule: {home.file}\n")
    hooks = [json.loads(body) for path, body in web.received if path.startswith("/hook")]
    assert len(hooks) == 1
    assert hooks[0]["problems"][0].startswith(what)
    assert told.read_text().startswith(what)
    assert any(path == "/v1/metrics" and b"sensor_jobs_partitions" in body for path, body in web.received)
    assert not any(path.startswith("/ping") for path, _ in web.received)
    metrics = (home.folder / "jobs.prom").read_text()
    assert 'sensor_jobs_partitions{job="compact",state="failed"} 1\n' in metrics
    assert metrics.endswith("# EOF\n")
    before = len(told.read_text())
    said += home.night(NIGHT)
    assert len(told.read_text()) == before, "once, not every night"
    home.arrive("2026-03-01", "bad.csv.gz").unlink()
    home.arrive("2026-03-01")
    said += home.night(NEXT)
    assert [path for path, _ in web.received if path.startswith("/ping")] == ["/ping/s3cret-ping"]
    kept = b"".join(path.read_bytes() for path in home.folder.rglob("*") if path.is_file() and path.suffix != ".toml")
    for secret in (b"s3cret", b"s3cret-ping", b"s3cret-too"):
        assert secret not in kept, "no secret in ledger, logs, metrics or results"
        assert secret.decode() not in said


def test_a_server_that_never_gets_to_the_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte of its answer is in time."""
    monkeypatch.setattr(alerts, "_IN_ALL", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            connection = server.accept()[0]
            with connection, suppress(OSError):
                for _ in range(100):
                    connection.sendall(b"x")
                    time.sleep(0.05)

        thread = threading.Thread(target=trickle)
        thread.start()
        with pytest.raises(JobError, match="took longer than 0 s, and was left to itself"):
            alerts.ping(f"http://127.0.0.1:{server.getsockname()[1]}/ping")
        thread.join()


def test_an_alert_that_could_not_be_sent_is_sent_by_the_next_run(home: Home) -> None:
    told = home.folder / "told"
    home.schedule = f'[alerts]\ncommand = ["sh", "-c", "test -e {home.folder}/open && cat >> {told}"]'
    home.write()
    assert "warning: alerts.command: could not be sent: ended with status 1" in home.night(NIGHT, status=1)
    (home.folder / "open").touch()
    home.night(NIGHT)
    home.night(NIGHT)
    assert told.read_text().count("compact 2026-03-01") == 1


def test_a_way_that_took_it_does_not_get_it_again(home: Home) -> None:
    told = home.folder / "told"
    home.schedule = f"""
[alerts]
command = ["sh", "-c", "cat >> {told}"]
webhook = "http://127.0.0.1:1/hook/s3cret"
"""
    home.write()
    for status in (1, 0):
        said = home.night(NIGHT, status=status)
        assert "warning: alerts.webhook: could not be sent: <urlopen error [Errno 111] Connection refused>" in said
    assert told.read_text().count("compact 2026-03-01") == 1


def test_who_a_mail_server_refuses_gets_it_once_it_does_not(home: Home, mail: tuple[int, _Box]) -> None:
    home.env = {"SMTP_PASSWORD": "s3cret-too"}
    home.schedule = f"""
{_mail(mail, "Ops <ops@example.org>", "me@example.org")}
"""
    home.write()
    box = mail[1]
    box.unknown = {"me@example.org", "ops@example.org"}
    told = [
        f"warning: alerts.email: {who} did not take it: 550 no such user"
        for who in ("Ops<ops@example.org>", "me@example.org")
    ]
    assert [line for line in home.night(NIGHT, status=1).splitlines() if "alerts" in line] == told
    box.unknown = {"me@example.org"}
    for _ in range(2):
        assert [line for line in home.night(NIGHT).splitlines() if "alerts" in line] == told[1:]
    box.unknown = set()
    for _ in range(2):
        assert "alerts" not in home.night(NIGHT)
    assert [message["To"] for message in box.messages] == ["Ops <ops@example.org>, me@example.org", "me@example.org"]


def test_a_mail_server_that_nobody_vouches_for_gets_no_password(home: Home) -> None:
    key, certificate = home.folder / "key.pem", home.folder / "certificate.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "1"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    box, port = _Box(), free_port()
    server = Controller(box, "127.0.0.1", port, ssl_context=tls, authenticator=box.authenticate, auth_require_tls=False)
    who = 'from = "jobs@example.org"\nto = ["ops@example.org"]\nuser = "jobs"\npassword = "s3cret-too"'
    home.schedule = f'[alerts.email]\nserver = "smtps://127.0.0.1:{port}"\n{who}'
    home.write()
    server.start()
    try:
        assert "warning: alerts.email: could not be sent: [SSL: CERTIFICATE_VERIFY_FAILED]" in home.night(
            NIGHT, status=1
        )
        assert (box.users, box.messages) == ([], [])
        home.env = {"SSL_CERT_FILE": str(certificate)}
        assert "alerts" not in home.night(NIGHT)
        assert box.users == [("jobs", "s3cret-too")]
        assert len(box.messages) == 1
    finally:
        server.stop()


def test_a_webhook_that_has_moved_did_not_take_it(home: Home) -> None:
    received: list[tuple[str, bytes]] = []

    def answer(path: str, body: bytes) -> Answer:
        received.append((path, body))
        return (301, "/new", b"") if path == "/old" else (200, "text/plain", b"")

    with http_server(answer) as address:
        for path, told in (
            ("old", "warning: alerts.webhook: could not be sent: HTTP Error 301: Moved Permanently\n"),
            ("new", ""),
        ):
            home.schedule = f'[alerts]\nwebhook = "{address}/{path}"'
            said = home.write().night(NIGHT, status=int(path == "old"))
            assert "".join(line for line in said.splitlines(keepends=True) if "alerts" in line) == told
    assert [path for path, _ in received] == ["/old", "/new"]
    assert b"compact 2026-03-01" in received[1][1]


def test_a_command_that_hangs_is_ended_with_its_processes(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "_SECONDS", 1.0)
    home.schedule, home.env = '[alerts]\ncommand = ["sh", "-c", "sleep 300 & sleep 300"]', mark()
    said = home.write().night(NIGHT, status=1)
    assert "warning: alerts.command: could not be sent: took longer than 1 s, and was ended\n" in said
    assert not left_of(home.env)


def test_metrics_that_are_not_taken(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", schedule='[metrics]\notlp = "http://127.0.0.1:1/s3cret"').write()
    home.arrive("2026-03-02")
    *made, warning, _ = home.night(NIGHT).splitlines()
    assert len(made) == 2
    pool = "HTTPConnectionPool(host='127.0.0.1', port=1): Max retries exceeded with url: /v1/metrics"
    assert warning.startswith(f"warning: metrics.otlp: was not taken: Transient error {pool} (Caused by ")


def test_sns(home: Home, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    topic = boto3.client("sns").create_topic(Name="nights")["TopicArn"]
    queue = boto3.client("sqs").create_queue(QueueName="ears")["QueueUrl"]
    arn = boto3.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    ears = boto3.client("sqs")
    monkeypatch.delenv("AWS_DEFAULT_REGION")  # the topic's name says where it is
    home.schedule = f'[alerts]\nsns = "{topic}"'
    home.write().night(NIGHT, status=1)
    (message,) = ears.receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(message["Body"])["Subject"] == "Sensor Jobs: 1 problem"


@pytest.mark.parametrize(
    ("compact", "told"),
    [
        ("max_rejects = 0.1\noptions = { max_rejects = 0.9 }", "rejects: compact 2026-03-04: 2 rejects, 40.00% of the records; the limit is 10.00%"),
        ("min_completeness = 0.8", "incomplete: compact 2026-03-04: 2 readings; usual are 3, the least is 80%"),
    ],
)  # fmt: skip
def test_what_is_published_but_strange(tmp_path: Path, compact: str, told: str) -> None:
    said = tmp_path / "told"
    home = Home(tmp_path, compact=compact, schedule=f'[alerts]\ncommand = ["sh", "-c", "cat >> {said}"]').write()
    for day in ("2026-03-01", "2026-03-02", "2026-03-03"):
        home.arrive(day)
    if "rejects" in told:
        home.arrive("2026-03-04").open("a").write(
            "2026-03-04T03:00:00Z,a,temperature,warm,°C\nsoon,a,temperature,1,°C\n"
        )
    else:
        home.arrive("2026-03-04", device="b")
    home.night("2026-03-05T02:00:00+00:00")
    assert said.read_text().splitlines()[0] == told


def test_what_is_missing_and_what_is_late(tmp_path: Path) -> None:
    """Once `stale_after` has gone by since it was due."""
    said = tmp_path / "told"
    ways = f'[alerts]\ncommand = ["sh", "-c", "cat >> {said}"]\nstale_after = "2d"'
    home = Home(tmp_path, schedule=ways).write()
    home.arrive("2026-03-02").with_suffix(".csv.gz").write_bytes(b"\x1f\x8b\x08\x00broken")
    home.night("2026-03-03T02:00:00+00:00", status=1)
    assert [line.partition(" 2026")[0] for line in said.read_text().splitlines()[:-2]] == ["failed: compact"]
    said.unlink()
    home.night("2026-03-05T02:00:00+00:00", "--date", "2026-03-04")
    assert [line for line in said.read_text().splitlines() if "2026-03-0" in line] == [
        "missing: compact 2026-03-01: there are no readings of it",
        "missing: daily_stats 2026-03-01: there are no readings of it",
        "late: daily_stats 2026-03-02: compact 2026-03-02 is failed",
    ]


def test_a_fault_of_the_suite_is_told_too(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    told = home.folder / "told"
    home.schedule = f'[alerts]\ncommand = ["sh", "-c", "cat >> {told}"]'
    home.write()

    def broken(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("of the test")

    monkeypatch.setattr(night, "_make_all", broken)
    assert "ZeroDivisionError: of the test" in home.night(NIGHT, status=1)
    assert told.read_text().startswith("run: ZeroDivisionError: of the test\n")


def test_a_ledger_that_is_down_is_told_once_by_each_way(tmp_path: Path) -> None:
    said = tmp_path / "told"
    ways = f'command = ["sh", "-c", "cat >> {said}"]\nwebhook = "http://127.0.0.1:1/hook"'
    home = Home(tmp_path, schedule=f'ledger = "env:LEDGER"\n[alerts]\n{ways}').write()
    home.env = {"LEDGER": "postgresql://me:hunter2@127.0.0.1:1/none"}
    for _ in range(2):
        text = home.night(NIGHT, status=1)
        *warnings, error = text.splitlines()
        assert warnings == [
            "warning: alerts.webhook: could not be sent: <urlopen error [Errno 111] Connection refused>"
        ]
        assert error.startswith("error: postgresql+psycopg://me:***@127.0.0.1:1/none: the ledger cannot be used: ")
        assert "hunter2" not in text
    assert said.read_text().count("the ledger cannot be used") == 1
    assert "hunter2" not in said.read_text()
