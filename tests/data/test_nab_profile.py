"""New York's taxis beside what is normal: the days that differ most are those on which the city is another one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from jobs import api
from tests.command_line import result

pytestmark = pytest.mark.shared_data


def test_holidays_and_a_snowstorm_are_not_normal(shared_data: Path, tmp_path: Path) -> None:
    log, normal = shared_data / "nab/data/realKnownCause/nyc_taxi.csv", tmp_path / "normal"
    flags = ("--dialect", "nab", "--to", "2014-10-15", "--quantile-error", "0.001")
    result("jobs.hourly_profile", log, *flags, "--output-dir", normal, "-q")
    rows = api.run("anomalies", [log], dialect="nab", since="2014-10-15", baseline=str(normal)).to_pylist()
    unusual = Counter(f"{row['timestamp']:%Y-%m-%d}" for row in rows)
    most = ["2015-01-27", "2015-01-01", "2014-11-27", "2014-12-25", "2014-12-26", "2015-01-26", "2014-12-24"]
    assert [day for day, _ in unusual.most_common(7)] == most
    assert all(count <= 14 for day, count in unusual.items() if day not in most)
    night = max(rows, key=lambda row: row["score"])
    assert f"{night['timestamp']:%Y-%m-%d %H:%M}" == "2015-01-01 04:00"
    assert night["reason"] == "61.8 spreads above 2779.32, the baseline's median on Thursdays at 04:00"
