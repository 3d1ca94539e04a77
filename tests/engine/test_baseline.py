"""The baseline of normal hours: what is read of a result of hourly_profile, and what is said of a file that is none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.engine import baseline
from jobs.engine.options import Settings
from jobs.errors import JobError
from tests.command_line import result

HEADER = "device_id,metric,unit,day_of_week,hour,mean,stddev\n"
ROW = "007,t,,1,0,5,2\n"


def load(path: Path, zone: str = "UTC") -> pa.Table:
    return baseline.load(Settings((), time_zone=zone, job=(("baseline", str(path)),)))


def test_numbers_stay_the_texts_they_are(tmp_path: Path) -> None:
    file = tmp_path / "profile.csv"
    file.write_text(HEADER + ROW + '7,"",K,7,23,6,\n8,t,"",7,23,0,0\n')
    assert load(file).to_pylist() == [
        {"device_id": "007", "metric": "t", "unit": None, "day_of_week": 1, "hour": 0}
        | {"level": 5.0, "spread": 2.0, "is_median": False},
        {"device_id": "8", "metric": "t", "unit": "", "day_of_week": 7, "hour": 23}
        | {"level": 0.0, "spread": 0.0, "is_median": False},
    ]


@pytest.mark.parametrize("output", ["parquet", "csv", "jsonl"])
def test_a_published_profile_and_its_file_are_the_same(tmp_path: Path, output: str) -> None:
    folder, berlin = tmp_path / "profile", "Europe/Berlin"
    flags = ("--output-dir", folder, "--output-format", output, "--time-zone", berlin, "--metric", "temperature")
    result("jobs.hourly_profile", "sample_data", *flags, "-q")
    whole = load(folder, berlin)
    assert {"device_id", "day_of_week", "hour", "level", "spread", "is_median"} <= set(whole.column_names)
    assert {True, False} == set(whole["is_median"].to_pylist())
    with pytest.raises(JobError) as raised:
        load(folder)
    assert (
        str(raised.value)
        == f"{folder}: its hours are those of Europe/Berlin, not of UTC; use --time-zone Europe/Berlin"
    )
    assert raised.value.status == 2
    if output != "jsonl":
        (part,) = folder.glob("part-*")
        assert load(part) == whole


def test_the_error_of_the_quantiles_is_the_profiles(tmp_path: Path) -> None:
    flags = ("--metric", "pressure", "--period", "hour-of-day", "-q", "--output-dir")
    result("jobs.hourly_profile", "sample_data", *flags, tmp_path / "coarse")
    result("jobs.hourly_profile", "sample_data", "--quantile-error", "0.0001", *flags, tmp_path / "fine")
    assert set(load(tmp_path / "coarse")["is_median"].to_pylist()) == {False}
    assert set(load(tmp_path / "fine")["is_median"].to_pylist()) == {True}


WRONG = {
    "site,metric,unit,hour,mean,stddev\nnorth,t,,0,5,2\n": "is a profile of sites, of which readings say nothing; "
    "make it --by device or metric",
    "device_id,site\na,x\n": "is no profile of hours: it has no metric, unit, hour; make it with jobs.hourly_profile",
    "metric,unit,hour,count\nt,,0,9\n": "is no profile of hours: it has no q0.25, q0.5, q0.75 and no mean, stddev; "
    "make it with jobs.hourly_profile",
    HEADER: "no hour of it tells how far values spread; make it of more readings",
    HEADER + "a,t,,1,0,5,\n": "no hour of it tells how far values spread; make it of more readings",
    HEADER + ROW + ROW: "the profile has two rows of one series and hour",
    HEADER + "a,t,,1,24,5,2\n": "hour is not from 0 to 23",
    HEADER + "a,t,,0,0,5,2\n": "day_of_week is not from 1 to 7",
    HEADER + "a,t,,1,,5,2\n": "a row has no hour",
    HEADER + ",t,,1,0,5,2\n": "a row has no device_id",
    HEADER + "a,t,,1,0.5,5,2\n": "is no profile of hours: Float value 0.500000 was truncated converting to int64",
    HEADER + "a,t\n": "cannot be read: CSV parse error: Row #2: Expected 7 columns, got 2: a,t",
}


@pytest.mark.parametrize(("text", "error"), WRONG.items(), ids=range(len(WRONG)))
def test_wrong_files(tmp_path: Path, text: str, error: str) -> None:
    file = tmp_path / "profile.csv"
    file.write_text(text)
    with pytest.raises(JobError) as raised:
        load(file)
    assert str(raised.value) == f"{file}: {error}"
    assert raised.value.status == 3


def test_wrong_folders(tmp_path: Path) -> None:
    folder = tmp_path / "days"
    result("jobs.daily_stats", "sample_data", "--output-dir", folder, "-q")
    with pytest.raises(JobError) as raised:
        load(folder)
    assert str(raised.value) == f"{folder}: is a result of daily_stats, not of hourly_profile"
    shutil.rmtree(folder)
    with pytest.raises(JobError) as raised:
        load(folder)
    assert str(raised.value) == f"{folder}: nothing is published there; check the name"


def test_no_parquet(tmp_path: Path) -> None:
    file = tmp_path / "profile.parquet"
    file.write_text(HEADER)
    with pytest.raises(JobError, match=r"profile\.parquet: cannot be read: .*Parquet magic bytes not found"):
        load(file)
    pq.write_table(pa.table({"metric": ["t"], "unit": pa.nulls(1, pa.string()), "hour": [0]}), file)
    with pytest.raises(JobError, match=r"is no profile of hours: it has no q0\.25"):
        load(file)
