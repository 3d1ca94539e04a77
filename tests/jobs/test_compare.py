"""jobs.compare: engines side by side, and a difference named by key and column."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from jobs.engine import comparison, comparison_report
from jobs.engine.comparison import difference_of, lines_of, same_bytes
from jobs.lake import writers
from jobs.lake.parts import Layout
from jobs.lake.publish import Publication
from jobs.lake.published import read_published
from tests.command_line import run

HEADER = "timestamp,device_id,metric,value\n"
LINES = "".join(f"2026-03-01T00:00:{i:02}Z,dev-{i % 3},temperature,{i}.5\n" for i in range(30))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text(HEADER + LINES)
    return path


def publish(folder: Path, text: str) -> Path:
    """daily_stats of a log, published."""
    folder.mkdir()
    (folder / "log.csv").write_text(HEADER + text)
    out = folder / "out"
    done = run("jobs.daily_stats", folder / "log.csv", "--output-dir", out, "-q")
    assert done.returncode == 0, done.stderr
    return out


def differing(tmp_path: Path, text: str) -> str:
    keys = ("device_id", "metric", "unit", "date")
    one, other = publish(tmp_path / "one", LINES), publish(tmp_path / "other", text)
    return difference_of(one, read_published(str(one)), other, read_published(str(other)), keys)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "dev-1,temperature,4.5",
            "dev-1,temperature,4.25",
            "dev-1, temperature, , 2026-03-01: mean is '14.975', not '15'",
        ),
        (
            "dev-1,temperature",
            "dev-2,temperature",
            "dev-1, temperature, , 2026-03-01: device_id is 'dev-2', not 'dev-1'",
        ),
        ("dev-2,temperature", "dev-1,temperature", "dev-1, temperature, , 2026-03-01: count is '20', not '10'"),
        ("", "", ""),
    ],
)
def test_the_first_difference_is_named(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert differing(tmp_path, LINES.replace(old, new) if old else LINES) == told


def test_a_row_too_few_is_named(tmp_path: Path) -> None:
    fewer = "".join(line for line in LINES.splitlines(keepends=True) if "dev-2" not in line)
    assert differing(tmp_path, fewer) == "dev-2, temperature, , 2026-03-01: is missing"


DAYS = pa.table(
    {
        "date": pa.array([date(2026, 3, 1)] * 30 + [date(2026, 3, 2)] * 10, pa.date32()),
        "device_id": [f"dev-{i // 4}" for i in range(40)],
        "unit": [None, "C"] * 20,
        "value": [i / 4 for i in range(40)],
    }
)


def publish_by_day(folder: Path, rows: pa.Table, target_size: int) -> Path:
    """Rows in folders by day, in files of about so many bytes."""
    publication = Publication(str(folder), "parquet", overwrite=False, run_id=folder.name)
    publication.check()
    layout = Layout("date", target_size, ("device_id",))
    publication.publish(rows.schema, [rows], {}, scratch=folder.parent, keys=("date",), layout=layout)
    return folder


def differing_by_day(tmp_path: Path, rows: pa.Table, target_size: int) -> tuple[bool, str]:
    """Whether the bytes are those of DAYS, and the difference."""
    one = publish_by_day(tmp_path / "one", DAYS, 1 << 20)
    other = publish_by_day(tmp_path / "other", rows, target_size)
    its, others = read_published(str(one)), read_published(str(other))
    return same_bytes(its, others), difference_of(one, its, other, others, ("date",))


def test_folders_by_day_are_equal_in_their_ordered_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "ROW_GROUP_ROWS", 10)
    assert differing_by_day(tmp_path, DAYS, 100) == (False, "")
    parts = [len(read_published(str(tmp_path / name)).parts) for name in ("one", "other")]
    assert parts == [2, 4]


def test_folders_by_day_of_the_same_bytes(tmp_path: Path) -> None:
    assert differing_by_day(tmp_path, DAYS, 1 << 20) == (True, "")


@pytest.mark.parametrize(
    ("column", "change", "told"),
    [
        ("value", lambda i, old: 2.5 if i == 5 else old, "row 6: value is '2.5', not '1.25'"),
        ("unit", lambda i, old: "" if i == 4 else old, "row 5: unit is '', not None"),
        (
            "date",
            lambda i, old: date(2026, 3, 2) if i == 29 else old,
            "row 30: folder is 'dt=2026-03-02', not 'dt=2026-03-01'",
        ),
    ],
)
def test_a_difference_in_a_day_is_named(
    tmp_path: Path, column: str, change: Callable[[int, object], object], told: str
) -> None:
    new = [change(i, old) for i, old in enumerate(DAYS[column].to_pylist())]
    at = DAYS.schema.get_field_index(column)
    rows = DAYS.set_column(at, DAYS.schema.field(column), pa.array(new, DAYS.schema.field(column).type))
    assert differing_by_day(tmp_path, rows, 1 << 20) == (False, told)


def test_other_types_are_other_results(tmp_path: Path) -> None:
    whole = DAYS.drop_columns(["value"])
    one = publish_by_day(tmp_path / "one", whole.append_column("n", pa.array(range(40), pa.int64())), 1 << 20)
    other = publish_by_day(tmp_path / "other", whole.append_column("n", pa.array(range(40), pa.int32())), 1 << 20)
    told = difference_of(one, read_published(str(one)), other, read_published(str(other)), ("date",))
    assert told == "the bytes differ, though no field does"


def test_a_difference_in_a_state_is_named(tmp_path: Path) -> None:
    schema = pa.schema([("device_id", pa.string()), ("stats_state", pa.list_(pa.int64()))])
    for name, state in (("one", [1, 2]), ("other", [1, 3])):
        publication = Publication(str(tmp_path / name), "parquet", overwrite=False, run_id=name)
        publication.check()
        publication.publish(schema, [pa.table([["dev-1"], [state]], schema)], {}, scratch=tmp_path)
    one, other = tmp_path / "one", tmp_path / "other"
    told = difference_of(one, read_published(str(one)), other, read_published(str(other)), ("device_id",))
    assert told == "dev-1: stats_state is '[1, 3]', not '[1, 2]'"


@pytest.mark.parametrize("job", [["compact"], ["rollup", "--state", "--quantiles", "0.5"]])
def test_results_that_are_no_text_are_compared(log: Path, job: list[str]) -> None:
    done = run("jobs.compare", *job, log, "--engines", "inline,local")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    assert lines[0].startswith(f"{job[0]}: 1 object (1.34 kB), 30 readings, ")
    assert lines[-1] == "All gave the same bytes; whole processes, one round."
    assert [line.split()[-1] for line in lines[4:6]] == ["equal", "equal"]


def test_engines_side_by_side(log: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = run("jobs.compare", "daily_stats", log, "--engines", "inline,local", "--report", report, "--metric", "temp*")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    assert lines[0] == "daily_stats: 1 object (1.34 kB), 30 readings, 3 rows"
    assert lines[-1] == "All gave the same bytes; whole processes, one round."
    assert [line.split()[0] for line in lines[4:6]] == ["inline", "local"]
    assert [line.split()[-1] for line in lines[4:6]] == ["equal", "equal"]
    found = json.loads(report.read_text())
    assert found["equal"] is True
    assert [run["read"] for run in found["runs"]] == [log.stat().st_size] * 2
    assert all(0 < run["shuffled"] < 10_000 and run["wall"] > 0 and 20 < run["peak"] < 500 for run in found["runs"])


@pytest.mark.spark
@pytest.mark.slow
def test_the_twin_beside_mrjob(log: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    done = run("jobs.compare", "daily_stats", log, "--engines", "inline,spark", "--report", report)
    assert done.returncode == 0, done.stderr
    assert "| spark | " in report.read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nothing", "LOG"], "there is no job 'nothing'; the jobs are "),
        (["daily_stats"], "no input given; name what the job is to read, as sample_data/\n"),
        (
            ["daily_stats", "LOG", "--engines", "hive"],
            "--engines: there is no engine 'hive'; use inline, local, hadoop, spark, yarn\n",
        ),
        (
            ["daily_stats", "LOG", "--engines", "inline,local,inline"],
            "--engines: inline is named more than once; name every engine once\n",
        ),
        (
            ["daily_stats", "-", "--engines", "inline,local"],
            "standard input: can be read once, and every run needs it; save it to a file and name that\n",
        ),
        (["daily_stats", "LOG", "--output-dir=x"], "--output-dir: is chosen by the comparison; leave it out\n"),
        (
            ["daily_stats", "LOG", "--report", "x.pdf"],
            "--report x.pdf: has no known ending; name it .json or .md or .html\n",
        ),
        (["daily_stats", "LOG", "--report", "no/x.md"], "--report no/x.md: its folder does not exist; mkdir -p no\n"),
    ],
)
def test_refused(log: Path, arguments: list[str], told: str) -> None:
    done = run("jobs.compare", *[str(log) if a == "LOG" else a for a in arguments])
    assert done.returncode == 2
    assert done.stderr.decode().startswith(f"error: {told}")


def test_what_the_job_says_is_told(log: Path) -> None:
    done = run("jobs.compare", "daily_stats", log, "--engines", "inline", "--time-zone", "Mars/Base")
    assert done.returncode == 2
    told = 'error: on inline: unknown time zone "Mars/Base"; use an IANA name such as "Europe/Paris"\n'
    assert done.stderr.decode() == told


def test_lines_of_code_are_those_a_reader_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "counted.py"
    package.write_text(
        '"""Doc,\ntwo lines."""\n\n# why\nX = 1  # counts\n\n\ndef f():\n    """Doc."""\n    return """a\n\nb"""\n'
    )
    spec = importlib.util.spec_from_file_location("counted", package)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    assert lines_of("counted", "inline") == 4
    assert sys.modules.get("counted") is None


def test_reports_escape_what_they_show() -> None:
    bad = comparison.Run("spark", 2.0, 3.0, 100.0, 10, 20, 30, "<b>, x|y: mean is '1', not '2'")
    one = comparison.Run("inline", 1.0, 1.0, 100.0, 10, 20, 30)
    found = comparison.Comparison("daily_stats", ("a<b>.csv",), 1, 10, 5, 1, 3, (one, bad))
    assert "<b>" not in comparison_report.page(found)
    assert "x\\|y" in comparison_report.markdown(found)
    assert not found.equal
    assert "spark gave another result; whole processes, medians of 3 rounds." in comparison_report.text(found)


def test_a_report_says_bytes_where_they_are_the_same_and_rows_where_only_those_are() -> None:
    one = comparison.Run("inline", 1.0, 1.0, 100.0, 10, 20, 30)
    rows_only = comparison.Run("local", 2.0, 3.0, 100.0, 10, 20, 30, same_bytes=False)
    for other, result, verdict in ((one, "equal", "bytes"), (rows_only, "equal rows", "rows")):
        found = comparison.Comparison("compact", ("a.csv",), 1, 10, 5, 1, 1, (one, other))
        assert found.equal
        lines = comparison_report.text(found).splitlines()
        assert lines[5].endswith(f"  {result}")
        assert lines[-1] == f"All gave the same {verdict}; whole processes, one round."
