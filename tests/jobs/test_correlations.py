"""correlations end to end: against an oracle, known answers, and the same bytes however it is run."""

from __future__ import annotations

import statistics
from itertools import combinations
from pathlib import Path

import pytest

from jobs import api
from tests.command_line import Twin, result, run

CORRELATIONS, TWIN = "jobs.correlations", "jobs.spark.correlations"
SAMPLE = Path("sample_data")
FLAGS = ("--output-format", "csv", "--lag=-1,0,3", "--window", "30m", "--time-zone", "Europe/Berlin", "--pairs", "3")
BETWEEN = (*FLAGS, "--between", "devices")
HEADER = "timestamp,device_id,metric,value\n"


@pytest.fixture(scope="module", params=[FLAGS, BETWEEN], ids=["metrics", "devices"])
def flags(request: pytest.FixtureRequest) -> tuple[str, ...]:
    chosen: tuple[str, ...] = request.param
    return chosen


@pytest.fixture(scope="module")
def expected(flags: tuple[str, ...]) -> bytes:
    return result(CORRELATIONS, SAMPLE, "-r", "inline", *flags)


@pytest.mark.parametrize(
    "how",
    [["-r", "local", "--tasks", "7", "--split-size", "10007"], ["-r", "inline", "--split-size", "333"]],
    ids=" ".join,
)
def test_the_same_bytes_for_any_tasks_and_splits(expected: bytes, flags: tuple[str, ...], how: list[str]) -> None:
    assert expected.count(b"\n") > 30
    assert result(CORRELATIONS, SAMPLE, *how, *flags) == expected


def test_the_same_bytes_for_any_order_of_the_input_and_without_the_kernel(
    expected: bytes, flags: tuple[str, ...]
) -> None:
    folders = sorted(SAMPLE.rglob("dt=*"), reverse=True)
    assert result(CORRELATIONS, SAMPLE / "wide", *folders, *flags, env={"JOBS_KERNEL": "off"}) == expected


@pytest.mark.spark
@pytest.mark.slow
def test_the_same_bytes_on_spark(expected: bytes, flags: tuple[str, ...], twin: Twin) -> None:
    assert twin(TWIN, SAMPLE, "--tasks", "2", "--split-size", "50K", *flags) == expected


def test_repeats_of_readings_can_be_left_out(tmp_path: Path) -> None:
    """Two devices of one metric, of which one sent all twice, whichever task reads it."""
    once = [f"2026-03-01T{h:02}:00:00Z,{d},t,{h * h % 7 + (d == 'b') * h}\n" for h in range(9) for d in "ab"]
    again = [f"2026-03-01T{h:02}:30:00Z,a,t,40\n" for h in range(3)]
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    one.write_text(HEADER + "".join(once + again))
    other.write_text(HEADER + "".join(again * 3))
    found = api.run("correlations", [one], between="devices")
    assert api.run("correlations", [tmp_path], between="devices", deduplicate=True) == found
    assert api.run("correlations", [tmp_path], between="devices") != found


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


@pytest.mark.parametrize("lag", [0, -2])
def test_every_pair_of_devices_is_the_oracles(lag: int) -> None:
    rows = api.run("rollup", [SAMPLE], window="1h").to_pylist()
    series: dict[tuple[str, str | None, str], dict[float, float]] = {}
    for row in rows:
        hour = row["window_start"].timestamp() / 3600
        series.setdefault((row["metric"], row["unit"], row["device_id"]), {})[hour] = row["mean"]
    oracle = {}
    for one, other in combinations(sorted(series, key=lambda key: key[2].encode()), 2):
        points = [(x, series[other][hour + lag]) for hour, x in series[one].items() if hour + lag in series[other]]
        if one[:2] == other[:2] and len(points) > 1:
            oracle[(*one, other[2])] = points
    found = api.run("correlations", [SAMPLE], between="devices", lag=lag).to_pylist()
    keys = [(row["metric"], row["unit"], row["device_1"], row["device_2"]) for row in found]
    assert keys == sorted(oracle, key=lambda key: [(text or "").encode() for text in key])
    assert len({key[0] for key in keys}) > 3
    for key, row in zip(keys, found, strict=True):
        x, y = zip(*oracle[key], strict=True)
        assert (row["lag"], row["n"]) == (lag, len(x))
        assert row["covariance"] == pytest.approx(statistics.covariance(x, y), rel=1e-9)
        if row["r"] is not None:
            assert row["r"] == pytest.approx(statistics.correlation(x, y), rel=1e-9)


def test_units_are_not_mixed(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    rows = [
        f"2026-03-01T{h:02}:00:00Z,{device},t,{h},{unit}\n"
        for h in range(3)
        for device, unit in zip("abcd", "KKCC", strict=True)
    ]
    log.write_text("timestamp,device_id,metric,value,unit\n" + "".join(rows))
    found = api.run("correlations", [log], between="devices").to_pylist()
    assert [(row["unit"], row["device_1"], row["device_2"], row["r"]) for row in found] == [
        ("C", "c", "d", 1.0),
        ("K", "a", "b", 1.0),
    ]


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
        ("--between sites", "--between sites: must be one of metrics, devices"),
        ("--max-series 1", "--max-series 1: must be a whole number from 2 to 100000"),
    ],
)
def test_bad_options(flags: str, error: str) -> None:
    done = run(CORRELATIONS, SAMPLE, *flags.split())
    assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", f"error: {error}\n")


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (
            "--between devices --metric temperature",
            'metric "temperature": 8 series to pair, more than --max-series 2 allows: pairs grow with the square; '
            "choose some with --device, or raise it",
        ),
        (
            "--device north-0001 -r local --tasks 2",
            'device "north-0001": 5 series to pair, more than --max-series 2 allows: pairs grow with the square; '
            "choose some with --metric, or raise it",
        ),
    ],
)
def test_too_many_are_refused(flags: str, error: str) -> None:
    done = run(CORRELATIONS, SAMPLE, "--max-series", "2", *flags.split())
    assert (done.returncode, done.stdout, done.stderr.decode()) == (5, b"", f"error: {error}\n")
