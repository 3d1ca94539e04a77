"""Faults of what a night stands on: S3 is busy, the ledger's server goes away, the disk is full. Each is told in one
line, nothing is left running, and the next run makes up for it."""

from __future__ import annotations

import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tests.command_line import ROOT
from tests.lake.faulty_proxy import Faults, faulty_proxy, slow_down
from tests.processes import left_of, mark
from tests.schedule.conftest import Fresh
from tests.schedule.nights import Home, ended
from tests.schedule.whole import whole
from tests.servers import S3Server

pytestmark = pytest.mark.slow

NIGHT = "2026-03-02T02:00:00+00:00"


@pytest.fixture
def proxy(s3: S3Server) -> Iterator[Faults]:
    with faulty_proxy(s3.url) as faults:
        yield faults


@pytest.fixture
def behind_the_proxy(tmp_path: Path, s3: S3Server, proxy: Faults) -> Home:
    """A schedule whose lake is reached through the proxy, with a day of logs in it."""
    s3.client().create_bucket(Bucket="lake")
    home = Home(tmp_path, "s3://lake/logs", "s3://lake/out", lake=s3).write()
    home.env = {"AWS_ENDPOINT_URL": proxy.url, "AWS_MAX_ATTEMPTS": "2", **mark()}
    home.arrive("2026-03-01")
    return home


@pytest.mark.s3
def test_s3_that_is_busy(behind_the_proxy: Home, proxy: Faults) -> None:
    home = behind_the_proxy
    proxy.pattern, proxy.faults = "", [slow_down]
    assert "2 made, 0 failed" in home.night(NIGHT), "one refusal is borne"
    assert proxy.happened == 1
    home.arrive("2026-03-01", "more.csv", device="b")
    proxy.pattern, proxy.faults = "PUT", [slow_down] * 1000
    said = home.night(NIGHT, status=1)
    assert proxy.happened > 3
    assert "S3 is too busy (SlowDown); run again later" in said
    assert not left_of(home.env)
    assert home.rows("daily_stats", "2026-03-01").num_rows == 1, "what was there is there"
    proxy.faults = []
    assert "2 made, 0 failed" in home.night(NIGHT), "the next run tries again what may succeed by now"
    assert home.rows("daily_stats", "2026-03-01").num_rows == 2
    proxy.pattern, proxy.faults = "GET", [slow_down] * 1000
    said = home.night(NIGHT, status=1)
    assert "\nerror: s3://lake/logs/dt=2026-01-" in said, said
    assert "Traceback" not in said


def _slow(client: socket.socket, answer: bytes) -> None:
    time.sleep(0.3)
    client.sendall(answer)


def _too_slow(client: socket.socket, answer: bytes) -> None:
    time.sleep(8)
    client.close()


@pytest.mark.s3
def test_s3_that_is_slow(behind_the_proxy: Home, proxy: Faults) -> None:
    home = behind_the_proxy
    home.compact = 'time_limit = "4s"\nattempts = 1'
    home.write()
    proxy.pattern, proxy.faults = "", [_slow] * 5
    assert "2 made, 0 failed" in home.night(NIGHT)
    assert proxy.happened == 5
    home.arrive("2026-03-01", "more.csv", device="b")
    proxy.pattern, proxy.faults = "PUT", [_too_slow]
    said = home.night(NIGHT, status=1)
    assert "compact 2026-03-01: timeout: took longer than its time_limit of 4 s, and was ended" in said
    assert not left_of(home.env, 1)
    assert "2 made, 0 failed" in home.night(NIGHT)
    assert home.rows("daily_stats", "2026-03-01").num_rows == 2


def test_a_clock_that_goes_wrong_between_nights(tmp_path: Path) -> None:
    """Ahead by weeks, back before the days that are published, and right again: as a lake made at once."""
    home, other = (Home(tmp_path / name).write() for name in ("home", "other"))
    for one in (home, other):
        one.arrive("2026-03-01")
    assert "2 made" in home.night("2026-03-20T02:00:00+00:00")
    for one in (home, other):
        one.arrive("2026-03-02", "late.csv", of="2026-03-01", device="b")
        one.arrive("2026-03-02")
    home.night("2026-02-01T02:00:00+00:00")
    home.night("2026-03-02T12:00:00+00:00")
    assert home.rows("daily_stats", "2026-03-01").num_rows == 2, "its late readings are not lost"
    for one in (home, other):
        one.night("2026-03-03T02:00:00+00:00")
    assert whole(home) == whole(other)
    assert len(whole(home)) == 4


@pytest.mark.s3
def test_s3_that_is_busy_while_an_object_is_read_for_its_days(behind_the_proxy: Home, proxy: Faults) -> None:
    home = behind_the_proxy
    home.night(NIGHT)
    home.arrive("2026-03-02", "late.csv", of="2026-03-01", device="b")
    proxy.pattern, proxy.faults = "GET .*late.csv", [slow_down] * 1000
    said = home.night("2026-03-03T02:00:00+00:00", status=1)
    assert proxy.happened > 1
    assert "S3 is too busy (SlowDown)" in said
    assert not left_of(home.env)
    proxy.faults = []
    home.night("2026-03-03T03:00:00+00:00")
    assert home.rows("daily_stats", "2026-03-01")["device_id"].to_pylist() == ["a", "b"], "it is of the day before"


@pytest.mark.s3
def test_s3_that_is_busy_just_after_a_result_was_published(behind_the_proxy: Home, proxy: Faults) -> None:
    home = behind_the_proxy
    busy: list[bool] = []

    def after_the_put(client: socket.socket, answer: bytes) -> None:
        if proxy.seen[-1].startswith("PUT"):
            busy.extend([True, True])
            client.sendall(answer)
        elif busy:
            busy.pop()
            slow_down(client, b"")
        else:
            client.sendall(answer)

    proxy.pattern, proxy.faults = "/out/sorted/.*_SUCCESS", [after_the_put] * 1000
    said = home.night(NIGHT).splitlines()
    assert said[0].startswith("compact 2026-03-01: failed: s3://lake/out/sorted/2026-03-01"), said
    assert "S3 is too busy (503)" in said[0], said
    assert said[1] == "compact 2026-03-01: again in 0 s"
    assert said[2].startswith("compact 2026-03-01: is published already, by run "), "not made twice"
    assert "2 made, 0 failed" in said[-1]
    assert not busy


class Line:
    """A line to a server that can be cut."""

    def __init__(self, port: int) -> None:
        self._server, self._open = port, True
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._open = False
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._open = True

    def close(self) -> None:
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if not self._open:
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self._server))
                self._sockets += [client, server]
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=_forward, args=(source, target), daemon=True).start()


def _forward(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def test_a_ledger_that_goes_away_while_a_job_runs(tmp_path: Path, fresh: Fresh) -> None:
    url = make_url(fresh("postgresql", tmp_path))
    line = Line(url.port or 0)
    home = Home(tmp_path, schedule='ledger = "env:LEDGER"').write()
    home.env = {"LEDGER": url.set(port=line.port).render_as_string(hide_password=False), **mark()}
    home.arrive("2026-03-01")
    log = tmp_path / "log"
    run = home.begin(NIGHT, log)
    while not list(tmp_path.glob("state/logs/*/compact-*.log")):
        time.sleep(0.01)
    line.cut()
    assert ended(run) == 1
    assert log.read_text().splitlines()[-1].startswith("error: postgresql+psycopg://test:***@127.0.0.1:")
    assert ": the ledger cannot be used: " in log.read_text()
    assert not left_of(home.env)
    line.mend()
    said = home.night(NIGHT)
    assert said.splitlines()[0] == "an earlier run was killed, and 1 of its attempts with it"
    assert "2 made, 0 failed" in said
    assert home.rows("daily_stats", "2026-03-01").num_rows == 1
    line.close()


@pytest.mark.parametrize(("most", "told"), [(20_000, "the ledger cannot be used: "), (2_000_000, "File too large")])
def test_a_disk_that_is_full(tmp_path: Path, most: int, told: str) -> None:
    """Files that may not grow beyond some bytes stand for it."""
    home = Home(tmp_path, compact="attempts = 2", env=mark()).write()
    log = home.arrive("2026-03-01")
    times = [f"2026-03-01T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}Z" for n in range(86_400)]
    rows = "".join(f"{time},a,m{m},{n * m / 7!r},C\n" for n, time in enumerate(times) for m in (1, 2, 3))
    log.write_text("timestamp,device_id,metric,value,unit\n" + rows)

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    done = subprocess.run(
        [sys.executable, "-m", "jobs.schedule", "run", "--schedule", str(home.file)],
        cwd=ROOT,
        env={**home.environ(), "JOBS_TEST_NOW": NIGHT},
        preexec_fn=limited,
        capture_output=True,
        check=False,
    )
    said = done.stderr.decode()
    assert done.returncode == 1, said
    assert told in said
    assert "Traceback" not in said
    assert not left_of(home.env)
    assert "2 made, 0 failed" in home.night(NIGHT)
    assert home.rows("daily_stats", "2026-03-01")["count"].to_pylist() == [86_400] * 3
