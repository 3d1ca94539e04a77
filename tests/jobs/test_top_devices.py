"""top_devices: against sorting by hand, and the same bytes however it is run."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jobs import api
from jobs.engine import tasks
from jobs.partials import passing
from jobs.top_devices import STATISTICS
from tests.command_line import Twin, result, run
from tests.jobs.oracle import site_of

JOB, TWIN = "jobs.top_devices", "jobs.spark.top_devices"
SAMPLE = Path("sample_data")
LINES = """timestamp,device_id,metric,value,unit
2026-03-01T00:00:00Z,a,temperature,5,
2026-03-01T01:00:00Z,b,temperature,-0.0,
2026-03-01T02:00:00Z,c,temperature,0.0,
2026-03-02T00:00:00Z,d,temperature,5,
2026-03-02T00:00:00Z,d,temperature,7,
2026-03-02T00:00:00Z,d,temperature,7,°F
"""


AT_SITES = """timestamp,device_id,metric,value
2026-03-01T00:00:00Z,a,temperature,5
2026-03-01T12:00:00Z,a,temperature,9
2026-03-02T00:00:00Z,a,temperature,7
2026-03-01T00:00:00Z,b,temperature,6
2026-03-01T00:00:00Z,b,humidity,40
2026-03-01T00:00:00Z,c,temperature,1
2026-03-01T00:00:00Z,d,temperature,1
2026-03-01T00:00:00Z,e,temperature,2
"""
MOVED = """device_id,site,valid_from,valid_to
a,roof:north,,2026-03-01T12:00:00Z
a,cellar,2026-03-01T12:00:00Z,2026-03-02
a,roof:north,2026-03-02,
b,roof:north,,
c,cellar,2026-03-02,
e,cellar,,
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "log.csv").write_text(AT_SITES)
    (tmp_path / "_devices.csv").write_text(MOVED)
    return tmp_path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text(LINES)
    return path


def ranked(log: Path, **options: Any) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in api.run("top_devices", [log], **options).to_pylist()]


def test_known_answers(log: Path) -> None:
    assert ranked(log, statistic="min", top="3") == [
        ("temperature", None, 1, "a", 5.0, 1),
        ("temperature", None, 2, "d", 5.0, 2),
        ("temperature", None, 3, "c", 0.0, 1),
        ("temperature", "°F", 1, "d", 7.0, 1),
    ]
    assert [r[3] for r in ranked(log, statistic="mean", lowest=True)] == ["b", "c", "a", "d", "d"]
    assert ranked(log, statistic="stddev") == [("temperature", None, 1, "d", math.sqrt(2), 2)]
    assert ranked(log, statistic="count", top="1", metric="temperature")[0] == ("temperature", None, 1, "d", 2)
    assert [r[2:5] for r in ranked(log, per="day", top="1")] == [
        (date(2026, 3, 1), 1, "a"),
        (date(2026, 3, 2), 1, "d"),
        (date(2026, 3, 2), 1, "d"),
    ]


def test_a_device_that_moved_is_ranked_at_each_of_its_sites(folder: Path) -> None:
    """a was on the roof, half a day in the cellar, and on the roof again; c not yet in the cellar; nobody knows d."""
    assert ranked(folder, per="site") == [
        ("humidity", None, "roof:north", 1, "b", 40.0, 1),
        ("temperature", None, "(unmatched)", 1, "c", 1.0, 1),
        ("temperature", None, "(unmatched)", 2, "d", 1.0, 1),
        ("temperature", None, "cellar", 1, "a", 9.0, 1),
        ("temperature", None, "cellar", 2, "e", 2.0, 1),
        ("temperature", None, "roof:north", 1, "a", 6.0, 2),
        ("temperature", None, "roof:north", 2, "b", 6.0, 1),
    ]
    assert [row[2:5] for row in ranked(folder, per="site", statistic="min", top="1", lowest=True)[1:]] == [
        ("(unmatched)", 1, "c"),
        ("cellar", 1, "e"),
        ("roof:north", 1, "a"),
    ]


def test_what_is_unmatched_is_told(folder: Path) -> None:
    note = b"note: devices of no site in the metadata are ranked at (unmatched)\n"
    assert note in run(JOB, folder, "--per", "site").stderr
    assert b"note" not in run(JOB, folder, "--per", "site", "--device", "a").stderr
    assert b"note" not in run(JOB, folder).stderr


@pytest.mark.parametrize("per", ["all", "day", "site"])
@pytest.mark.parametrize("statistic", ["mean", "max", "last_timestamp"])
@pytest.mark.parametrize("lowest", [False, True])
def test_every_row_is_the_oracles(statistic: str, per: str, lowest: bool) -> None:
    """Sorting, by hand, what daily_stats says; over all days, what it says of a day as long as the input."""
    found = api.run("top_devices", [SAMPLE], statistic=statistic, per=per, lowest=lowest, top="3").to_pylist()
    groups: dict[tuple[Any, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for row in _statistics(per):
        value = row[statistic]
        up = (value, math.copysign(1, value)) if isinstance(value, float) else (value.timestamp(),)
        key = up if lowest else tuple(-x for x in up)
        groups[row["metric"], row["unit"], row.get("date"), row.get("site")].append(
            (key, row["device_id"].encode(), value)
        )
    expected = {group: sorted(rows)[:3] for group, rows in groups.items()}
    given: dict[tuple[Any, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for row in found:
        group = given[row["metric"], row["unit"], row.get("date"), row.get("site")]
        group.append((row["device_id"].encode(), row[statistic]))
        assert row["rank"] == len(group)
    assert dict(given) == {group: [row[1:] for row in rows] for group, rows in expected.items()}


def _statistics(per: str) -> list[dict[str, Any]]:
    if per == "day":
        rows: list[dict[str, Any]] = api.run("daily_stats", [SAMPLE]).to_pylist()
        return rows
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in api.run("extract", [SAMPLE]).to_pylist():
        site = site_of(SAMPLE / "_devices.csv", row["device_id"], row["timestamp"]) if per == "site" else None
        groups[row["device_id"], row["metric"], row["unit"], site].append(row)
    return [
        {
            **dict(zip(("device_id", "metric", "unit", "site"), key, strict=True)),
            "mean": math.fsum(r["value"] for r in rows) / len(rows),
            "max": max((r["value"] for r in rows), key=lambda v: (v, math.copysign(1, v))),
            "last_timestamp": max(r["timestamp"] for r in rows),
        }
        for key, rows in groups.items()
    ]


@pytest.mark.parametrize("statistic", STATISTICS)
def test_every_statistic_runs_on_the_sample(statistic: str) -> None:
    table = api.run("top_devices", [SAMPLE], statistic=statistic, top="2", metric="humidity")
    assert table.column_names[:5] == ["metric", "unit", "rank", "device_id", statistic]
    assert table.num_rows == 2


@pytest.mark.parametrize(
    "flags", [["--per", "day"], ["--per", "site"], ["--statistic", "max", "--lowest"]], ids=" ".join
)
def test_the_same_bytes_for_any_tasks_and_splits(flags: list[str]) -> None:
    expected = result(JOB, SAMPLE, *flags, "--top", "2", "-r", "inline")
    for more in (["--tasks", "1"], ["--tasks", "3", "--split-size", "10007"]):
        assert result(JOB, SAMPLE, *flags, "--top", "2", "-r", "local", *more) == expected
    assert result(JOB, SAMPLE, *flags, "--top", "2", env={"JOBS_KERNEL": "off"}) == expected


@pytest.mark.parametrize("per", ["day", "site"])
def test_the_best_of_many_pieces_are_the_best_of_all(per: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = api.run("top_devices", [SAMPLE], per=per, top="2")
    monkeypatch.setattr(tasks, "PIECE_BYTES", 2_000)
    assert api.run("top_devices", [SAMPLE], per=per, top="2").equals(whole)


def test_readings_that_are_passed_on_stay_at_their_sites(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = ranked(folder, per="site", engine="inline")
    passed: list[pa.Table] = []
    to_rows = passing.to_rows

    def noting(*given: Any) -> pa.Table:
        passed.append(to_rows(*given))
        return passed[-1]

    monkeypatch.setattr(passing, "TRIAL_GROUPS", 0)
    monkeypatch.setattr(passing, "to_rows", noting)
    assert ranked(folder, per="site", engine="inline") == expected
    assert sum(map(len, passed)) == 8


def test_repeats_count_once_at_the_site_where_they_were_made(folder: Path) -> None:
    once = ranked(folder, per="site")
    (folder / "again.csv").write_text(AT_SITES)
    for engine in ("inline", "local"):
        assert ranked(folder, per="site", deduplicate=True, engine=engine) == once
    assert [row[-1] for row in ranked(folder, per="site")] == [2 * row[-1] for row in once]


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.parametrize(
    "flags",
    [["--per", "day", "--top", "2"], ["--per", "site", "--top", "2"], ["--statistic", "min", "--lowest"]],
    ids=" ".join,
)
def test_the_same_bytes_on_spark(flags: list[str], twin: Twin) -> None:
    given = twin(TWIN, SAMPLE, *flags, "--tasks", "3", "--split-size", "50K")
    assert given == result(JOB, SAMPLE, *flags)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--top", "0"], "--top 0: must be a whole number from 1 to 100000"),
        (["--top", "ten"], "--top ten: must be a whole number from 1 to 100000"),
        (
            ["--statistic", "median"],
            "--statistic median: must be one of count, mean, stddev, min, max, sum, first_timestamp, last_timestamp",
        ),
        (["--per", "week"], "--per week: must be one of all, day, site"),
        (
            ["--per", "site"],
            "there is no device metadata; name it with --devices FILE, or put _devices.csv into the input's folder",
        ),
        (["--devices", "sample_data/_devices.csv"], "--devices: tells where devices are; add --per site"),
    ],
)
def test_refused(log: Path, flags: list[str], message: str) -> None:
    done = run(JOB, log, *flags)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", f"error: {message}\n")


@pytest.mark.shared_data
def test_the_highest_of_a_real_set(shared_data: Path) -> None:
    """Twelve stations of Beijing: the three with the highest mean PM2.5 of a spring, by plain sums."""
    logs: Path = shared_data / "uci_beijing_prsa" / "PRSA*.csv"
    chosen: dict[str, Any] = {"dialect": "prsa", "metric": "PM2.5", "until": "2013-06-01"}
    table = api.run("top_devices", [logs], top="3", **chosen)
    sums: dict[str, list[float]] = defaultdict(list)
    for row in api.run("extract", [logs], **chosen).to_pylist():
        sums[row["device_id"]].append(row["value"])
    means = {device: math.fsum(values) / len(values) for device, values in sums.items()}
    assert table["device_id"].to_pylist() == sorted(means, key=lambda d: (-means[d], d))[:3]
