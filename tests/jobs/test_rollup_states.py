"""rollup of a rollup: the bytes of a rollup of the logs, on every engine, or one line that says why not."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs import api
from jobs.engine.window_states import KEY
from jobs.errors import InputError, JobError, LimitError, UsageError
from jobs.lake import writers
from jobs.lake.published import open_published, read_published
from jobs.lake.writers import open_writer
from tests.command_line import Twin, run
from tests.servers import S3Server

SAMPLE = Path("sample_data")
PUBLISHED = "part-00000.parquet"
Publish = Callable[..., Path]


def printed(table: pa.Table) -> bytes:
    out = io.BytesIO()
    writer = open_writer("csv", out, table.schema)
    writer.write(table)
    writer.close()
    return out.getvalue()


def rolled(*inputs: object, engine: api.EngineName | None = "inline", **options: Any) -> bytes:
    """What a rollup prints."""
    return printed(api.run("rollup", [str(i) for i in inputs], engine=engine, **options))


def published(target: Path | str, *inputs: object, engine: api.EngineName = "inline", **options: Any) -> None:
    """Publishes a rollup with its state, unless options say otherwise."""
    given: dict[str, Any] = {"state": True, "output_dir": str(target), **options}
    api.run("rollup", [str(i) for i in inputs], engine=engine, **given)


@pytest.fixture(scope="module")
def publish(tmp_path_factory: pytest.TempPathFactory) -> Publish:
    """Publishes a rollup, each just once; where it lies."""
    known: dict[str, Path] = {}

    def to(*inputs: object, **options: Any) -> Path:
        key = repr((inputs, options))
        if key not in known:
            known[key] = tmp_path_factory.mktemp("rollup") / options.get("window", "1h")
            published(known[key], *inputs, **options)
        return known[key]

    return to


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
    {"metric": "nothing"},
]


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_filters_are_those_of_the_logs(publish: Publish, filters: dict[str, Any]) -> None:
    assert rolled(publish(SAMPLE, window="1h"), window="1d", **filters) == rolled(SAMPLE, window="1d", **filters)


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


def refused(kind: type[JobError], error: str, *inputs: object, job: str = "rollup", **options: Any) -> None:
    with pytest.raises(kind) as raised:
        api.run(job, [str(i) for i in inputs], engine="inline", **options)
    assert str(raised.value) == error


@pytest.mark.parametrize(
    ("source", "target", "error"),
    [
        (
            {"window": "1d"},
            {"window": "1h"},
            "--window 1h: one would begin at 2026-03-27T01:00:00Z, amid a window (1d, UTC) of FILE; name a window that "
            "holds whole ones, or roll up the logs",
        ),
        (
            {"window": "week"},
            {"window": "month"},
            "--window month: one would begin at 2026-04-01T00:00:00Z, amid a window (week, UTC) of FILE; name a window "
            "that holds whole ones, or roll up the logs",
        ),
        (
            {"window": "6h"},
            {"window": "8h"},
            "--window 8h: one would begin at 2026-03-27T08:00:00Z, amid a window (6h, UTC) of FILE; name a window that "
            "holds whole ones, or roll up the logs",
        ),
        (
            {"window": "all"},
            {"window": "year"},
            "--window year: FILE has a single window of all time; name --window all, or roll up the logs",
        ),
        (
            {"window": "1d"},
            {"window": "1d", "time_zone": "Europe/Berlin"},
            "--window 1d --time-zone Europe/Berlin: one would begin at 2026-03-27T23:00:00Z, amid a window (1d, UTC) "
            "of FILE; name a window that holds whole ones, or roll up the logs",
        ),
        (
            {"window": "1h"},
            {"window": "1d", "time_zone": "Asia/Kolkata"},
            "--window 1d --time-zone Asia/Kolkata: one would begin at 2026-03-27T18:30:00Z, amid a window (1h, UTC) "
            "of FILE; name a window that holds whole ones, or roll up the logs",
        ),
        (
            {"window": "1h", "time_zone": "Australia/Lord_Howe"},
            {"window": "6h"},
            "--window 6h --time-zone UTC: one would begin at 2025-04-05T18:00:00Z, amid a window "
            "(1h, Australia/Lord_Howe) of FILE; name a window that holds whole ones, or roll up the logs",
        ),
        (
            {"window": "1d"},
            {"window": "1d", "since": "2026-03-28T12:00:00"},
            "--from: 2026-03-28T12:00:00Z lies amid a window (1d, UTC) of FILE; name the beginning of one, or roll up "
            "the logs",
        ),
        (
            {"window": "all"},
            {"window": "all", "until": "2026-03-28"},
            "--to: 2026-03-28T00:00:00Z lies amid a window (all, UTC) of FILE; name the beginning of one, or roll up "
            "the logs",
        ),
        (
            {"window": "1h", "quantiles": "0.5"},
            {"quantiles": "0.5", "quantile_error": "0.02"},
            "--quantile-error 0.02: the sketch in FILE has the error 0.01; give --quantile-error 0.01, or roll up the "
            "logs",
        ),
        (
            {"window": "1h"},
            {"quantiles": "0.5"},
            "--quantiles: FILE has a state without a sketch; leave it out, or roll up the logs with --state and "
            "--quantiles",
        ),
        (
            {"window": "1h", "by": "metric"},
            {"window": "1d"},
            "--by device: FILE has a state of all devices together; add --by metric, or roll up the logs",
        ),
        (
            {"window": "1h", "by": "metric"},
            {"by": "metric", "device": "north-0001"},
            "--device: FILE has a state of all devices together; leave it out, or roll up the logs",
        ),
        (
            {"window": "1h"},
            {"deduplicate": True},
            "--deduplicate: FILE is a state, in which repeats cannot be told; leave it out, or roll up the logs",
        ),
        (
            {"window": "1h"},
            {"dialect": "default"},
            "--dialect: FILE is a state, which has no dialect; leave it out",
        ),
    ],
    ids=str,
)
def test_what_a_state_cannot_give(publish: Publish, source: dict[str, Any], target: dict[str, Any], error: str) -> None:
    state = publish(SAMPLE, **source)
    refused(UsageError, error.replace("FILE", str(state / PUBLISHED)), state, **target)


@pytest.mark.parametrize("output", ["csv", "jsonl", "parquet"])
def test_results_without_a_state_are_no_input(publish: Publish, output: str) -> None:
    target = publish(SAMPLE, state=False, window="1h", output_format=output)
    text = (
        f"{target}/part-00000.{output}: is a rollup without its state, no log; publish it as Parquet with --state, "
        "which rollup merges, or name the logs"
    )
    for job in ("rollup", "daily_stats"):
        refused(InputError, text, target, job=job)
    if output != "jsonl":  # whose records are rejects of a dialect that the user names
        refused(InputError, text, target, dialect="default")


def test_states_and_logs_are_not_mixed(publish: Publish, tmp_path: Path) -> None:
    state, stateless = publish(SAMPLE, window="1h"), publish(SAMPLE, state=False, window="1h", output_format="parquet")
    log = SAMPLE / "readings/dt=2026-03-27/north.csv"
    end = f"has no state to merge, as {state / PUBLISHED} has; roll up logs and states apart"
    refused(InputError, f"{log}: {end}", log, state)
    first = tmp_path / "a.parquet"
    first.write_bytes((state / PUBLISHED).read_bytes())
    second = tmp_path / "b.parquet"
    second.write_bytes((stateless / PUBLISHED).read_bytes())
    refused(InputError, f"{second}: {end.replace(str(state / PUBLISHED), str(first))}", tmp_path)
    with_state = "is a rollup with its state, no log; rollup merges such Parquet as it was published, apart from logs"
    refused(InputError, f"{state / PUBLISHED}: {with_state}", state, job="daily_stats")
    pq.write_table(api.run("extract", [log]), tmp_path / "0.parquet")
    refused(InputError, f"{first}: {with_state}", tmp_path / "0.parquet", first)


def test_logs_whose_names_say_parquet_are_logs(tmp_path: Path) -> None:
    file = tmp_path / "log.parquet"
    file.write_text("timestamp,device_id,metric,value\n2026-03-01T00:00:00Z,d,m,1\n")
    assert rolled(file, window="1d").count(b"\n") == 2


def test_a_state_is_not_text(tmp_path: Path) -> None:
    text = (
        "error: --state: a state is published as Parquet, not as text; add --output-dir, and leave out "
        "--output-format and --cat-output\n"
    )
    target = ["--output-dir", tmp_path / "x"]
    for flags in ([], ["--output-format", "csv"], [*target, "--output-format", "jsonl"], [*target, "--cat-output"]):
        done = run("jobs.rollup", SAMPLE, "--state", *flags)
        assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", text)
    assert not (tmp_path / "x").exists()


Change = Callable[[pa.Table], pa.Table]


def _says(text: str) -> Change:
    return lambda table: table.replace_schema_metadata({KEY: text})


def _counts_more(table: pa.Table) -> pa.Table:
    at = table.schema.get_field_index("count")
    return table.set_column(at, "count", pa.array([n + 1 for n in table["count"].to_pylist()]))


SAID = '"window": "1h", "time_zone": "UTC", "by": "device", "quantile_error": 0.01'


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (
            _says(f'{{"version": 2, {SAID}, "more": 1}}'),
            "its state is of version 2, and this suite knows version 1; use the version of the suite that made it, or "
            "roll up the logs",
        ),
        (_says("{"), "its metadata sensor_jobs.state cannot be read; publish it again"),
        (_says('{"version": 1}'), "its metadata sensor_jobs.state cannot be read; publish it again"),
        (_says(f'{{"version": 1, {SAID}, "x": 1}}'), "its metadata sensor_jobs.state cannot be read; publish it again"),
        (
            _says(f'{{"version": 1, {SAID.replace("1h", "1x")}}}'),
            "its metadata sensor_jobs.state cannot be read; publish it again",
        ),
        (lambda table: table.drop_columns(["stats_state"]), "has no column stats_state; publish it again"),
        (_counts_more, "its state cannot be merged: sketch_state does not fit count; publish it again"),
    ],
)
@pytest.mark.parametrize("engine", ["inline", "local"])
def test_states_that_others_changed(
    publish: Publish, tmp_path: Path, change: Change, error: str, engine: api.EngineName
) -> None:
    file = tmp_path / "changed.parquet"
    pq.write_table(change(pq.read_table(publish(SAMPLE, window="1h", quantiles="0.5") / PUBLISHED)), file)
    with pytest.raises(InputError) as raised:
        rolled(file, engine=engine, window="1d", quantiles="0.5")
    assert str(raised.value) == f"{file}: {error}"


def test_a_damaged_state_is_told(publish: Publish, tmp_path: Path) -> None:
    file = tmp_path / "damaged.parquet"
    data = bytearray((publish(SAMPLE, window="1h") / PUBLISHED).read_bytes())
    at = pq.read_metadata(publish(SAMPLE, window="1h") / PUBLISHED).row_group(0).column(5).data_page_offset
    data[at + 40 : at + 80] = bytes(40)
    file.write_bytes(data)
    with pytest.raises(LimitError, match=r"damaged\.parquet at byte 0: damaged: corrupt Parquet data in row group 0"):
        rolled(file, window="1d")
