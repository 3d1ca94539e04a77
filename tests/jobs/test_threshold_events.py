"""threshold_events end to end: against the oracle, known answers, and the same bytes however it is run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobs import api
from tests.command_line import Twin, result, run
from tests.jobs.events_oracle import Reading, events

EVENTS, TWIN = "jobs.threshold_events", "jobs.spark.threshold_events"
SAMPLE = Path("sample_data")
FLAGS = ("--output-format", "csv", "--outside", "9,14", "--hysteresis", "0.5", "--max-gap", "20m", "--metric", "temp*")
HEADER = "timestamp,device_id,metric,value,unit\n"


@pytest.fixture(scope="module")
def expected() -> bytes:
    return result(EVENTS, SAMPLE, "-r", "inline", *FLAGS)


@pytest.mark.parametrize(
    "flags",
    [
        ["-r", "local", "--tasks", "1"],
        ["-r", "local", "--tasks", "7", "--split-size", "10007"],
        ["-r", "inline", "--split-size", "333"],
    ],
    ids=" ".join,
)
def test_the_same_bytes_for_any_tasks_and_splits(expected: bytes, flags: list[str]) -> None:
    assert expected.count(b"\n") > 20
    assert result(EVENTS, SAMPLE, *flags, *FLAGS) == expected


def test_the_same_bytes_for_any_order_of_the_input_and_without_the_kernel(expected: bytes) -> None:
    folders = sorted(SAMPLE.rglob("dt=*"), reverse=True)
    assert result(EVENTS, SAMPLE / "wide", *folders, *FLAGS, env={"JOBS_KERNEL": "off"}) == expected


@pytest.mark.spark
@pytest.mark.slow
def test_the_same_bytes_on_spark(expected: bytes, twin: Twin) -> None:
    assert twin(TWIN, SAMPLE, "--tasks", "2", "--split-size", "50K", *FLAGS) == expected


def test_every_row_is_the_oracles() -> None:
    readings = api.run("extract", [SAMPLE], device="north-*", metric="temperature", engine="inline")
    series: dict[tuple[str, str | None], list[Reading]] = {}
    columns = (readings["device_id"], readings["unit"], readings["timestamp"].cast("int64"), readings["value"])
    for device, unit, time, value in zip(*(c.to_pylist() for c in columns), strict=True):
        series.setdefault((device, unit), []).append((time, value))
    rows = api.run("threshold_events", [SAMPLE], device="north-*", metric="temperature", above="11", hysteresis="1")
    found = [
        (row["device_id"], row["unit"], row["start"], row["end"], row["readings"], row["area"], row["ended_by"])
        for row in rows.to_pylist()
    ]
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    oracle = [
        (
            *key,
            epoch + timedelta(microseconds=event.readings[0][0]),
            epoch + timedelta(microseconds=event.end),
            len(event.readings),
            float(event.area) / 1e6,
            event.ended_by,
        )
        for key, found in sorted(series.items(), key=lambda item: (item[0][0], item[0][1] or ""))
        for event in events(found, None, 11.0, 1.0, 3_600_000_000)
    ]
    assert found == oracle
    assert len(found) > 10


def told(tmp_path: Path, *flags: str) -> str:
    """The rows of two logs, each with a part of an event over midnight."""
    times = ("23:00", "23:20", "23:40"), ("00:00", "00:20", "02:20", "02:30")
    values = (1, 5, 4.5), (7, 4, 6, 5.5)
    for day, (at, measured) in enumerate(zip(times, values, strict=True), 1):
        lines = [f"2026-03-0{day}T{t}:00Z,d,t,{v},K\n" for t, v in zip(at, measured, strict=True)]
        (tmp_path / f"{3 - day}.csv").write_text(HEADER + "".join(lines))
    return result(EVENTS, tmp_path, "--output-format", "csv", *flags).decode().split("\n", 1)[1]


FIRST = "d,t,K,2026-03-01T23:20:00Z,2026-03-02T00:20:00Z,3600,3,7,2026-03-02T00:00:00Z,5.5,5400,return\n"
LATE = "d,t,K,2026-03-02T02:20:00Z,2026-03-02T02:30:00Z,600,2,6,2026-03-02T02:20:00Z,5.75,1200,open\n"


def test_an_event_over_midnight_and_two_objects_is_one(tmp_path: Path) -> None:
    assert told(tmp_path, "--above", "4") == FIRST + LATE


def test_short_events_are_left_out(tmp_path: Path) -> None:
    assert told(tmp_path, "--above", "4", "--min-duration", "11m") == FIRST


def test_hysteresis_holds_an_event_open(tmp_path: Path) -> None:
    """To 4 is not far enough back; the gap of two hours ends it, or does not."""
    held = "d,t,K,2026-03-01T23:20:00Z,2026-03-02T00:20:00Z,3600,4,7,2026-03-02T00:00:00Z,5.125,5400,gap\n"
    assert told(tmp_path, "--above", "4", "--hysteresis", "0.5") == held + LATE
    whole = (
        "d,t,K,2026-03-01T23:20:00Z,2026-03-02T02:30:00Z,11400,6,7,2026-03-02T00:00:00Z,5.333333333333333,6600,open\n"
    )
    assert told(tmp_path, "--above", "4", "--hysteresis", "0.5", "--max-gap", "2h") == whole


def test_below_and_outside(tmp_path: Path) -> None:
    assert told(tmp_path, "--below", "2") == (
        "d,t,K,2026-03-01T23:00:00Z,2026-03-01T23:20:00Z,1200,1,1,2026-03-01T23:00:00Z,1,1200,return\n"
    )
    assert told(tmp_path, "--outside", "2,6.5").count("\n") == 2


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        ("--above hot", "--above hot: 'hot' is no number"),
        ("--above nan", "--above nan: 'nan' is no number"),
        ("--outside 5,5", "--outside 5,5: '5,5' is no range; write it as LOW,HIGH, such as 18,25"),
        ("--above 5 --below 3", "--above --below: there is one limit; use --outside LOW,HIGH for two bounds"),
        ("--hysteresis -1", "--hysteresis -1: a hysteresis is not negative"),
        ("--outside 1,2 --hysteresis 0.6", "--hysteresis 0.6: nothing is inside the limits by so much"),
        ("--max-gap 5x", "--max-gap 5x: '5x' is no length of time up to 366d; write it as 30s, 15m, 1h or 1d"),
    ],
)
def test_bad_options(flags: str, error: str) -> None:
    done = run(EVENTS, SAMPLE, *flags.split())
    assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", f"error: {error}\n")
