"""Tasks that share a plan: every line is taken once, and none waits while lines are left."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from jobs.engine.forks import available, run_forked
from jobs.engine.sharing import SharedLines

pytestmark = pytest.mark.skipif(not available, reason="forking tasks is for Linux")


def test_one_task_takes_its_own_then_the_others() -> None:
    shared = SharedLines([[b"a\n", b"b\n"], [], [b"c\n"]])
    assert list(shared.take(2)) == [b"c\n", b"a\n", b"b\n"]
    assert list(shared.take(0)) == []


def test_many_at_once_take_every_line_once(tmp_path: Path) -> None:
    lines = [b"%d\n" % n for n in range(30_000)]
    shared = SharedLines([lines[:20_000], lines[20_000:20_001], lines[20_001:], []])

    def task(number: int) -> None:
        (tmp_path / str(number)).write_bytes(b"".join(shared.take(number)))

    run_forked([partial(task, n) for n in range(4)], 4, lambda: None)
    taken = [(tmp_path / str(n)).read_bytes().splitlines(keepends=True) for n in range(4)]
    assert sorted(line for share in taken for line in share) == sorted(lines)


def test_a_busy_task_is_helped(tmp_path: Path) -> None:
    """It gets one line, and while it works on that the other does the rest."""
    lines = [b"%d\n" % n for n in range(40)]
    shared = SharedLines([lines[:20], lines[20:]])
    (begun, begin), (ended, end) = os.pipe(), os.pipe()

    def busy() -> None:
        mine = shared.take(0)
        first = next(mine)
        os.write(begin, b".")
        os.read(ended, 1)
        (tmp_path / "busy").write_bytes(b"".join([first, *mine]))

    def free() -> None:
        os.read(begun, 1)
        (tmp_path / "free").write_bytes(b"".join(shared.take(1)))
        os.write(end, b".")

    run_forked([busy, free], 2, lambda: None)
    for descriptor in (begun, begin, ended, end):
        os.close(descriptor)
    assert (tmp_path / "busy").read_bytes() == lines[0]
    assert (tmp_path / "free").read_bytes() == b"".join(lines[20:] + lines[1:20])
