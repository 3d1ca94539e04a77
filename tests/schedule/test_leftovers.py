"""What earlier runs left: the next one writes down what was published, and removes what nobody reads any more."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from jobs.lake import durable
from tests.schedule.nights import Home, log
from tests.servers import S3Server

pytestmark = pytest.mark.slow

NIGHT, LATER = "2026-03-03T02:00:00+00:00", "2026-03-05T02:00:00+00:00"
KILLED = {durable.KILL: "ledger.end_attempt:before"}


@pytest.fixture
def home(home: Home) -> Home:
    home.arrive("2026-03-01")
    home.night(NIGHT)
    return home


def _verified(home: Home) -> int:
    return home.call("status", "--verify", now=LATER).returncode


@pytest.mark.parametrize("pruned", [False, True])
def test_a_rerun_that_is_killed_after_it_published(home: Home, pruned: bool) -> None:
    if pruned:
        home.compact = 'retention = "10d"'
        home.write()
        said = home.call("prune", now="2026-03-20T02:00:00+00:00").stdout.decode()
        assert home.call("prune", "--confirm", said.split()[-1], now="2026-03-20T02:00:00+00:00").returncode == 0
    home.env = KILLED
    assert home.call("rerun", "--date", "2026-03-01", "--jobs", "compact", now=NIGHT).returncode == -signal.SIGKILL
    home.env = {}
    assert "compact 2026-03-01: is published already, by run compact-" in home.night(LATER)
    assert _verified(home) == 0
    assert home.call("history", "--limit", "1").stdout.decode().count("lost") == 1
    assert "nothing to do" in home.night(LATER), "it is written down once"


def test_what_it_published_otherwise_is_read_by_the_jobs_after_it(home: Home) -> None:
    path = home.arrive("2026-03-01", "b.csv", device="b")
    home.night("2026-03-03T03:00:00+00:00")
    path.unlink()
    assert home.rows("daily_stats", "2026-03-01").num_rows == 2
    home.env = KILLED
    again = home.call("rerun", "--date", "2026-03-01", "--jobs", "compact", "--accept-gone", now=NIGHT)
    assert again.returncode == -signal.SIGKILL
    home.env = {}
    said = home.night(LATER)
    assert "compact 2026-03-01: is published already" in said
    assert "daily_stats 2026-03-01: published" in said
    assert home.rows("daily_stats", "2026-03-01").num_rows == 1
    assert _verified(home) == 0


@pytest.mark.s3
def test_what_was_replaced_in_s3_is_removed_by_a_later_night(tmp_path: Path, s3: S3Server) -> None:
    client, place = s3.client(), "out/sorted/2026-03-01/"
    client.create_bucket(Bucket="lake")
    home = Home(tmp_path / "scheduler", "s3://lake/logs", "s3://lake/out", lake=s3).write()
    home.arrive("2026-03-01")
    home.night(NIGHT)
    home.arrive("2026-03-03", "late.csv", of="2026-03-01", device="b")
    home.night("2026-03-04T02:00:00+00:00")

    def there() -> set[str]:
        return {entry["Key"] for entry in client.list_objects_v2(Bucket="lake", Prefix=place)["Contents"]}

    success = json.loads(client.get_object(Bucket="lake", Key=f"{place}_SUCCESS")["Body"].read())
    kept = {f"{place}_SUCCESS", *(place + part["name"] for part in success["parts"])}
    assert len(there() - kept) == 1, "a slow reader may need it"
    home.night(LATER)
    assert len(there() - kept) == 1
    (old,) = success["superseded"]
    old["since"] = "2026-03-04T02:00:00Z"
    client.put_object(Bucket="lake", Key=f"{place}_SUCCESS", Body=json.dumps(success).encode())
    assert "nothing to do" in home.night(LATER)
    assert there() == kept


def test_a_source_that_cannot_be_listed_does_not_keep_others_from_being_made(home: Home, tmp_path: Path) -> None:
    """And of what it holds nothing is made while nobody knows what there is."""
    away = tmp_path / "away"
    home.file.write_text(
        home.file.read_text().replace("[jobs.compact]", f'[inputs.away]\npaths = ["{away}"]\n[jobs.compact]')
        + f'[jobs.rollup]\ninput = "away"\noutput = "{tmp_path}/rollup/{{partition}}/"\n'
    )
    away.mkdir()
    (away / "log.csv").write_text(log("2026-03-02"))
    home.arrive("2026-03-02")
    home.night(NIGHT)
    (away / "more.csv").write_text(log("2026-03-03"))
    home.arrive("2026-03-03")
    away.rename(tmp_path / "elsewhere")
    away.symlink_to(away)
    said = home.night("2026-03-04T02:00:00+00:00", status=1)
    assert "daily_stats 2026-03-03: published" in said
    assert f"error: {away}: " in said
    assert "rollup" not in said
    away.unlink()
    (tmp_path / "elsewhere").rename(away)
    assert "rollup 2026-03-03: published" in home.night("2026-03-04T02:00:00+00:00")
