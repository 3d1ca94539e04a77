"""Attempts: time limits that end all processes, retries, what is not tried again, two runs at once, no secrets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.engine import make_url

from jobs.schedule.ledger.models import Base
from tests.command_line import ROOT
from tests.processes import left_of, mark
from tests.schedule.conftest import Fresh
from tests.schedule.nights import Home

pytestmark = pytest.mark.slow

NIGHT = "2026-03-02T02:00:00+00:00"

HANG = """
import os, pathlib, subprocess, sys
children = pathlib.Path(os.environ["CHILDREN"])
if "jobs.schedule.attempt" in sys.orig_argv:
    with children.open("a") as file:
        file.write("x")
    if children.read_text() in os.environ["HANGS"].split(","):
        subprocess.run(["setsid", "--fork", "true"])
        subprocess.run(["sh", "-c", "sleep 300 & sleep 300"])
"""
"""Children that hang, with children of their own, as one that waits for a server does."""


@pytest.fixture
def home(home: Home) -> Home:
    home.compact, home.env = 'time_limit = "4s"', mark()
    home.write().arrive("2026-03-01")
    return home


def _hangs(home: Home, *numbers: int) -> None:
    """Have these children hang; the first one reads new objects."""
    folder = home.folder / "startup"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HANG)
    hangs = ",".join("x" * number for number in numbers)
    home.env |= {"HANGS": hangs, "CHILDREN": str(home.folder / "children"), "STARTUP": str(folder)}


def _run(home: Home, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    path = os.pathsep.join(filter(None, (home.env.get("STARTUP"), str(ROOT))))
    return subprocess.run(
        [sys.executable, "-m", "jobs.schedule", "run", "--schedule", str(home.file), *arguments],
        cwd=ROOT,
        env={**os.environ, **home.env, "PYTHONPATH": path, "JOBS_TEST_NOW": NIGHT},
        capture_output=True,
        check=False,
    )


def test_a_time_limit_ends_a_job_with_all_its_processes(home: Home) -> None:
    _hangs(home, 2)
    done = _run(home)
    assert done.returncode == 0, done.stderr.decode()
    said = done.stderr.decode().splitlines()
    assert said[0] == "compact 2026-03-01: timeout: took longer than its time_limit of 4 s, and was ended"
    assert said[1] == "compact 2026-03-01: again in 0 s"
    assert not left_of(home.env, 1)


def test_reading_new_objects_has_a_time_limit_too(home: Home) -> None:
    _hangs(home, 1)
    done = _run(home)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1] == (
        "error: reading logs took longer than 4 s, the longest time_limit of its jobs, and was ended"
    )
    assert not left_of(home.env, 1)
    assert _run(home).returncode == 0


def test_attempts_end_and_begin_again_on_request(home: Home) -> None:
    home.compact = 'options = { target_size = "1K" }'
    home.write()
    done = _run(home)
    assert done.returncode == 1
    failed = "compact 2026-03-01: failed: --target-size 1K: must be at least 64K"
    assert done.stderr.decode().splitlines()[0] == failed
    assert (
        _run(home)
        .stderr.decode()
        .startswith(
            "nothing to do: all that is due is published, but for 1 that failed before or are blocked and 1 that wait"
        )
    )
    again = home.call("rerun", "--date", "2026-03-01", now=NIGHT)
    assert failed in again.stderr.decode()
    assert home.call("history").stdout.decode().count("failed") == 2


def test_what_happens_as_json(home: Home) -> None:
    lines = [json.loads(line) for line in _run(home, "--json", "-q").stderr.decode().splitlines()]
    assert [(line["event"], line.get("job")) for line in lines] == [
        ("started", "compact"),
        ("published", "compact"),
        ("started", "daily_stats"),
        ("published", "daily_stats"),
        ("ended", None),
    ]
    assert lines[1]["readings"] == 3
    assert (lines[4]["made"], lines[4]["failed"], lines[4]["errors"]) == (2, 0, [])


def test_quietly_only_errors_are_said(home: Home) -> None:
    home.compact = 'options = { target_size = "1K" }'
    home.write()
    failed = "compact 2026-03-01: failed: --target-size 1K: must be at least 64K\n"
    done = _run(home, "-q")
    assert (done.returncode, done.stderr.decode()) == (1, failed)
    assert _run(home, "-q").stderr == b""


def test_an_error_as_json(home: Home) -> None:
    secret = 'a"b\\c'
    home.env |= {"LEDGER": "postgresql://me:a%22b%5Cc@127.0.0.1:1/ledger", "SECRET": secret}
    home.schedule = """ledger = "env:LEDGER"\n[alerts]\ncommand = ["sh", "-c", 'printf %s "$SECRET" >&2; false']"""
    home.write()
    done = _run(home, "--json")
    warning, error = map(json.loads, done.stderr.decode().splitlines())
    assert warning["error"] == "alerts.command: could not be sent: ended with status 1: ***"
    assert (error["event"], error["status"], done.returncode) == ("error", 1, 1)
    assert ": the ledger cannot be used: " in error["error"]


def test_a_log_that_cannot_be_written_is_told_in_one_line(home: Home) -> None:
    (home.folder / "state").mkdir()
    (home.folder / "state/logs").touch()
    done = _run(home)
    said = done.stderr.decode()
    assert done.returncode == 1
    assert said.startswith(f"error: {home.folder}/state/logs/schedule-")
    assert said.endswith(
        "/learn-logs.log: cannot be written: Not a directory; make room, or name another state folder\n"
    )
    assert said.count("\n") == 1


def test_of_two_runs_at_once_one_does_the_work(home: Home) -> None:
    _hangs(home, 2)
    command = [sys.executable, "-m", "jobs.schedule", "run", "--schedule", str(home.file)]
    env = {**os.environ, **home.env, "PYTHONPATH": f"{home.env['STARTUP']}{os.pathsep}{ROOT}", "JOBS_TEST_NOW": NIGHT}
    runs = [subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE) for _ in range(2)]
    said = {run.wait(): (run.stderr.read() if run.stderr else b"").decode() for run in runs}
    assert set(said) == {0, 75}
    assert said[75].startswith("error: another run of the schedule is under way on this host; ")
    assert home.rows("daily_stats", "2026-03-01").num_rows == 1


def test_no_secret_is_in_a_command_line_or_a_ledger(home: Home, fresh: Fresh) -> None:
    url = fresh("postgresql", home.folder)
    secret = make_url(url).password
    assert secret
    home.env |= {"LEDGER": url, "HOOK": f"http://127.0.0.1:1/{secret}"}
    home.schedule = 'ledger = "env:LEDGER"\n[alerts]\nwebhook = "env:HOOK"\nping = "env:HOOK"'
    home.write()
    home.arrive("2026-03-01", "bad.csv.gz").write_bytes(b"\x1f\x8b\x08\x00broken")
    _hangs(home, 2)
    command = [sys.executable, "-m", "jobs.schedule", "run", "--schedule", str(home.file)]
    env = {**os.environ, **home.env, "PYTHONPATH": f"{home.env['STARTUP']}{os.pathsep}{ROOT}", "JOBS_TEST_NOW": NIGHT}
    run = subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE)
    children = home.folder / "children"
    while not (children.exists() and children.read_text() == "xx") and run.poll() is None:
        time.sleep(0.01)
    shown = b" ".join(_command_lines())
    said = run.communicate()[1].decode()
    assert b"jobs.schedule.attempt" in shown
    assert secret.encode() not in shown
    assert "alerts.webhook: could not be sent" in said
    assert secret not in said
    engine = create_engine(url)
    with engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            assert secret not in repr(list(connection.execute(select(table)))), table.name
    engine.dispose()
    logs = list(home.folder.glob("state/logs/*/*.log"))
    assert logs
    assert not [log for log in logs if secret in log.read_text()]


def _command_lines() -> list[bytes]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                found.append((folder / "cmdline").read_bytes())
    return found
