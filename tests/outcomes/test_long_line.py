"""A line of 1 GB costs time to skip and one reject, but no memory."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from scripts.benchmarks.process import measure
from tests.outcomes.commands import COLUMNS, HEADER, command, day, environment, masked, row

pytestmark = pytest.mark.slow

GIB = 1 << 30
SHARE_OF_A_PROCESSOR = 30.0
"""Seconds that skipping a GB may take of processors; it takes two or three."""


@pytest.mark.parametrize("flags", [[], ["-r", "inline", "--split-size", "4G"]], ids=["split", "whole"])
@pytest.mark.parametrize("kernel", ["on", "off"])
def test_a_line_of_1_gb(tmp_path: Path, flags: list[str], kernel: str) -> None:
    begin = HEADER + b"".join(day(number) for number in range(1, 31))
    with (tmp_path / "long.csv").open("wb") as log:
        log.write(begin)
        log.seek(GIB, os.SEEK_CUR)  # a hole: it reads as zeros and takes no room
        log.write(b"\n" + day(31))
    used = measure(command(tmp_path / "long.csv", "-q", *flags), tmp_path / "output", {"JOBS_KERNEL": kernel})
    assert (tmp_path / "output").read_text() == COLUMNS + "".join(row(number) for number in range(1, 32))
    assert used.peak < 250
    assert used.cpu < SHARE_OF_A_PROCESSOR


def test_what_is_told_of_it(tmp_path: Path) -> None:
    """Also where nothing follows it. Splits that lie within the line read no further than themselves."""
    begin = HEADER + b"".join(day(number) for number in range(1, 31))
    with (tmp_path / "long.csv").open("wb") as log:
        log.write(begin)
        log.truncate(len(begin) + GIB)
    done = subprocess.run(
        command("long.csv", "--split-size", "64M"), cwd=tmp_path, env=environment(), capture_output=True, check=False
    )
    assert masked(done.stderr) == (
        "1 object (1.07 GB) · 1,500 readings · 1 reject (too_long 1) · kernel 99.9% · TIME\n"
        f"  reject: long.csv line 1502: too_long: {chr(92) + 'x00'}" + "\\x00" * 23 + "\\x0…\n"
    )
    assert done.returncode == 0
