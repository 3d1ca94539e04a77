"""A month on a lake in S3, night by night: late and missing data, damage, a kill, an outage, clocks that change. In the
end the lake is byte for byte what one run over all the data makes."""

from __future__ import annotations

import gzip
import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from jobs import api
from tests.processes import mark
from tests.schedule.nights import Home
from tests.schedule.whole import whole
from tests.servers import S3Server

READINGS = 60


@dataclass(frozen=True)
class Month:
    """The days of a test by their number: one whose log comes four days late, one whose log is cut off until the next
    day, the night that is killed, and those that nobody runs. Clocks in Berlin change on March 29."""

    first: date
    days: int
    missing: int
    broken: int
    killed: int
    outage: range

    def day(self, number: int) -> str:
        return (self.first + timedelta(days=number)).isoformat()

    def log(self, number: int, chance: random.Random) -> str:
        """A day's log, with readings that are up to two days late."""
        lines = ["timestamp,device_id,metric,value,unit"]
        end = datetime.fromisoformat(f"{self.day(number + 1)}T00:00:00")
        for reading in range(READINGS):
            late = timedelta(minutes=chance.randrange(1440), days=chance.choice([0] * 8 + [1, 2]))
            time = max(end - late, datetime.fromisoformat(f"{self.first}T00:00:00")) - timedelta(seconds=1)
            lines.append(f"{time.isoformat()}Z,d{reading % 3},temperature,{chance.randrange(400) / 10},°C")
        return "\n".join([*lines, ""])


MONTHS = {
    "week": Month(date(2026, 3, 26), 7, missing=1, broken=2, killed=3, outage=range(4, 6)),
    "whole": Month(date(2026, 3, 10), 31, missing=4, broken=9, killed=11, outage=range(13, 18)),
}


@pytest.mark.slow
@pytest.mark.s3
@pytest.mark.parametrize("length", ["week", pytest.param("whole", marks=pytest.mark.full)])
def test_a_month(tmp_path: Path, s3: S3Server, length: str) -> None:
    month, lake, chance = MONTHS[length], s3.client(), random.Random(20260313)
    lake.create_bucket(Bucket="lake")
    home = _home(tmp_path / "nightly", s3, month, "s3://lake/out", "catch_up = 4")
    logs = {number: gzip.compress(month.log(number, chance).encode(), mtime=0) for number in range(month.days)}

    def put(number: int, body: bytes) -> None:
        lake.put_object(Bucket="lake", Key=f"logs/dt={month.day(number)}/all.csv.gz", Body=body)

    def night(number: int, **env: str) -> int:
        return home.fork(f"{month.day(number + 1)}T03:30:00+00:00", tmp_path / "log", **env)

    for number in range(month.days):
        if number != month.missing:
            put(number, logs[number][: -40 if number == month.broken else None])
        if number == month.missing + 4:
            put(month.missing, logs[month.missing])
        if number == month.broken + 1:
            put(month.broken, logs[month.broken])
        if number == month.killed:
            assert night(number, JOBS_TEST_KILL="ledger.end_attempt:before") == -9
        elif number not in month.outage:
            assert night(number) == (number == month.broken), (tmp_path / "log").read_text()
    for number in range(month.days, month.days + 4):
        night(number)
    assert "nothing to do: all that is due is published" in (tmp_path / "log").read_text().splitlines()[-1]

    once = _home(tmp_path / "once", s3, month, "s3://lake/once", "catch_up = 100\nlook_back = 100")
    assert once.fork(f"{month.day(month.days + 4)}T03:30:00+00:00", tmp_path / "once.log") == 0
    expected = whole(once)
    assert len(expected) >= 2 * month.days
    assert whole(home) == expected, "the same bytes"
    _is_right(home, month)


def _home(folder: Path, s3: S3Server, month: Month, out: str, schedule: str) -> Home:
    folder.mkdir()
    home = Home(folder, "s3://lake/logs", out, f'time_zone = "Europe/Berlin"\n{schedule}', env=mark(), lake=s3).write()
    home.file.write_text(home.file.read_text().replace("start = 2026-03-01", f"start = {month.first}"))
    return home


def _is_right(home: Home, month: Month) -> None:
    """Every day is what the job itself says of all logs."""
    at_once = api.run("daily_stats", ["s3://lake/logs/"], time_zone="Europe/Berlin")
    for number in range(month.days - 1):
        day = date.fromisoformat(month.day(number))
        expected = at_once.filter(pc.equal(at_once["date"], pa.scalar(day)))
        assert home.rows("daily_stats", str(day)).equals(expected), day
    assert sum(home.rows("sorted", month.day(n)).num_rows for n in range(-1, month.days)) == READINGS * month.days
