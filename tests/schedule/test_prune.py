"""Pruning removes what is old, and what it showed, and nothing else whatever lies there."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, text

from jobs.lake import durable
from tests.schedule.nights import Home
from tests.schedule.whole import Kept

pytestmark = pytest.mark.slow

NIGHT, LATER = "2026-03-03T02:00:00+00:00", "2026-03-12T02:00:00+00:00"
MUCH_LATER = "2026-03-20T02:00:00+00:00"


@pytest.fixture
def home(home_anywhere: Home) -> Home:
    home_anywhere.compact = 'retention = "10d"'
    home_anywhere.write()
    for day in ("2026-03-01", "2026-03-02"):
        home_anywhere.arrive(day)
    home_anywhere.night(NIGHT)
    return home_anywhere


def _shown(home: Home, *arguments: str) -> tuple[int, str]:
    done = home.call("prune", *arguments, now=LATER)
    return done.returncode, done.stdout.decode() + done.stderr.decode()


def test_what_is_shown_is_removed_with_its_checksum(home: Home) -> None:
    status, said = _shown(home)
    assert status == 0
    assert re.search(r"would remove compact 2026-03-01: .*/sorted/2026-03-01 \(2 objects, [\d,]+ bytes\)\n", said)
    assert "2026-03-02" not in said
    mark = said.rsplit(" ", 1)[1].strip()
    assert _shown(home, "--confirm", "0" * 12) == (
        2,
        f"error: --confirm {'0' * 12}: is not the checksum of what would go now; look again: prune\n",
    )
    assert home.rows("sorted", "2026-03-01").num_rows == 3
    status, said = _shown(home, "--confirm", mark)
    assert (status, said.startswith("removed compact 2026-03-01")) == (0, True)
    with pytest.raises(Exception, match="nothing is published there"):
        home.rows("sorted", "2026-03-01")
    assert home.rows("daily_stats", "2026-03-01").num_rows == 1
    assert _shown(home) == (0, "nothing is older than its retention\n")
    assert _shown(home, "--confirm", mark)[0] == 2, "nothing goes with it any more"
    assert "nothing to do" in home.night(LATER), "what was made of it stays published"


def test_what_another_job_has_not_read_is_kept_until_it_has(tmp_path: Path) -> None:
    more = """options = { quantiles = "2" }
[jobs.hourly_profile]
input = "daily"
output = "out/profile/{partition}/"
reads = "3d"
options = { period = "hour-of-day" }
retention = "5d"
[jobs.daily]
job = "compact"
input = "logs"
output = "out/daily/{partition}/"
[jobs.anomalies]
input = "daily"
output = "out/anomalies/{partition}/"
after = ["hourly_profile"]
options = { baseline = "{hourly_profile}" }
"""
    home = Home(tmp_path / "home", compact='retention = "10d"', more=more).write()
    home.arrive("2026-03-01")
    home.night("2026-03-02T02:00:00+00:00", status=1)
    status, said = _shown(home)
    assert status == 0
    kept = [(line.split(": ")[0], line.split("): ")[1]) for line in said.splitlines()]
    assert kept == [
        ("keeps compact 2026-03-01", "daily_stats 2026-03-01 has not read it yet"),
        ("keeps hourly_profile 2026-03-01", "anomalies 2026-03-01 has not read it yet"),
    ]
    text = home.file.read_text()
    new = '[jobs.new]\njob = "daily_stats"\ninput = "compact"\noutput = "out/new/{partition}/"\n'
    home.file.write_text(
        text.replace('options = { quantiles = "2" }', "").replace("[jobs.hourly", f"{new}[jobs.hourly")
    )
    assert "keeps compact 2026-03-01: " in _shown(home)[1]
    home.file.write_text(home.file.read_text().replace("[schedule]", "[schedule]\nlook_back = 5"))
    home.call("backfill", "--from", "2026-03-01", "--to", "2026-03-01", "--jobs", "daily_stats", now=LATER)
    said = _shown(home)[1]
    assert "would remove compact 2026-03-01: " in said
    assert "keeps hourly_profile 2026-03-01: " in said


def test_what_was_removed_is_made_again_on_request(home: Home) -> None:
    mark = _shown(home)[1].rsplit(" ", 1)[1].strip()
    assert _shown(home, "--confirm", mark)[0] == 0
    again = home.call("rerun", "--date", "2026-03-01", now=LATER)
    assert "2 made, 0 failed" in again.stderr.decode()
    assert home.rows("sorted", "2026-03-01").num_rows == 3
    assert _shown(home)[1].startswith("would remove compact 2026-03-01"), "it is old again"


def test_killed_anywhere_it_is_done_by_the_next_call(home: Home) -> None:
    kept = Kept(home)
    for moment in [f"{name}:{when}" for name in ("prune.remove", "ledger.prune") for when in ("before", "after")]:
        mark = _shown(home)[1].rsplit(" ", 1)[1].strip()
        home.env = {durable.KILL: moment}
        assert _shown(home, "--confirm", mark) == (-signal.SIGKILL, "")
        home.env = {}
        said = _shown(home)[1]
        if moment != "ledger.prune:after":
            assert "would remove compact 2026-03-01: " in said
            assert _shown(home, "--confirm", said.rsplit(" ", 1)[1].strip())[0] == 0
            said = _shown(home)[1]
        assert said == "nothing is older than its retention\n"
        assert home.rows("sorted", "2026-03-02").num_rows == 3
        kept.restore()


@contextmanager
def _ledger(home: Home) -> Iterator[Connection]:
    with create_engine(f"sqlite:///{home.folder}/state/ledger.db").begin() as connection:
        yield connection


class TestInAFolder:
    """Places that are not what they were."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> Home:
        home = Home(tmp_path, compact='retention = "10d"').write()
        home.arrive("2026-03-01")
        home.night(NIGHT)
        return home

    def test_a_file_of_others_is_not_touched(self, home: Home) -> None:
        strange = home.folder / "out/sorted/2026-03-01/notes.txt"
        strange.write_text("mine")
        assert _shown(home) == (1, f"error: {strange}: is of no run of this suite; remove it yourself\n")

    def test_a_file_of_others_does_not_keep_other_results(self, home: Home) -> None:
        home.arrive("2026-03-02")
        home.night("2026-03-03T02:00:00+00:00")
        strange = home.folder / "out/sorted/2026-03-01/notes.txt"
        strange.write_text("mine")
        shown = home.call("prune", now=MUCH_LATER)
        assert (shown.returncode, shown.stderr.decode().count("error: ")) == (1, 1)
        done = home.call("prune", "--confirm", shown.stdout.decode().split()[-1], now=MUCH_LATER)
        assert done.returncode == 1
        assert done.stdout.decode().startswith("removed compact 2026-03-02")
        assert strange.read_text() == "mine"

    def test_symbolic_links_are_not_followed(self, home: Home) -> None:
        place, away = home.folder / "out/sorted/2026-03-01", home.folder / "away"
        place.rename(away)
        place.symlink_to(away)
        assert _shown(home) == (2, f"error: {place}: is a symbolic link; remove it by hand\n")
        place.unlink()
        place.mkdir()
        (place / "dt=2026-03-01").symlink_to(away / "dt=2026-03-01")
        assert _shown(home) == (1, f"error: {place}/dt=2026-03-01: is a symbolic link; remove it yourself\n")
        assert len(list(away.rglob("*.parquet"))) == 1

    def test_a_symbolic_link_on_the_way_is_not_followed(self, home: Home) -> None:
        place, away = home.folder / "out/sorted", home.folder / "away"
        home.write()
        home.file.write_text(home.file.read_text().replace("out/sorted/{partition}/", "out/sorted/{partition}/x/"))
        home.arrive("2026-03-02")
        home.night(NIGHT)
        (place / "2026-03-02").rename(away)
        (place / "2026-03-02").symlink_to(away)
        with _ledger(home) as connection:
            connection.execute(text("DELETE FROM partitions WHERE partition = '2026-03-01'"))
        later = home.call("prune", now=MUCH_LATER)
        place = place / "2026-03-02/x"
        assert later.stderr.decode() == f"error: {place}: is a symbolic link; remove it by hand\n"
        place.parent.unlink()
        away.rename(place.parent)
        later = home.call("prune", now=MUCH_LATER)
        assert later.stdout.decode().startswith(f"would remove compact 2026-03-02: {place} (2 objects, ")

    def test_the_folder_of_all_results_may_be_a_link(self, home: Home) -> None:
        place, away = home.folder / "out", home.folder / "large disk"
        place.rename(away)
        place.symlink_to(away)
        assert _shown(home)[1].startswith("would remove compact 2026-03-01")

    @pytest.mark.parametrize("output", ["{}/out/sorted/../../logs", "{}/logs", "/"])
    def test_a_place_that_is_no_output_is_not_touched(self, home: Home, output: str) -> None:
        place = output.format(home.folder)
        with _ledger(home) as connection:
            connection.execute(text("UPDATE partitions SET output = :place"), {"place": place})
        assert _shown(home) == (2, f"error: {place}: is no output of this schedule by now; remove it by hand\n")
        assert list(home.folder.glob("logs/dt=*/*.csv"))
