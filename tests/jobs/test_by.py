"""--by of every job that has it: against logs whose devices bear the groups' names, and the same bytes on any way."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs import api, registry
from jobs.engine.groups import BY
from tests.command_line import Twin, result, run
from tests.jobs.oracle import site_of

SAMPLE = Path("sample_data")
METADATA = SAMPLE / "_devices.csv"
JOBS = [name for name, job in registry.all_jobs().items() if BY in job.OPTIONS]
MORE: dict[str, dict[str, Any]] = {
    "daily_stats": {"time_zone": "Europe/Berlin", "quantiles": "0.5"},
    "histogram": {"bins": "7"},
    "hourly_profile": {"period": "hour-of-day"},
    "rollup": {"window": "week"},
}
"""Options beside the defaults that each job is tried with too."""
CASES: list[tuple[str, dict[str, Any]]] = [(job, {}) for job in JOBS] + [(job, MORE[job]) for job in JOBS]


def flags(options: dict[str, Any]) -> list[str]:
    return [text for name, value in options.items() for text in (f"--{name.replace('_', '-')}", value)]


@pytest.fixture(scope="module")
def renamed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The readings of the sample with their group for device, as a log, by --by."""
    readings = api.run("extract", [SAMPLE])
    made = [site_of(METADATA, row["device_id"], row["timestamp"]) for row in readings.select([0, 1]).to_pylist()]
    assert {"north", "south", "garden"} <= set(made)
    logs = {}
    for by, groups in (("site", made), ("metric", ["all"] * len(readings))):
        logs[by] = tmp_path_factory.mktemp(by) / "log.parquet"
        pq.write_table(readings.set_column(1, "device_id", pa.array(groups)), logs[by])
    return logs


@pytest.mark.parametrize(("job", "options"), CASES, ids=str)
@pytest.mark.parametrize("by", ["site", "metric"])
def test_groups_are_as_devices_of_their_names(
    job: str, options: dict[str, Any], by: str, renamed: dict[str, Path]
) -> None:
    found = api.run(job, [SAMPLE], by=by, **options)
    expected = api.run(job, [renamed[by]], **options)
    assert len(found) > 3
    if by == "site":
        assert found.column_names[0] == "site"
        assert found.rename_columns(expected.column_names).equals(expected)
    else:
        assert found.equals(expected.drop_columns(["device_id"]))


@pytest.mark.parametrize("job", JOBS)
def test_the_same_bytes_for_any_tasks_and_splits(job: str) -> None:
    given = ["--by", "site", *flags(MORE[job])]
    expected = result(f"jobs.{job}", SAMPLE, *given, "-r", "inline")
    assert result(f"jobs.{job}", SAMPLE, *given, "-r", "local", "--tasks", "3", "--split-size", "10007") == expected
    assert result(f"jobs.{job}", SAMPLE, *given, env={"JOBS_KERNEL": "off"}) == expected
    once = result(f"jobs.{job}", SAMPLE, *given, "--deduplicate", "-r", "inline")
    assert result(f"jobs.{job}", SAMPLE, *given, "--deduplicate", "-r", "local", "--tasks", "3") == once != expected


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.parametrize("job", JOBS)
def test_the_same_bytes_on_spark(job: str, twin: Twin) -> None:
    given = ["--by", "site", *flags(MORE[job])]
    assert twin(f"jobs.spark.{job}", SAMPLE, *given, "--tasks", "2") == result(f"jobs.{job}", SAMPLE, *given)


@pytest.mark.parametrize("job", JOBS)
def test_days_of_sites_are_those_of_site_stats(job: str) -> None:
    if job != "daily_stats":
        counts = api.run(job, [SAMPLE], by="site").group_by("site").aggregate([("count", "sum")])
        whole = api.run("site_stats", [SAMPLE]).group_by("site").aggregate([("count", "sum")])
        assert dict(zip(*counts.to_pydict().values(), strict=True)) == dict(
            zip(*whole.to_pydict().values(), strict=True)
        )
        return
    table = api.run("site_stats", [SAMPLE])
    assert api.run(job, [SAMPLE], by="site").equals(table.drop_columns(["devices"]))


@pytest.mark.parametrize("job", JOBS)
def test_what_is_of_no_site_has_one(job: str, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(
        "timestamp,device_id,metric,value\n"
        + "".join(f"2026-03-01T0{hour}:00:00Z,{device},m,{hour + 1}\n" for hour in (0, 6) for device in "ab")
    )
    (tmp_path / "_devices.csv").write_text("device_id,site,valid_to\na,roof,2026-03-01T06:00:00Z\n")
    rows = api.run(job, [tmp_path], by="site").to_pylist()
    counts = dict.fromkeys((row["site"] for row in rows), 0)
    for row in rows:
        counts[row["site"]] += row["count"]
    assert counts == {"(unmatched)": 3, "roof": 1}
    told = run(f"jobs.{job}", tmp_path, "--by", "site").stderr
    assert b"note: 3 of 4 readings are of no site in the metadata: (unmatched)\n" in told
    assert b"note" not in run(f"jobs.{job}", tmp_path, "--by", "metric").stderr


@pytest.mark.parametrize("job", JOBS)
def test_refused(job: str, tmp_path: Path) -> None:
    def told(log: object, *more: object) -> str:
        done = run(f"jobs.{job}", log, *more)
        assert (done.returncode, done.stdout) == (2, b"")
        return done.stderr.decode()

    log = tmp_path / "log.csv"
    log.write_text("timestamp,device_id,metric,value\n2026-03-01T00:00:00Z,a,m,1\n")
    assert told(log, "--by", "place") == "error: --by place: must be one of device, metric, site\n"
    assert told(log, "--by", "site") == (
        "error: there is no device metadata; name it with --devices FILE, or put _devices.csv into the input's folder\n"
    )
    for by in ("device", "metric"):
        assert told(log, "--by", by, "--devices", METADATA) == (
            "error: --devices: tells where devices are; add --by site\n"
        )
    stations = tmp_path / "stations.txt"
    stations.write_text("a;1.0\n")
    assert told(stations, "--dialect", "onebrc", "--by", "site", "--devices", METADATA) == (
        f"error: --dialect onebrc: {job} needs readings with a time, and this dialect has none\n"
    )


def test_the_page_says_of_every_job_by_what_it_is() -> None:
    page = Path("docs", "command-line.md").read_text("utf-8")
    section = page.partition("## Keys")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| \[`(\w+)`\]\(\w+\.md\) \| ([^|]+?) \|", section, re.MULTILINE))
    assert rows.keys() == registry.all_jobs().keys()
    assert sorted(job for job, said in rows.items() if said.startswith("`--by ")) == JOBS


def test_times_of_the_sample_tell_where_a_device_was() -> None:
    """The oracle itself: north-0003 was carried to the south at noon."""
    before, after = (datetime.fromisoformat(f"2026-03-29T{time}+00:00") for time in ("11:59:59", "12:00:00"))
    assert [site_of(METADATA, "north-0003", time) for time in (before, after)] == ["north", "south"]
