"""anomalies end to end: against the definition applied to the readings, and the same bytes however it is run."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jobs import api
from jobs.partials.unusual import PARAMETERS, Judged, Series
from tests.command_line import Twin, result, run

JOB, TWIN = "jobs.anomalies", "jobs.spark.anomalies"
SAMPLE = Path("sample_data")
FLAGS = ("--output-format", "csv", "--detector", "seasonal,novelty", "--show", "all")
COMPARED = ("--output-format", "csv", "--detector", "novelty,profile", "--show", "all", "--time-zone", "Asia/Tokyo")
HEADER = "timestamp,device_id,metric,value\n"


@pytest.fixture(scope="module")
def expected() -> bytes:
    """All scores of the sample, by inline."""
    return result(JOB, SAMPLE, "-r", "inline", *FLAGS)


def oracle(zone_hours: int) -> list[tuple[object, ...]]:
    """Every reading of the sample with its scores, judged one by one; local time is `zone_hours` ahead of UTC."""
    series: dict[tuple[str, str, str | None], list[tuple[datetime, float]]] = {}
    for r in api.run("extract", [SAMPLE]).to_pylist():
        series.setdefault((r["device_id"], r["metric"], r["unit"]), []).append((r["timestamp"], r["value"]))
    rows: list[tuple[object, ...]] = []
    for key, readings in series.items():
        state = Series()
        for time, value in sorted(readings, key=lambda r: (r[0], r[1], math.copysign(1, r[1]))):
            hour = (time.replace(tzinfo=None) - datetime(1970, 1, 1) + timedelta(hours=zone_hours)) // timedelta(
                hours=1
            )
            judged: Judged = state.judge(hour, value, PARAMETERS)
            rows += [(*key, time, value, judged.novelty, "novelty"), (*key, time, value, judged.seasonal, "seasonal")]
    return rows


@pytest.mark.parametrize(("zone", "hours"), [("UTC", 0), ("Asia/Tokyo", 9)])
def test_every_score_is_the_definitions(zone: str, hours: int) -> None:
    table = api.run("anomalies", [SAMPLE], time_zone=zone, detector="novelty,seasonal", show="all")
    given = [tuple(row.values())[:-1] for row in table.to_pylist()]
    assert sorted(map(repr, given)) == sorted(map(repr, oracle(hours)))


def test_rows_are_sorted_and_have_a_reason_from_the_threshold_on() -> None:
    rows = api.run("anomalies", [SAMPLE], show="all", threshold="0.7").to_pylist()
    keys = [(r["device_id"].encode(), r["metric"].encode(), (r["unit"] or "").encode(), r["timestamp"]) for r in rows]
    assert keys == sorted(keys)
    assert all((r["reason"] is None) == (r["score"] < 0.7) for r in rows)
    shown = api.run("anomalies", [SAMPLE], threshold="0.7").to_pylist()
    assert shown == [r for r in rows if r["score"] >= 0.7]
    assert 0 < len(shown) < len(rows) / 100


def test_what_is_said_of_a_spike_and_of_a_wrong_hour(tmp_path: Path) -> None:
    lines = [
        f"{datetime(2026, 3, 2) + timedelta(minutes=15 * i):%Y-%m-%dT%H:%M:%SZ},dev,t,"
        f"{100.0 if i == 2700 else 10.0 if i == 2600 else 10 * (i // 48 % 2) + 0.5 * (i % 3)}\n"
        for i in range(2800)
    ]
    log = tmp_path / "log.csv"
    log.write_text(HEADER + "".join(lines))
    rows = api.run("anomalies", [log]).to_pylist()
    assert [(f"{r['timestamp']:%a %H:%M}", r["value"], r["reason"]) for r in rows] == [
        (
            "Sun 02:00",
            10.0,
            "25.4 spreads above 0.625, which is usual on Sundays at 02:00: farther than of late",
        ),
        ("Mon 03:00", 100.0, "the highest of late; usual on Mondays at 03:00 is 0.375"),
    ]


@pytest.mark.parametrize(
    "flags",
    [
        ["-r", "local", "--tasks", "1"],
        ["-r", "local", "--tasks", "3", "--split-size", "10007"],
        ["-r", "inline", "--split-size", "1K"],
    ],
    ids=" ".join,
)
def test_the_same_bytes_for_any_tasks_and_splits(expected: bytes, flags: list[str]) -> None:
    assert result(JOB, SAMPLE, *flags, *FLAGS) == expected


def test_the_same_rows_for_any_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    from jobs.partials import slices

    whole = api.run("anomalies", [SAMPLE], show="all")
    monkeypatch.setattr(slices, "BLOCK_ROWS", 100)
    monkeypatch.setattr(slices.slices, "__defaults__", (500,))
    assert api.run("anomalies", [SAMPLE], show="all").equals(whole)


def test_the_same_bytes_without_the_kernel(expected: bytes) -> None:
    assert result(JOB, SAMPLE, *FLAGS, env={"JOBS_KERNEL": "off"}) == expected


@pytest.mark.spark
@pytest.mark.slow
def test_the_same_bytes_on_spark(expected: bytes, twin: Twin) -> None:
    assert twin(TWIN, SAMPLE, "--tasks", "3", "--split-size", "50K", *FLAGS) == expected


@pytest.fixture(
    scope="module",
    params=[("--quantile-error", "0.0005", "--device", "*-000[1-3]"), ("--period", "hour-of-day", "--by", "metric")],
    ids=["week", "day"],
)
def baseline(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Profiles of two days of the sample, in Tokyo's hours."""
    folder: Path = tmp_path_factory.mktemp("baseline") / "profile"
    flags = ("--time-zone", "Asia/Tokyo", "--to", "2026-03-29", "--output-dir", folder, *request.param)
    result("jobs.hourly_profile", SAMPLE, *flags, "-q")
    return folder


def test_every_z_score_is_that_of_the_profile(baseline: Path) -> None:
    from jobs.lake.published import open_published, read_published

    error = dict(read_published(str(baseline)).provenance["options"]["job"])["quantile_error"]
    keys, profile = ("device_id", "metric", "unit", "day_of_week", "hour"), {}
    for row in (row for table in open_published(str(baseline)) for row in table.to_pylist()):
        iqr, mean = row["q0.75"] - row["q0.25"], row["mean"]
        robust = iqr > 4 * error * (abs(row["q0.25"]) + abs(row["q0.75"]))
        spread = iqr / 1.3489795003921634 if robust else row["stddev"]
        if spread is not None:
            profile[tuple(row.get(key) for key in keys)] = row["q0.5"] if robust else mean, spread
    by_device = any(key[0] for key in profile)
    weekly = any(key[3] for key in profile)

    options: dict[str, Any] = {"baseline": baseline, "show": "all", "time_zone": "Asia/Tokyo"}
    table, outcome = api.run_with_outcome("anomalies", [SAMPLE], **options)
    unknown = 0
    for row in table.to_pylist():
        local = row["timestamp"].astimezone(ZoneInfo("Asia/Tokyo"))
        when = (local.isoweekday() if weekly else None), local.hour
        found = profile.get((row["device_id"] if by_device else None, row["metric"], row["unit"], *when))
        assert row["detector"] == "profile"
        if found is None:
            unknown += 1
            assert (row["score"], row["reason"]) == (None, "not in the baseline")
            continue
        z = abs(row["value"] - found[0]) / max(found[1], 1e-9 * abs(found[0])) if row["value"] != found[0] else 0.0
        assert row["score"] == pytest.approx(z / (z + 3.5), rel=1e-12, abs=1e-15)
        assert (row["reason"] is not None) == (row["score"] >= 0.5)
    assert len(table) == outcome.report.selected
    assert 0 < unknown < len(table)
    assert outcome.notes == (
        f"{unknown:,} readings were not scored: their device, metric, unit and hour are not in the baseline",
    )
    shown = api.run("anomalies", [SAMPLE], **(options | {"show": "anomalies"}))
    assert shown.to_pylist() == [row for row in table.to_pylist() if (row["score"] or 0) >= 0.5]
    assert len(shown) > 0


@pytest.mark.spark
@pytest.mark.slow
def test_the_same_bytes_with_a_baseline(baseline: Path, twin: Twin) -> None:
    expected = result(JOB, SAMPLE, "--baseline", baseline, *COMPARED)
    local = ("-r", "local", "--tasks", "3", "--split-size", "10007")
    assert result(JOB, SAMPLE, "--baseline", baseline, *COMPARED, *local) == expected
    assert result(JOB, SAMPLE, "--baseline", baseline, *COMPARED, "--split-size", "5K", env={"JOBS_KERNEL": "off"}) == (
        expected
    )
    assert twin(TWIN, SAMPLE, "--tasks", "2", "--baseline", baseline, *COMPARED) == expected


def test_a_published_result_knows_its_baseline(baseline: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    flags = ("--baseline", baseline, "--time-zone", "Asia/Tokyo", "--output-dir", out, "--output-format", "jsonl")
    done = run(JOB, SAMPLE, *flags)
    assert "not in the baseline" in done.stderr.decode()
    success = json.loads((out / "_SUCCESS").read_text())
    assert list(success["tables"]) == ["baseline"]
    assert all(json.loads(line)["score"] >= 0.5 for part in out.glob("part-*") for line in part.open("rb"))
    assert success["rows"] == sum(len(part.read_bytes().splitlines()) for part in out.glob("part-*"))


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (
            "--detector profile",
            "--detector profile: it needs what is normal; publish it by jobs.hourly_profile with --output-dir DIR, "
            "and name it: --baseline DIR",
        ),
        (
            "--detector novelty --baseline sample_data",
            "--baseline sample_data: only the detector profile reads it; add profile to --detector, "
            "or leave --detector out",
        ),
    ],
)
def test_a_detector_and_its_baseline_belong_together(flags: str, error: str) -> None:
    done = run(JOB, SAMPLE, *flags.split())
    assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", f"error: {error}\n")


def test_a_baseline_that_is_not_there() -> None:
    done = run(JOB, SAMPLE, "--baseline", "nowhere")
    message = "error: nowhere: nothing is published there; check the name\n"
    assert (done.returncode, done.stdout, done.stderr.decode()) == (3, b"", message)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--detector", "magic"], "'magic' is no detector: there are novelty, profile, seasonal"),
        (["--threshold", "2"], "2 is no score: scores go from 0 to 1"),
        (["--threshold", "nan"], "nan is no score: scores go from 0 to 1"),
        (["--threshold", "high"], "'high' is no number"),
        (["--show", "some"], "'some' is neither anomalies nor all"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_options_that_cannot_be(flags: list[str], message: str) -> None:
    done = run(JOB, SAMPLE, *flags)
    assert done.returncode == 2
    assert done.stderr.decode().splitlines()[-1].endswith(message)
