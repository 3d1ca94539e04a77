"""An application on YARN does not outlive the process that waits for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobs.engine.applications import Watchdog

LIST = "application -list -appStates NEW,NEW_SAVING,SUBMITTED,ACCEPTED,RUNNING"
REMOVE = "fs -rm -r -f -skipTrash hdfs:///runs/1"


@pytest.fixture
def hadoop(tmp_path: Path) -> list[str]:
    """A command that notes what it is asked, and knows two applications, one of them ours."""
    listed = "application_1_1\\t     other\\tMAPREDUCE\\napplication_1_2\\t    mine\\tMAPREDUCE\\n"
    script = tmp_path / "hadoop"
    script.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\ncase $* in *" -list "*) printf \'{listed}\';; esac\n')
    script.chmod(0o755)
    return [str(script)]


def _asked(folder: Path) -> list[str]:
    """Without the name of YARN's client."""
    lines = (folder / "asked").read_text().splitlines() if (folder / "asked").exists() else []
    return [" ".join(word for word in line.split() if "." not in word.partition("/")[0]) for line in lines]


def test_all_is_well(hadoop: list[str], tmp_path: Path) -> None:
    with Watchdog(hadoop, "mine", "hdfs:///runs/1") as watchdog:
        watchdog.know("application_1_7")
        watchdog.all_is_well()
    assert _asked(tmp_path) == []


def test_an_application_that_is_known(hadoop: list[str], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Watchdog(hadoop, "mine", "hdfs:///runs/1") as watchdog:
        watchdog.know("application_1_7")
        raise KeyboardInterrupt
    assert _asked(tmp_path) == ["application -kill application_1_7", REMOVE]


def test_an_application_that_is_known_by_its_name(hadoop: list[str], tmp_path: Path) -> None:
    """The submitting command was ended before it had named it."""
    with pytest.raises(SystemExit), Watchdog(hadoop, "mine"):
        sys.exit(143)
    assert _asked(tmp_path) == [LIST, "application -kill application_1_2"]


def test_a_process_that_is_killed(hadoop: list[str], tmp_path: Path) -> None:
    script = (
        "import sys, time; from jobs.engine.applications import Watchdog\n"
        "with Watchdog(sys.argv[1:], 'mine', 'hdfs:///runs/1') as watchdog:\n"
        "    watchdog.know('application_1_7'); print('here', flush=True); time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, *hadoop], stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        os.killpg(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while len(_asked(tmp_path)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _asked(tmp_path) == ["application -kill application_1_7", REMOVE]


def test_a_watchdog_that_was_killed_ends_nothing(hadoop: list[str], tmp_path: Path) -> None:
    with Watchdog(hadoop, "mine", "hdfs:///runs/1") as watchdog:
        watchdog._process.kill()
        watchdog._process.wait()
        watchdog.know("application_1_7")
        watchdog.all_is_well()
    assert _asked(tmp_path) == []
