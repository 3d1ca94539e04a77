"""A schedule's folder that is moved with all that is in it, and a ledger that is lost: nothing is made again but what
changed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from jobs.schedule.names import Names
from tests.schedule.nights import Home

FIRST, LATER = "2026-03-03T02:00:00+00:00", "2026-03-05T02:00:00+00:00"


@pytest.mark.parametrize("origin", ["", "/srv/old"])
def test_names(origin: str) -> None:
    relative = ("/srv/new/logs/dt=", "/srv/shared/out/")
    names = Names("/srv/new", relative, origin)
    for place, name in (
        ("/srv/new/logs/dt=2026-03-01/a.csv", "logs/dt=2026-03-01/a.csv"),
        ("/srv/shared/out/2026-03-01", "../shared/out/2026-03-01"),
    ):
        assert names.of(place) == os.path.normpath(os.path.join(origin, name))  # noqa: PTH118 - places are texts
        assert names.place(names.of(place)) == place
    for place in ("/srv/new/other/a.csv", "/data/a.csv", "s3://lake/logs/dt=2026-03-01/a.csv", "file:///srv/a.csv"):
        assert names.of(place) == names.place(place) == place, "spelled in full"
    assert names.place("/srv/old/other/a.csv") == "/srv/old/other/a.csv"


@pytest.fixture
def home(home: Home) -> Home:
    """A home after a night, with a log that speaks a dialect."""
    for day in ("2026-03-01", "2026-03-02"):
        home.arrive(day)
    (home.folder / "logs/dt=2026-03-02/_dialect.toml").write_text('[delimited]\ndelimiter = ","\n')
    return home


def _moved(home: Home) -> Home:
    place = home.folder.with_name("elsewhere")
    home.folder.rename(place)
    return Home(place, home.logs, home.out).write()


def _relative(home: Home) -> None:
    """Nothing to do for a ledger of now."""


def _absolute(home: Home) -> None:
    """Have the ledger be one of the first version: it knows of no origin, and names in it are absolute."""
    with create_engine(f"sqlite:///{home.folder}/state/ledger.db").begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM objects WHERE uri LIKE '/%'")).scalar() == 2
        connection.execute(text("DROP TABLE origins"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))


@pytest.mark.slow
@pytest.mark.parametrize("version", [_relative, _absolute])
def test_a_folder_that_is_moved(home: Home, version: Callable[[Home], None]) -> None:
    if version is _absolute:
        home.logs, home.out = str(home.folder / "logs"), str(home.folder / "out")
    assert "4 made, 0 failed" in home.write().night(FIRST)
    version(home)
    home.logs, home.out = "logs", "out"
    assert "nothing to do: all that is due is published (" in home.write().night(FIRST)
    home = _moved(home)
    assert "nothing to do: all that is due is published (" in home.night(FIRST)
    agree = home.call("status", "--verify", now=FIRST)
    assert (agree.returncode, agree.stdout.decode().splitlines()[-1]) == (
        0,
        "the lake agrees with the ledger on 4 partitions",
    )
    home.arrive("2026-03-04", "late.csv", of="2026-03-01", device="b")
    assert [line.partition(":")[0] for line in home.night(LATER).splitlines()[:-1]] == [
        "compact 2026-03-01",
        "daily_stats 2026-03-01",
    ]
    assert home.rows("daily_stats", "2026-03-01").num_rows == 2


@pytest.mark.slow
def test_a_schedule_alone_that_is_moved_with_paths_in_full(home: Home) -> None:
    place = home.folder.with_name("elsewhere")
    home.logs, home.out, home.schedule = str(home.folder / "logs"), str(home.folder / "out"), f'state = "{place}/state"'
    home.write().night(FIRST)
    moved = Home(place, home.logs, home.out, schedule=home.schedule).write()
    assert "nothing to do: all that is due is published (" in moved.night(FIRST)


@pytest.mark.slow
def test_a_ledger_that_is_lost_is_made_again_from_the_lake(home: Home) -> None:
    """The lease's tokens begin anew, below those under which the results there were published."""
    home.night("2026-03-02T02:00:00+00:00")
    home.night(FIRST)
    home.arrive("2026-03-03")
    home.night("2026-03-04T02:00:00+00:00")
    shutil.rmtree(home.folder / "state")
    home.arrive("2026-03-04", "late.csv", of="2026-03-03", device="b")
    said = home.night(LATER).splitlines()
    adopted = [line.partition(":")[0] for line in said if ": is published already, by run " in line]
    assert adopted == [f"{job} 2026-03-0{day}" for day in (1, 2) for job in ("compact", "daily_stats")]
    made = [line.partition(":")[0] for line in said if ": published, " in line]
    assert made == ["compact 2026-03-03", "daily_stats 2026-03-03"]
    assert home.rows("daily_stats", "2026-03-03").num_rows == 2
    assert home.call("status", "--verify", now=LATER).returncode == 0


@pytest.mark.slow
def test_a_result_of_more_than_there_is_outlives_a_ledger_that_is_lost(home: Home) -> None:
    gone = home.arrive("2026-03-01", "gone.csv", device="b")
    home.night(FIRST)
    shutil.rmtree(home.folder / "state")
    gone.unlink()
    told = "what is published there is of 2 objects, and the ledger, which is new, knows of 1; rerun makes it of these"
    said = home.night(FIRST, status=1).splitlines()
    assert said[0] == f"compact 2026-03-01: failed: {home.folder}/out/sorted/2026-03-01: {told}"
    assert "nothing to do" in home.night(FIRST)
    assert home.rows("sorted", "2026-03-01").num_rows == 5
    assert home.call("rerun", "--date", "2026-03-01", now=FIRST).returncode == 0
    assert home.rows("sorted", "2026-03-01").num_rows == 3


@pytest.mark.slow
def test_paths_in_options_are_of_the_folder(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home.folder / "devices.csv").write_text("device_id,site\na,north\n")
    home.more = '[jobs.site_stats]\ninput = "compact"\noutput = "out/site_stats/{partition}/"\n'
    home.more += 'options = { devices = "devices.csv" }'
    monkeypatch.chdir(tmp_path)
    assert "6 made, 0 failed" in home.write().night(FIRST)
    assert home.rows("site_stats", "2026-03-01")["site"].to_pylist() == ["north"]
