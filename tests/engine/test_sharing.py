"""Tasks that share a plan: every line is taken once, and none waits while lines are left."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from jobs.engine.forks import available, run_forked
from jobs.engine.sharing import SharedLines

pytestmark = pytest.mark.skipif(not available, reason="forking tasks is for Linux")


def _taken(folder: Path, shares: list[list[bytes]], seconds: list[float]) -> list[list[bytes]]:
    """What each task took of its shares; a line costs task i seconds[i]."""
    shared = SharedLines(shares)

    def task(number: int) -> None:
        with (folder / str(number)).open("wb") as file:
            for line in shared.take(number):
                file.write(line)
                time.sleep(seconds[number])

    run_forked([lambda n=n: task(n) for n in range(len(shares))], len(shares), lambda: None)  # type: ignore[misc]
    return [(folder / str(n)).read_bytes().splitlines(keepends=True) for n in range(len(shares))]


def test_one_task_takes_its_own_then_the_others() -> None:
    shared = SharedLines([[b"a\n", b"b\n"], [], [b"c\n"]])
    assert list(shared.take(2)) == [b"c\n", b"a\n", b"b\n"]
    assert list(shared.take(0)) == []


def test_many_at_once_take_every_line_once(tmp_path: Path) -> None:
    lines = [b"%d\n" % n for n in range(30_000)]
    taken = _taken(tmp_path, [lines[:20_000], lines[20_000:20_001], lines[20_001:], []], [0.0] * 4)
    assert sorted(line for share in taken for line in share) == sorted(lines)


def test_a_slow_task_is_helped(tmp_path: Path) -> None:
    lines = [b"%d\n" % n for n in range(40)]
    slow, fast = _taken(tmp_path, [lines[:20], lines[20:]], [0.05, 0.0])
    assert sorted(slow + fast) == sorted(lines)
    assert slow[0] == b"0\n"
    assert len(slow) < 20 < len(fast)
    assert fast[:20] == lines[20:]
