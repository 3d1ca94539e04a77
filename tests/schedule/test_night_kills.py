"""Kill -9 before and after every durable operation of a night, of the run and of the jobs that it starts: then one run,
and all is as if nothing had happened."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.lake import durable
from jobs.schedule.durable import STEPS
from tests.processes import left_of, mark
from tests.schedule.nights import Home
from tests.schedule.whole import Kept, whole

FIRST, LATER = "2026-03-02T02:00:00+00:00", "2026-03-04T02:00:00+00:00"
ALERT = '[alerts]\ncommand = ["true"]\nstale_after = "1d"\n[metrics]\ntextfile = "metrics/jobs.prom"'
TRIED = 3
"""How many moments of a night are tried where not all are."""


@pytest.fixture
def home(home_anywhere: Home) -> Home:
    """A home with the logs of one day."""
    home_anywhere.schedule, home_anywhere.env = ALERT, mark()
    home_anywhere.write().arrive("2026-03-01")
    return home_anywhere


def _first(home: Home) -> str:
    """A night that makes a day for the first time."""
    return FIRST


def _later(home: Home) -> str:
    """A night with all kinds of work: late readings of a day that is published, a new day, one that is missing."""
    assert home.fork(FIRST, home.folder / "log") == 0, (home.folder / "log").read_text()
    home.arrive("2026-03-02", "late.csv", of="2026-03-01", device="b")
    home.arrive("2026-03-03")
    return LATER


@pytest.mark.slow
@pytest.mark.s3
@pytest.mark.parametrize(("prepare", "least"), [(_first, 34), (_later, 60)])
@pytest.mark.parametrize("all_moments", [False, pytest.param(True, marks=pytest.mark.full)])
def test_a_night_that_is_killed_anywhere(
    tmp_path: Path, home: Home, prepare: Callable[[Home], str], least: int, all_moments: bool
) -> None:
    now = prepare(home)
    kept, steps = Kept(home), tmp_path / "steps"
    assert home.fork(now, tmp_path / "log", **{durable.LOG: str(steps)}) == 0, (tmp_path / "log").read_text()
    moments, expected = steps.read_text().split(), whole(home)
    assert len(moments) >= least, "in a folder and in S3 there are more than two hundred, with those of races"
    tried = range(1, len(moments) + 1) if all_moments else range(3, len(moments) + 1, len(moments) // TRIED)
    for number in tried:
        kept.restore()
        moment, log, here = moments[number - 1], tmp_path / f"log-{number}", tmp_path / f"steps-{number}"
        status = home.fork(now, log, **{durable.LOG: str(here), durable.KILL: f"#{number}"})
        assert len(here.read_text().split()) >= number, f"the kill at {moment} must come"
        is_of_run = moment.partition(":")[0] in STEPS
        assert status == (-signal.SIGKILL if is_of_run else 0), (moment, log.read_text())
        assert home.fork(now, log) == 0, (moment, log.read_text())
        assert whole(home) == expected, moment
        assert home.fork(now, log) == 0
        assert "nothing to do: all that is due is published" in log.read_text().splitlines()[-1], moment
        assert not left_of(home.env)
