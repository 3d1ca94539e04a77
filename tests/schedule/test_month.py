"""A month on a lake in S3, night by night: late and missing data, damage, a kill, an outage, clocks that change. In the
end every day is what one run over all the data would have made."""

from __future__ import annotations

import gzip
import random
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from jobs import api
from tests.processes import mark
from tests.schedule.nights import Home
from tests.servers import S3Server

FIRST, DAYS = date(2026, 3, 13), 20  # clocks in Berlin change on March 29
MISSING, BROKEN, KILLED, OUTAGE = 4, 7, 9, range(11, 16)
"""Days by their number: one whose log comes four days late, one whose log is cut off until the next day, the night that
is killed, and those that nobody runs."""


def _day(number: int) -> str:
    return (FIRST + timedelta(days=number)).isoformat()


def _log(number: int, chance: random.Random) -> str:
    """A day's log, with readings that are up to two days late."""
    lines = ["timestamp,device_id,metric,value,unit"]
    end = datetime.fromisoformat(f"{_day(number + 1)}T00:00:00")
    for reading in range(60):
        late = timedelta(minutes=chance.randrange(1440), days=chance.choice([0] * 8 + [1, 2]))
        time = max(end - late, datetime.fromisoformat(f"{FIRST}T00:00:00")) - timedelta(seconds=1)
        lines.append(f"{time.isoformat()}Z,d{reading % 3},temperature,{chance.randrange(400) / 10},°C")
    return "\n".join([*lines, ""])


@pytest.mark.slow
@pytest.mark.s3
def test_a_month(tmp_path: Path, s3: S3Server) -> None:
    lake = s3.client()
    lake.create_bucket(Bucket="lake")
    chance = random.Random(20260313)
    home = Home(tmp_path, "s3://lake/logs", "s3://lake/out", 'time_zone = "Europe/Berlin"\ncatch_up = 4')
    home.env, home.lake = mark(), s3
    home.file.write_text(home.write().file.read_text().replace("start = 2026-03-01", f"start = {FIRST}"))
    logs = {number: gzip.compress(_log(number, chance).encode(), mtime=0) for number in range(DAYS)}

    def put(number: int, body: bytes) -> None:
        lake.put_object(Bucket="lake", Key=f"logs/dt={_day(number)}/all.csv.gz", Body=body)

    def night(number: int, **env: str) -> int:
        return home.fork(f"{_day(number + 1)}T03:30:00+00:00", tmp_path / "log", **env)

    for number in range(DAYS):
        if number != MISSING:
            put(number, logs[number][: -40 if number == BROKEN else None])
        if number == MISSING + 4:
            put(MISSING, logs[MISSING])
        if number == BROKEN + 1:
            put(BROKEN, logs[BROKEN])
        if number == KILLED:
            assert night(number, JOBS_TEST_KILL="ledger.end_attempt:before") == -9
        elif number not in OUTAGE:
            assert night(number) == (number == BROKEN), (tmp_path / "log").read_text()
    for number in (DAYS, DAYS + 1, DAYS + 2):
        night(number)
    assert "nothing to do: all that is due is published" in (tmp_path / "log").read_text().splitlines()[-1]

    at_once = api.run("daily_stats", ["s3://lake/logs/"], time_zone="Europe/Berlin")
    for number in range(DAYS - 1):
        day = date.fromisoformat(_day(number))
        expected = at_once.filter(pc.equal(at_once["date"], pa.scalar(day)))
        assert home.rows("daily_stats", str(day)).equals(expected), day
    assert sum(home.rows("sorted", _day(number)).num_rows for number in range(-1, DAYS)) == 60 * DAYS
