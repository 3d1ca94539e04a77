"""Nights: each partition once, in order, whole; late readings make again just the days they are of."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from jobs.lake import durable
from jobs.lake.manifest import Manifest
from jobs.lake.published import read_published
from jobs.schedule import config, verify
from jobs.schedule.ledger.store import Ledger
from tests.schedule.nights import Home

pytestmark = pytest.mark.slow


@pytest.fixture
def home(home: Home) -> Home:
    for day in ("2026-03-01", "2026-03-02"):
        home.arrive(day)
    return home


def _made(said: str) -> list[str]:
    return [line.partition(":")[0] for line in said.splitlines() if ": published" in line]


def test_a_night_makes_what_is_due_once(home: Home) -> None:
    said = home.night("2026-03-03T02:00:00+00:00")
    assert _made(said) == [
        "compact 2026-03-01",
        "daily_stats 2026-03-01",
        "compact 2026-03-02",
        "daily_stats 2026-03-02",
    ]
    assert home.rows("daily_stats", "2026-03-02")["count"].to_pylist() == [3]
    begun = time.monotonic()
    assert "nothing to do: all that is due is published" in home.night("2026-03-03T02:10:00+00:00")
    assert time.monotonic() - begun < 5


def test_a_day_is_due_after_its_grace(home: Home) -> None:
    assert _made(home.night("2026-03-02T00:59:00+00:00")) == []
    assert _made(home.night("2026-03-02T01:00:00+00:00")) == ["compact 2026-03-01", "daily_stats 2026-03-01"]


def test_late_readings_make_their_day_again_and_no_other(home: Home) -> None:
    home.night("2026-03-03T02:00:00+00:00")
    home.arrive("2026-03-04", "late.csv", of="2026-03-01", device="b")
    said = home.night("2026-03-05T02:00:00+00:00")
    assert _made(said) == ["compact 2026-03-01", "daily_stats 2026-03-01"]
    assert home.rows("daily_stats", "2026-03-01")["device_id"].to_pylist() == ["a", "b"]


def test_an_object_that_changes_nothing_stops_at_compact(home: Home) -> None:
    path = home.arrive("2026-03-02")
    home.night("2026-03-03T02:00:00+00:00")
    path.write_text(path.read_text() + "\n")  # another object, the same readings
    assert _made(home.night("2026-03-04T02:00:00+00:00")) == ["compact 2026-03-02"]


def test_a_bad_day_does_not_block_the_next(home: Home) -> None:
    bad = home.arrive("2026-03-01", "bad.csv.gz")
    bad.write_bytes(b"\x1f\x8b\x08\x00broken")
    said = home.night("2026-03-03T02:00:00+00:00", status=1)
    assert _made(said) == ["compact 2026-03-02", "daily_stats 2026-03-02"]
    assert f"compact 2026-03-01: failed: {bad} at byte 0: damaged: " in said
    tried = home.call("history", "--partition", "2026-03-01").stdout.decode()
    assert tried.count("compact") == 1, "the same input would be damaged again"
    assert "nothing to do" in home.night("2026-03-03T02:30:00+00:00")
    bad.unlink()
    assert _made(home.night("2026-03-03T03:00:00+00:00")) == ["compact 2026-03-01", "daily_stats 2026-03-01"]


def test_objects_that_are_gone_block_what_was_made_of_them(home: Home) -> None:
    path = home.arrive("2026-03-01", "second.csv", device="b")
    home.night("2026-03-03T02:00:00+00:00")
    path.unlink()
    assert "nothing to do" in home.night("2026-03-03T03:00:00+00:00")
    home.arrive("2026-03-03", "late.csv", of="2026-03-01")
    assert _made(home.night("2026-03-04T00:30:00+00:00")) == []
    shown = home.call("status", now="2026-03-04T00:30:00+00:00")
    assert shown.returncode == 1
    assert "blocked" in shown.stdout.decode()
    again = home.call("rerun", "--date", "2026-03-01", "--accept-gone", now="2026-03-04T00:30:00+00:00")
    assert again.returncode == 0, again.stderr.decode()
    assert home.rows("daily_stats", "2026-03-01")["device_id"].to_pylist() == ["a"]


def test_catching_up_is_bounded_and_begins_with_the_oldest(home: Home) -> None:
    home.schedule = "catch_up = 1"
    home.write()
    said = home.night("2026-03-03T02:00:00+00:00")
    assert _made(said) == ["compact 2026-03-01", "daily_stats 2026-03-01"]
    assert "left for the next run" in said
    assert _made(home.night("2026-03-03T03:00:00+00:00")) == ["compact 2026-03-02", "daily_stats 2026-03-02"]


def test_a_backfill_makes_past_days_oldest_first(home: Home) -> None:
    home.schedule = "look_back = 5"
    home.write()
    now, days = "2026-03-20T02:00:00+00:00", ("--from", "2026-03-01", "--to", "2026-03-02")
    assert "nothing to do" in home.night(now), "these are too long ago"

    def planned() -> list[list[str]]:
        lines = home.call("plan", *days, now=now).stdout.decode().splitlines()
        return [line.split()[:2] for line in lines if line.split()[:2] != ["job", "partition"] and line[0] != "-"]

    def made(*arguments: str) -> list[str]:
        done = home.call("backfill", *days, *arguments, now=now)
        assert done.returncode == 0, done.stderr.decode()
        return _made(done.stderr.decode())

    assert planned() == [["compact", "2026-03-01"], ["compact", "2026-03-02"], ["2", "to"]]
    assert made("--jobs", "daily_stats") == [], "its input is not there"
    assert made("--jobs", "compact", "--limit", "1") == ["compact 2026-03-01"]
    assert planned() == [["daily_stats", "2026-03-01"], ["compact", "2026-03-02"], ["2", "to"]]
    assert made() == ["daily_stats 2026-03-01", "compact 2026-03-02", "daily_stats 2026-03-02"]
    assert planned() == [["nothing", "to"]]


def test_status_and_verify(home: Home) -> None:
    home.night("2026-03-03T02:00:00+00:00")
    good = home.call("status", "--verify", now="2026-03-03T03:00:00+00:00")
    assert good.returncode == 0, good.stdout.decode()
    assert "the lake agrees with the ledger on 4 partitions" in good.stdout.decode()
    (home.folder / "out/daily_stats/2026-03-02/_SUCCESS").unlink()
    wrong = home.call("status", "--verify", now="2026-03-03T03:00:00+00:00")
    assert wrong.returncode == 1
    assert "daily_stats 2026-03-02: the ledger says published, but" in wrong.stdout.decode()


def test_verify_while_a_run_goes_on(home: Home, tmp_path: Path) -> None:
    """As one that was killed after it published, and before it wrote that down."""
    home.night("2026-03-03T02:00:00+00:00")
    home.arrive("2026-03-04", "late.csv", of="2026-03-01", device="b")
    now, kill = "2026-03-05T02:00:00+00:00", {durable.KILL: "ledger.end_attempt:before"}
    assert home.fork(now, tmp_path / "log", **kill) == -signal.SIGKILL, (tmp_path / "log").read_text()
    *_, unwritten, agreed = home.call("status", "--verify", now=now).stdout.decode().splitlines()
    assert unwritten.startswith("compact 2026-03-01: run compact-")
    assert unwritten.endswith(
        " is published, which is not written down yet; its run will, or the next one if that was killed"
    )
    assert agreed == "the lake agrees with the ledger on 3 partitions"
    home.night(now)
    assert "agrees with the ledger on 4 partitions" in home.call("status", "--verify", now=now).stdout.decode()


def test_verify_reads_the_ledger_again_where_a_run_wrote_it_in_between(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.night("2026-03-03T02:00:00+00:00")
    schedule = config.load(home.file)
    ledger = Ledger(schedule.ledger, names=schedule.names)
    places: list[str] = []

    def slow(place: str) -> Manifest:
        places.append(place)
        if len(places) == 1:  # the run publishes after the ledger was read, and before this is
            home.arrive("2026-03-04", "late.csv", of="2026-03-01", device="b")
            assert "2 made" in home.night("2026-03-05T02:00:00+00:00")
        return read_published(place)

    monkeypatch.setattr(verify, "read_published", slow)
    seen = verify.verified(ledger, [], str)
    assert (seen.agreed, seen.unwritten, seen.wrong) == (4, [], [])
    ledger.close()


def test_verify_finds_a_result_that_the_ledger_does_not_know_of(home: Home) -> None:
    home.night("2026-03-03T02:00:00+00:00")
    for path in (home.folder / "state").glob("ledger.db*"):
        path.unlink()
    shown = home.call("status", "--verify", now="2026-03-03T03:00:00+00:00")
    assert shown.returncode == 1
    assert shown.stdout.decode().count(": the ledger knows of no result, the lake says run ") == 4
