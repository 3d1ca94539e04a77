"""What a clock draws on a terminal, what stands there after it, and that it is silent elsewhere."""

from __future__ import annotations

import io
import logging
import sys
from pathlib import Path

import pytest

from jobs.engine.clock import Clock, say
from tests.terminals import terminal

PROGRAM = """
import logging
import time
from jobs.engine.clock import Clock, say

with Clock((300.0, 600.0), logging.getLogger("jobs")):
    time.sleep(1.5)
    say("step: running")
    time.sleep(1)
say("done")
"""


def test_time_is_told_beside_the_plan(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    with terminal(tmp_path, module="program") as on:
        assert on.status() == 0, on.shown
    drawn = on.shown.decode()
    assert "\r\x1b[K1 s of 5 min to 10 min\r" in drawn
    # what it drew is gone before anything else is said
    assert "\r\x1b[Kstep: running\r\n" in drawn
    assert drawn.endswith("\r\x1b[K\r\x1b[Kdone\r\n")


def test_elsewhere_it_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = io.StringIO()
    monkeypatch.setattr(sys, "stderr", errors)
    with Clock((1.0, 2.0), logging.getLogger("jobs")) as clock:
        say("running")
        clock.stop()
    assert errors.getvalue() == "running\n"
