"""correlations end to end: against an oracle, known answers, and the same bytes however it is run."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from jobs import api
from tests.command_line import SPARK_QUICK, result, run, twin

CORRELATIONS, TWIN = "jobs.correlations", "jobs.spark.correlations"
SAMPLE = Path("sample_data")
FLAGS = ("--output-format", "csv", "--lag=-1,0,3", "--window", "30m", "--time-zone", "Europe/Berlin", "--pairs", "3")
HEADER = "timestamp,device_id,metric,value\n"


@pytest.fixture(scope="module")
def expected() -> bytes:
    return result(CORRELATIONS, SAMPLE, "-r", "inline", *FLAGS)


@pytest.mark.parametrize(
    "flags",
    [["-r", "local", "--tasks", "7", "--split-size", "10007"], ["-r", "inline", "--split-size", "333"]],
    ids=" ".join,
)
def test_the_same_bytes_for_any_tasks_and_splits(expected: bytes, flags: list[str]) -> None:
    assert expected.count(b"\n") > 60
    assert result(CORRELATIONS, SAMPLE, *flags, *FLAGS) == expected


def test_the_same_bytes_for_any_order_of_the_input_and_without_the_kernel(expected: bytes) -> None:
    folders = sorted(SAMPLE.rglob("dt=*"), reverse=True)
    assert result(CORRELATIONS, SAMPLE / "wide", *folders, *FLAGS, env={"JOBS_KERNEL": "off"}) == expected


@pytest.mark.spark
@pytest.mark.slow
def test_the_same_bytes_on_spark(expected: bytes) -> None:
    assert twin(TWIN, SAMPLE, *SPARK_QUICK, "--tasks", "2", "--split-size", "5000", *FLAGS) == expected


@pytest.mark.parametrize("lag", [0, 2])
def test_every_row_is_the_oracles(lag: int) -> None:
    """Pairs of hourly means, by the standard library's correlation of them."""
    rows = api.run("rollup", [SAMPLE], window="1h", device="south-*").to_pylist()
    series: dict[tuple[str, str], dict[float, float]] = {}
    for row in rows:
        hour = row["window_start"].timestamp() / 3600
        series.setdefault((row["device_id"], row["metric"]), {})[hour] = row["mean"]
    found = api.run("correlations", [SAMPLE], device="south-*", lag=lag).to_pylist()
    assert len(found) >= 4 * 6
    for row in found:
        one, other = (series[row["device_id"], row[name]] for name in ("metric_1", "metric_2"))
        points = [(x, other[hour + lag]) for hour, x in one.items() if hour + lag in other]
        x, y = zip(*points, strict=True)
        assert row["n"] == len(points)
        assert row["covariance"] == pytest.approx(statistics.covariance(x, y), rel=1e-9)
        if row["r"] is not None:
            assert row["r"] == pytest.approx(statistics.correlation(x, y), rel=1e-9)


def test_one_follows_the_other_an_hour_later(tmp_path: Path) -> None:
    values = [3, 1, 4, 1, 5, 9, 2, 6]
    log = tmp_path / "log.csv"
    rows = [
        f"2026-03-01T{h:02}:10:00Z,d,a,{v}\n2026-03-01T{h + 1:02}:50:00Z,d,b,{10 - v}\n" for h, v in enumerate(values)
    ]
    log.write_text(HEADER + "".join(rows))
    found = api.run("correlations", [log], lag="0,1").to_pylist()
    assert [(row["lag"], row["n"]) for row in found] == [(0, 7), (1, 8)]
    assert found[1]["r"] == -1.0
    assert abs(found[0]["r"]) < 0.9
    assert found[1]["covariance"] == pytest.approx(-statistics.variance(values))


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        ("--window 0h", '--window 0h: "0h" is no window: write 1s, 5m, 6h, 1d, …, week, month, year or all'),
        ("--window all", "--window all: in one window nothing moves: write 15m, 1h, 1d, week or month"),
        ("--lag soon", "--lag soon: 'soon' is no list of lags; write it as 0,1,-1"),
        ("--lag 1,1", "--lag 1,1: lags are different whole numbers from -10000 to 10000"),
        ("--pairs 0", "--pairs 0: '0' is no whole number from 1 to 1000000"),
    ],
)
def test_bad_options(flags: str, error: str) -> None:
    done = run(CORRELATIONS, SAMPLE, *flags.split())
    assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", f"error: {error}\n")
