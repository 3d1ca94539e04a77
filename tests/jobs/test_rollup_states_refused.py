"""rollup of what is no rollup, or cannot give what is asked: one line that says why not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs import api
from jobs.engine.window_states import KEY
from jobs.errors import InputError, JobError, LimitError, UsageError
from tests.command_line import run
from tests.jobs.rollups import PUBLISHED, SAMPLE, Publish, rolled


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
            {"by": "site"},
            "--by site: FILE has a state of devices, not of sites; roll up the logs",
        ),
        (
            {"window": "1h", "by": "site"},
            {},
            "--by device: FILE has a state of sites; add --by site, or roll up the logs",
        ),
        (
            {"window": "1h", "by": "site"},
            {"by": "site", "device": "north-0001"},
            "--device: FILE has a state of sites; leave it out, or roll up the logs",
        ),
        (
            {"window": "1h", "by": "site"},
            {"by": "site", "devices": "sample_data/_devices.csv"},
            "--devices: FILE is a state, which is joined with nothing; leave it out",
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
