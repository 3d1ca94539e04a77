"""rollup of a rollup: the bytes of a rollup of the logs, on every engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs import api
from jobs.engine.window_states import KEY
from jobs.errors import InputError
from jobs.lake import writers
from jobs.lake.published import open_published, read_published
from tests.command_line import Twin
from tests.jobs.rollups import PUBLISHED, SAMPLE, Publish, printed, published, rolled
from tests.servers import S3Server


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ({"window": "1h"}, {"window": "1h"}),
        ({"window": "15m"}, {"window": "6h", "by": "metric"}),
        ({"window": "1h"}, {"window": "1d"}),
        ({"window": "1d"}, {"window": "week"}),
        ({"window": "1d"}, {"window": "7d"}),
        ({"window": "1d"}, {"window": "month"}),
        ({"window": "month"}, {"window": "year"}),
        ({"window": "week"}, {"window": "all"}),
        ({"window": "all"}, {"window": "all", "by": "metric"}),
        ({"window": "1h", "quantiles": "0.5"}, {"window": "1d", "quantiles": "0.1,0.99"}),
        ({"window": "1h", "quantiles": "0.5"}, {"window": "week", "by": "metric"}),
        ({"window": "1h", "by": "metric"}, {"window": "1d", "by": "metric"}),
        ({"window": "1h", "by": "site", "quantiles": "0.5"}, {"window": "1d", "by": "site", "quantiles": "0.9"}),
        ({"window": "1h", "by": "site"}, {"window": "week", "by": "metric"}),
        ({"window": "1h"}, {"window": "1d", "time_zone": "Europe/Berlin"}),
        ({"window": "30m"}, {"window": "6h", "time_zone": "Asia/Kolkata"}),
        ({"window": "30m", "time_zone": "Australia/Lord_Howe"}, {"window": "1h", "time_zone": "Australia/Lord_Howe"}),
        ({"window": "1h", "time_zone": "Europe/Berlin"}, {"window": "3h", "time_zone": "Europe/Berlin"}),
    ],
    ids=str,
)
def test_the_bytes_of_a_rollup_of_the_logs(publish: Publish, source: dict[str, Any], target: dict[str, Any]) -> None:
    again = rolled(publish(SAMPLE, **source), **target)
    assert again.count(b"\n") > 3
    assert again == rolled(SAMPLE, **target)


FILTERS = [
    {"metric": "temp*", "device": ["north-*", "garden"]},
    {"since": "2026-03-28", "until": "2026-03-29"},
    {"since": "2026-03-28T06:00:00Z", "by": "metric", "device": "north-*"},
]


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_filters_are_those_of_the_logs(publish: Publish, filters: dict[str, Any]) -> None:
    assert rolled(publish(SAMPLE, window="1h"), window="1d", **filters) == rolled(SAMPLE, window="1d", **filters)


def test_a_metric_that_none_has_is_told_as_of_the_logs(publish: Publish) -> None:
    told = []
    for given in (publish(SAMPLE, window="1h"), SAMPLE):
        with pytest.raises(InputError) as raised:
            rolled(given, window="1d", metric="nothing")
        told.append(str(raised.value))
    assert told[0] == told[1]
    assert told[0].startswith("--metric nothing: no reading is of such a metric; there are fraction, humidity, ")


@pytest.mark.parametrize("engine", ["inline", "local"])
def test_three_rollups_deep_the_published_file_is_the_same(
    publish: Publish, tmp_path: Path, engine: api.EngineName
) -> None:
    options: dict[str, Any] = {"quantiles": "0.5", "time_zone": "Europe/Berlin", "engine": engine}
    source: Path = SAMPLE
    for window in ("15m", "6h", "1d", "month"):
        target = tmp_path / window
        published(target, source, window=window, **options)
        raw = publish(SAMPLE, window=window, quantiles="0.5", time_zone="Europe/Berlin")
        assert (target / PUBLISHED).read_bytes() == (raw / PUBLISHED).read_bytes()
        source = target


@pytest.fixture
def in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hours of the sample in many row groups."""
    monkeypatch.setattr(writers, "_WIDE_GROUP_ROWS", 97)
    published(tmp_path / "hours", SAMPLE, window="1h", quantiles="0.5")
    assert pq.ParquetFile(tmp_path / "hours" / PUBLISHED).num_row_groups > 20
    return tmp_path / "hours"


def test_any_tasks_and_splits(in_groups: Path) -> None:
    options: dict[str, Any] = {"window": "1d", "quantiles": "0.5,0.9"}
    expected = rolled(SAMPLE, **options)
    for engine in ("inline", "local"):
        given = {**options, "split_size": "20K", "tasks": 3 if engine == "local" else None}
        table, outcome = api.run_with_outcome("rollup", [in_groups], engine=engine, **given)
        assert len(outcome.plan.splits) > 10
        assert outcome.report.size < 1.1 * (in_groups / PUBLISHED).stat().st_size
        assert outcome.report.tally.readings == outcome.report.selected == 15_708
        assert printed(table) == expected


def test_states_are_merged_whatever_their_windows(publish: Publish, tmp_path: Path) -> None:
    """Of several files, each of a part of the devices, of other windows, and one of none."""
    parts = [
        publish(SAMPLE, window="1h", device="north-*"),
        publish(SAMPLE, window="15m", device="[!n]*"),
        publish(SAMPLE, window="1d", device="n[!o]*"),
        publish(SAMPLE, window="1d", device="nobody"),
    ]
    for by in ("device", "metric"):
        assert rolled(*parts, window="1d", by=by) == rolled(SAMPLE, window="1d", by=by)


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"window": "1d", "quantiles": "0.5,0.9", "time_zone": "Europe/Berlin"},
        {"window": "all", "by": "metric", "metric": "temp*"},
    ],
    ids=str,
)
def test_the_same_bytes_on_spark(in_groups: Path, tmp_path: Path, options: dict[str, Any], twin: Twin) -> None:
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    given = [in_groups, "--split-size=20K", "--tasks=2", *flags]
    assert twin("jobs.spark.rollup", *given) == rolled(SAMPLE, **options)
    published(tmp_path / "mrjob", in_groups, **options)
    assert twin("jobs.spark.rollup", *given, "--state", "--output-dir", tmp_path / "spark") == b""
    assert (tmp_path / "spark" / PUBLISHED).read_bytes() == (tmp_path / "mrjob" / PUBLISHED).read_bytes()


def test_values_of_all_magnitudes(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    values = ["1e300", "-1e300", "1e-300", "0.1", "-0.0", "5e-324", "1e300", "0.1"]
    lines = [f"2026-03-01T{h:02}:00:00Z,d,m,{value}\n" for h, value in enumerate(values)]
    log.write_text("timestamp,device_id,metric,value\n" + "".join(lines))
    options: dict[str, Any] = {"quantiles": "0,0.5,1"}
    published(tmp_path / "hours", log, window="2h", **options)
    assert rolled(tmp_path / "hours", window="1d", **options) == rolled(log, window="1d", **options)


def test_readings_with_and_without_a_time(tmp_path: Path) -> None:
    log, timed = tmp_path / "stations.txt", tmp_path / "timed.csv"
    log.write_text("Hamburg;12.0\nBulawayo;8.9\nHamburg;-3.4\n")
    timed.write_text("timestamp,device_id,metric,value\n2026-03-01T00:00:00Z,Hamburg,temperature,5\n")
    for source, name, dialect in ((log, "all", "onebrc"), (timed, "timed", None)):
        published(tmp_path / name, source, window="all", dialect=dialect)
    assert rolled(tmp_path / "all", window="all") == rolled(log, window="all", dialect="onebrc")
    (row,) = api.run("rollup", [tmp_path / "all", tmp_path / "timed"], window="all", device="Hamburg").to_pylist()
    assert (row["count"], row["sum"], row["first_timestamp"]) == (3, 13.6, row["last_timestamp"])


@pytest.mark.s3
def test_on_s3(s3: S3Server) -> None:
    s3.client().create_bucket(Bucket="lake")
    published("s3://lake/hours/", SAMPLE, window="1h")
    assert rolled("s3://lake/hours/", window="1d") == rolled(SAMPLE, window="1d")


def test_states_are_ordinary_columns(publish: Publish) -> None:
    target = publish(SAMPLE, window="1h", quantiles="0.5")
    file = target / PUBLISHED
    table = pq.read_table(file)
    assert table.column_names[-2:] == ["stats_state", "sketch_state"]
    with duckdb.connect() as database:
        found = database.execute(f"select sum(list_sum(sketch_state[2:len(sketch_state):2])) from '{file}'").fetchall()
    assert found == [(15_708,)]
    assert pl.read_parquet(file)["stats_state"].list.len().unique().sort().to_list() == [16, 32, 48]
    assert pa.concat_tables(open_published(str(target))).equals(table)
    said = {"version": 1, "window": "1h", "time_zone": "UTC", "by": "device", "quantile_error": 0.01}
    assert json.loads(pq.read_metadata(file).metadata[KEY.encode()]) == said
    assert json.loads(read_published(str(target)).metadata[KEY]) == said
