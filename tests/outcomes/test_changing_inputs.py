"""Input that changes while a run reads it: status 3 names the object, and there is no result.

Standard input, which is read first, holds a run after its plan was made until the test has changed the rest.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.outcomes.commands import HEADER, command, day, environment, masked, reading

AGAIN = "run again when nothing writes to it any more"


@pytest.mark.parametrize("publish", [False, True], ids=["printed", "published"])
def test_a_file_that_grows(tmp_path: Path, publish: bool) -> None:
    (tmp_path / "log.csv").write_bytes(HEADER + day(1))
    with reading(tmp_path, "log.csv", *(["--output-dir", "stats"] if publish else [])) as process:
        with (tmp_path / "log.csv").open("ab") as log:
            log.write(day(2))
        output, errors = process.communicate()
    assert masked(errors) == f"error: log.csv: changed while it was read; {AGAIN}\n"
    assert (process.returncode, output) == (3, b"")
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


def test_a_file_that_is_replaced_by_one_as_long(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(HEADER + day(1))
    (tmp_path / "new.csv").write_bytes(HEADER + day(2))
    with reading(tmp_path, "log.csv", "-r", "local") as process:
        (tmp_path / "new.csv").replace(tmp_path / "log.csv")
        output, errors = process.communicate()
    assert masked(errors) == f"error: log.csv: changed while it was read; {AGAIN}\n"
    assert (process.returncode, output) == (3, b"")


def test_a_file_that_is_removed(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(HEADER + day(1))
    with reading(tmp_path, "log.csv") as process:
        (tmp_path / "log.csv").unlink()
        output, errors = process.communicate()
    assert masked(errors) == (
        "error: log.csv: no such file or directory; check the name, and whether it was moved away\n"
    )
    assert (process.returncode, output) == (3, b"")


@pytest.mark.slow
def test_a_file_that_grows_while_its_bytes_are_read(tmp_path: Path) -> None:
    """The run is stopped in the middle of the file, which is then written to."""
    log = tmp_path / "log.csv"
    log.write_bytes(HEADER + day(1) * 100)
    size = 3 << 30
    os.truncate(log, size)  # a hole that takes seconds to read
    arguments = ["log.csv", "-r", "inline", "--split-size", "16G"]
    with subprocess.Popen(
        command(*arguments), cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        while _read_by(process.pid) < 100 << 20 and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGSTOP)
        assert process.poll() is None
        assert _read_by(process.pid) < size, "the run must still be reading"
        with log.open("ab") as more:
            more.write(b"\n" + day(2))
        process.send_signal(signal.SIGCONT)
        output, errors = process.communicate()
    assert masked(errors) == f"error: log.csv: changed while it was read; {AGAIN}\n"
    assert (process.returncode, output) == (3, b"")


def _read_by(pid: int) -> int:
    """The bytes that a process has read so far."""
    try:
        fields = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    except FileNotFoundError:
        return 0
    return int(fields["rchar"])
