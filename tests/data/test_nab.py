"""The Numenta Anomaly Benchmark's series: what its reference says of each file, and the same bytes on every engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.real_sets import by, daily, reference

pytestmark = pytest.mark.shared_data


def test_every_file(shared_data: Path) -> None:
    printed = daily(shared_data, "nab")
    assert printed.summary == "7 objects (2.1 MB) · 69,561 readings · 0 rejects · kernel 100.0%\n"
    found = by(printed.rows, "device_id")
    files = {path.stem for path in (shared_data / "nab/data").rglob("*.csv")}
    expected = [row for row in reference(shared_data / "nab/reference/per_file.csv") if Path(row["file"]).stem in files]
    assert {key[0] for key in found} == {Path(row["file"]).stem for row in expected} == files
    for row in expected:
        days = found[Path(row["file"]).stem,]
        assert sum(int(day["count"]) for day in days) == int(row["rows"])
        assert min(float(day["min"]) for day in days) == float(row["min"])
        assert max(float(day["max"]) for day in days) == float(row["max"])


@pytest.mark.parametrize(
    "flags",
    [
        ["-r", "inline"],
        ["-r", "local", "--tasks", "3"],
        ["-r", "local", "--tasks", "3", "--split-size", "100K"],
    ],
    ids=" ".join,
)
def test_the_same_bytes_on_mrjobs_runners(shared_data: Path, flags: list[str]) -> None:
    assert daily(shared_data, "nab", *flags).output == daily(shared_data, "nab").output


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.full
def test_the_same_bytes_on_spark(shared_data: Path) -> None:
    flags = ("--tasks", "3", "--split-size", "500K")
    given = daily(shared_data, "nab", *flags, module="jobs.spark.daily_stats")
    assert given.output == daily(shared_data, "nab").output
