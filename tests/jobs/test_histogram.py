"""histogram end to end: against an oracle, and the same bytes however it is run."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from jobs import api
from tests.command_line import Twin, result, run
from tests.outcomes.commands import HEADER, day, told
from tests.partials.test_binning import bin_of

HISTOGRAM, TWIN = "jobs.histogram", "jobs.spark.histogram"
SAMPLE = Path("sample_data")
RUNS = [
    ["--edges", "0,10,20.5"],
    ["--bins", "7", "--by", "metric"],
    ["--quantiles", "0.5", "--quantile-error", "0.1"],
]
Series = tuple[str, str, str | None]


@pytest.fixture(scope="module")
def values() -> dict[Series, list[float]]:
    """The values of each series of the sample."""
    readings = api.run("extract", [SAMPLE])
    found: dict[Series, list[float]] = defaultdict(list)
    columns = [readings[name].to_pylist() for name in ("device_id", "metric", "unit", "value")]
    for device, metric, unit, value in zip(*columns, strict=True):
        found[device, metric, unit].append(value)
    return found


def counts(table: pa.Table) -> dict[tuple[Series, int], int]:
    return {((r["device_id"], r["metric"], r["unit"]), r["bin"]): r["count"] for r in table.to_pylist() if r["count"]}


def test_given_edges(values: dict[Series, list[float]]) -> None:
    edges = [-5.0, 0.0, 10.0, 20.0, 40.0, 1000.0]
    table = api.run("histogram", [SAMPLE], edges=",".join(map(str, edges)))
    expected = Counter((series, bin_of(value, edges)) for series, found in values.items() for value in found)
    assert counts(table) == expected
    for row in table.to_pylist():
        own = values[row["device_id"], row["metric"], row["unit"]]
        assert row["share"] == row["count"] / len(own)
        below = sum(bin_of(value, edges) <= row["bin"] for value in own)
        assert row["cumulative_share"] == below / len(own)


def test_equal_width_is_numpys(values: dict[Series, list[float]]) -> None:
    """The bins of a metric span the values of all devices, so that devices compare."""
    table = api.run("histogram", [SAMPLE], bins="8", by="metric", metric="humidity")
    own = [
        value for (_, metric, unit), found in values.items() if (metric, unit) == ("humidity", None) for value in found
    ]
    expected, edges = np.histogram(own, 8)
    rows = [row for row in table.to_pylist() if row["unit"] is None]
    assert [row["count"] for row in rows] == expected.tolist()
    assert np.allclose([row["low"] for row in rows], edges[:-1], rtol=1e-14)
    assert (rows[0]["low"], rows[-1]["high"]) == (min(own), max(own))
    devices = api.run("histogram", [SAMPLE], bins="8", metric="humidity").to_pylist()
    assert {row["low"] for row in devices if row["unit"] is None} == {row["low"] for row in rows}


def test_the_sketchs_buckets(values: dict[Series, list[float]]) -> None:
    rows = api.run("histogram", [SAMPLE], quantiles="0,0.5,1").to_pylist()
    for row in rows:
        own = values[row["device_id"], row["metric"], row["unit"]]
        low, high = row["low"], row["high"]
        inside = [v for v in own if (low <= v < high if low > 0 else low < v <= high if high < 0 else v == 0)]
        assert row["count"] == len(inside) > 0
        assert (row["q0"], row["q1"]) == (pytest.approx(min(own), rel=0.05), pytest.approx(max(own), rel=0.05))
        median = sorted(own)[(len(own) - 1) // 2]
        assert row["q0.5"] == pytest.approx(median, rel=0.05)
    assert sum(row["count"] for row in rows) == sum(map(len, values.values()))


@pytest.mark.parametrize("flags", RUNS, ids=" ".join)
def test_the_same_bytes_for_any_tasks_and_splits(flags: list[str]) -> None:
    expected = result(HISTOGRAM, SAMPLE, "-r", "inline", *flags)
    assert result(HISTOGRAM, SAMPLE, "-r", "local", "--tasks", "3", "--split-size", "10007", *flags) == expected
    assert result(HISTOGRAM, SAMPLE, "--split-size", "3K", *flags, env={"JOBS_KERNEL": "off"}) == expected


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.parametrize("flags", RUNS, ids=" ".join)
def test_the_same_bytes_on_spark(flags: list[str], twin: Twin) -> None:
    expected = result(HISTOGRAM, SAMPLE, *flags)
    assert twin(TWIN, SAMPLE, "--tasks", "2", "--split-size", "50K", *flags) == expected


def test_repeats_count_once(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("timestamp,device_id,metric,value\n" + "2026-03-01T00:00:00Z,a,m,1\n" * 3)
    for engine in ("inline", "local"):
        for options in ({"bins": "2"}, {"edges": "0,2"}, {}):
            (row,) = api.run("histogram", [log], engine=engine, by="metric", deduplicate=True, **options).to_pylist()
            assert row["count"] == 1


def test_the_plot(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    rows = "".join(f"2026-03-01T00:00:00Z,a\tb,m,{value}\n" for value in (-3, 1, 2, 11, 12, 13, 30))
    log.write_text("timestamp,device_id,metric,value\n" + rows)
    printed = result(HISTOGRAM, log, "--edges", "0,10,20", "--plot").decode()
    assert printed == (
        "a\\tb  m  7 readings\n"
        f"   below 0  1   14.3%  {'█' * 13}▍\n"
        f"    0 … 10  2   28.6%  {'█' * 26}▋\n"
        f"   10 … 20  3   42.9%  {'█' * 40}\n"
        f"  above 20  1   14.3%  {'█' * 13}▍\n"
        "\n"
    )


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (["--edges", "3,2"], "--edges 3,2: edges are finite numbers that ascend"),
        (["--bins", "0"], "--bins 0: must be a whole number from 1 to 10000"),
        (["--bins", "3", "--edges", "0,1"], "--edges --bins: the bins are given twice; leave one of the two out"),
        (
            ["--bins", "3", "--quantiles", "0.5"],
            "--quantiles: quantiles come from the sketch's own buckets; leave --bins out",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_options_that_cannot_be(flags: list[str], error: str) -> None:
    done = run(HISTOGRAM, SAMPLE, *flags)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", f"error: {error}\n")


@pytest.mark.shared_data
def test_readings_without_a_time(shared_data: Path) -> None:
    """The contest's rounding sample: every temperature of its two stations in some bin."""
    sample = shared_data / "onebrc/samples/measurements-rounding.txt"
    lines = [line.split(";") for line in sample.read_text().splitlines()]
    cases: tuple[dict[str, Any], ...] = ({"bins": "10"}, {"edges": "0,10,20"}, {})
    for options in cases:
        rows = api.run("histogram", [sample], dialect="onebrc", **options).to_pylist()
        found: Counter[str] = Counter()
        for row in rows:
            found[row["device_id"]] += row["count"]
        assert found == Counter(station for station, _ in lines)


def test_bins_of_standard_input_are_refused(tmp_path: Path) -> None:
    """Their range is found by a run before, which would leave nothing to count."""
    log = HEADER + day(1)
    done = told(tmp_path, "-", "--bins", "3", "--output-dir", "out", module="jobs.histogram", stdin=log)
    what = "can be read once, and this run reads its input twice; save it to a file and name that"
    assert (done.status, done.output, done.errors) == (2, "", f"error: standard input: {what}\n")
    assert not (tmp_path / "out").exists()
    assert told(tmp_path, "-", "--edges", "0,5", module="jobs.histogram", stdin=log).status == 0
