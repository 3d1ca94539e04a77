"""The benchmark's own honesty: wrong answers are noticed, figures are what they say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pytest
from pyarrow import parquet

from jobs import registry
from jobs.engine.containers import Watch
from scripts import comparisons
from scripts.benchmarks import cases, check, cli, cluster, engines, hadoop_cases, report
from scripts.benchmarks.cases import DAILY, QUESTIONS
from scripts.benchmarks.cluster import STARTS
from scripts.benchmarks.model import Goal, Suite
from scripts.benchmarks.process import CommandError, measure
from scripts.environment import ROOT
from scripts.sample_data_generator.draw import Spec
from scripts.sample_data_generator.generate import Output, generate

ROW = "d,m,2026-03-01,3,2.0,1.0,1.0,3.0,6.0,2026-03-01T00:00:00.000Z,2026-03-01T02:00:00.5Z\n"
HEADER = "device_id,metric,date,count,mean,stddev,min,max,sum,first_timestamp,last_timestamp\n"


def _difference(tmp_path: Path, text: str) -> str:
    (tmp_path / "want.csv").write_text(HEADER + ROW)
    (tmp_path / "have.csv").write_text(text)
    want, have = (check.load(str(tmp_path / name), DAILY) for name in ("want.csv", "have.csv"))
    return check.difference(DAILY, want, have, 1e-9)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (HEADER + ROW, ""),
        (ROW, ""),
        (HEADER + ROW.replace("T00:00:00.000Z", " 00:00:00+00").replace(".5Z", ".500000"), ""),
        (HEADER + ROW.replace("2.0,1.0", "2.0000000001,1.0"), ""),
        (HEADER, "0 rows instead of 1"),
        (HEADER + ROW.replace("d,m", "d,n"), "other keys: metric"),
        (HEADER + ROW.replace("-01,3", "-01,4"), "count differs"),
        (HEADER + ROW.replace("1.0,3.0,6.0", "1.0,3.0000000000000004,6.0"), "max differs"),
        (HEADER + ROW.replace("6.0", "6.1"), "sum of row 1: 6.1 instead of 6.0"),
        (HEADER + ROW.replace("2.0,1.0", "2.0,"), "stddev is missing in other rows"),
        (HEADER + ROW.replace("02:00:00.5", "02:00:00.6"), "last_timestamp differs"),
        (HEADER.replace("sum", "total") + ROW, "column sum is missing"),
    ],
)
def test_an_answer_is_compared_column_by_column(tmp_path: Path, found: str, told: str) -> None:
    said = _difference(tmp_path, found)
    assert re.sub(r"np\.float64\((.*?)\)", r"\1", said) == told


def test_a_command_is_measured_with_its_children(tmp_path: Path) -> None:
    child = "x = b'x' * 400_000_000; n = sum(range(4_000_000)); print(n)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    found = measure([sys.executable, "-c", parent], tmp_path / "out", {})
    assert (tmp_path / "out").read_text() == f"{sum(range(4_000_000))}\n"
    assert 380 < found.peak < 430
    assert 0.02 < found.cpu < 2 * found.wall + 0.1


def test_a_command_that_fails_is_told_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="status 3\nno luck"):
        measure(
            [sys.executable, "-c", "import sys; print('no luck', file=sys.stderr); sys.exit(3)"], tmp_path / "o", {}
        )


@pytest.mark.parametrize(
    ("kind", "limit", "figure", "reached"),
    [("at most", 0.5, 0.5, True), ("at most", 0.49, 0.5, False), ("faster", 2, 2, True), ("memory", 1, 2.5, False)],
)
def test_a_goal_compares_with_the_faster_of_the_others(
    kind: Literal["at most", "faster", "memory"], limit: float, figure: float, reached: bool
) -> None:
    by_run = {
        "c/ours": {"wall": 2.0, "cpu": 3.0, "peak": 50.0},
        "c/one": {"wall": 4.0, "cpu": 1.0, "peak": 20.0},
        "c/two": {"wall": 5.0, "cpu": 1.0, "peak": 30.0},
    }
    goal = Goal("", "c/ours", ("c/one", "c/two"), kind, limit)
    found = report.measured(goal, by_run)
    assert found == figure
    assert report.reached(goal, found) == reached
    assert report.measured(Goal("", "c/ours", ("c/three",), "faster", 1), by_run) is None


def test_every_job_is_asked_something_that_it_and_its_peers_understand() -> None:
    jobs = registry.all_jobs()
    assert {question.job for question in QUESTIONS.values()} == jobs.keys() - {"extract"}
    for question in QUESTIONS.values():
        flags = {option.flag for option in jobs[question.job].OPTIONS} | {"--output-dir"}
        assert {option for option in question.options if option.startswith("--")} <= flags
        names = {column.name for column in jobs[question.job].COLUMNS}
        assert {name for name in question.left_out if not name.startswith("q0")} <= names
    answered = {path.name.split(".")[0] for path in (ROOT / "scripts/benchmarks/peers").glob("*/*.sql")}
    assert answered <= QUESTIONS.keys()


def test_a_number_is_compared_by_its_declared_type(tmp_path: Path) -> None:
    question = QUESTIONS["availability"]
    header = "device_id,metric,date,received,gaps,gap_seconds,longest_gap_seconds,mttr_seconds,uncompared_x\n"
    (tmp_path / "want").write_text(header + "d,m,2026-03-01,3,1,10,,10,1\n")

    def said(row: str) -> str:
        (tmp_path / "have").write_text(header + row + "\n")
        want, have = (check.load(str(tmp_path / name), question) for name in ("want", "have"))
        return check.difference(question, want.drop_columns("uncompared_x"), have, 1e-9)

    assert said("d,m,2026-03-01,3,1,10.000000001,,10,2") == ""
    assert said("d,m,2026-03-01,3,1,10.1,,10,2") == "gap_seconds of row 1: 10.1 instead of 10.0"
    assert said("d,m,2026-03-01,3,2,10,,10,2") == "gaps differs"
    assert said("d,m,2026-03-01,3,1,10,5,10,2") == "longest_gap_seconds is missing in other rows"
    assert said("d,m,2026-03-02,3,1,10,,10,2") == "other keys: date"


def test_a_published_reading_that_differs_shows_in_the_digest(tmp_path: Path) -> None:
    rows: dict[str, list[Any]] = {
        "timestamp": [1, 2, 3],
        "device_id": ["a", "b", "a"],
        "metric": ["m", "m", "n"],
        "value": [1.0, 2.0, 3.0],
    }

    def digest(name: str, rows: dict[str, list[Any]], order: list[int]) -> pa.Table:
        folder = tmp_path / name / "dt=2026-03-01"
        folder.mkdir(parents=True)
        table = pa.table(rows).take(pa.array(order))
        time = table.column("timestamp").cast(pa.timestamp("us"))
        parquet.write_table(table.set_column(0, "timestamp", time), folder / "part.parquet")
        return check.load(str(folder.parent), QUESTIONS["compact"])

    one = digest("one", rows, [0, 1, 2])
    assert one.select(["date", "readings"]).to_pylist() == [{"date": "2026-03-01", "readings": 3}]
    assert digest("other", rows, [2, 0, 1]) == one
    for name, changed in (("device_id", ["a", "a", "b"]), ("metric", ["n", "m", "m"]), ("value", [1.0, 2.0, 3.5])):
        assert digest(name, {**rows, name: changed}, [0, 1, 2]) != one


@pytest.mark.parametrize(
    ("globs", "chosen"), [(["csv5m"], {"csv5m"}), (["csv5m", "energy*"], {"csv5m", "energy5m", "energy50m"})]
)
def test_cases_are_chosen_by_globs(globs: list[str], chosen: set[str]) -> None:
    assert {case.name for case in cli._chosen(cases.SUITE, globs)} == chosen


def test_a_case_that_there_is_not_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["--case", "csv6m"])
    assert capsys.readouterr().err.startswith("--case csv6m: there is none; there are sample, csv5m, ")


def test_goals_of_many_jobs_are_summed_up_in_a_line() -> None:
    def run(wall: float, peak: float = 100.0) -> dict[str, Any]:
        return {"rounds": [{"wall": wall, "cpu": wall, "peak": peak}]}

    runs = {"energy50m/ours": run(3.0, 300.0), "energy50m/duckdb": run(2.0)}
    runs |= {"data_quality50m/ours": run(2.0), "data_quality50m/duckdb": run(4.0)}
    runs |= {"compact50m/ours": run(3.0), "compact50m/duckdb": run(4.0)}
    rows = [
        [cell.strip() for cell in line.split("|")[1:4]] for line in report.summary_table({"runs": runs}).splitlines()
    ]
    name = "availability, threshold_events, energy, data_quality: CSV 50M ÷ DuckDB"
    assert [name, "≤ 1.5", "0.50 to 1.50, 2 of 2 ✓"] in rows
    assert ["all of them: CSV 50M, largest process, MB", "≤ 250", "100 to 300, 2 of 3 ✗"] in rows
    assert ["compact: CSV 50M ÷ DuckDB", "≤ 1.5", "0.75 ✓"] in rows
    assert ["all of them: CSV 5M, times faster than the Spark twin", "≥ 5", "not run"] in rows


def test_a_report_is_put_into_its_place() -> None:
    page = comparisons.PAGE.read_text("utf-8")
    for job in comparisons.JOBS:
        new = comparisons.put(page, {job: f"### {job}: …\n"})
        assert f"<!-- comparison of {job}:start -->\n### {job}: …\n<!-- comparison of {job}:end -->" in new
        assert [line for line in new.splitlines() if line not in page.splitlines()] == [f"### {job}: …"]


@pytest.mark.parametrize("suite", [cases.SUITE, hadoop_cases.SUITE])
def test_goals_are_about_runs_that_there_are(suite: Suite) -> None:
    runs = {name for name, run in suite.runs.items() if run is not None} | {STARTS}
    assert {name for goal in suite.goals for name in (goal.run, *goal.others)} <= runs
    for case in suite.cases:
        assert {run.data for run in case.runs} <= {"", *(data.name for data in case.data)}
        assert {run.engine for run in case.runs} <= engines.NEEDS.keys()


def test_cases_of_a_cluster_are_other_ones() -> None:
    here, there = ({case.name for case in suite.cases} for suite in (cases.SUITE, hadoop_cases.SUITE))
    assert not here & there
    usual = {case.name for case in cli._chosen(hadoop_cases.SUITE, None)}
    assert usual == {"tiny", "hdfs5m", "hdfs50m"}
    assert {case.name for case in cli._chosen(hadoop_cases.SUITE, ["*m-*"])} == there - usual


def test_tiny_input_in_java_is_measured_as_usual_and_as_ours_runs() -> None:
    [tiny] = cli._chosen(hadoop_cases.SUITE, ["tiny"])
    assert [(run.label, run.engine) for run in tiny.runs] == [
        ("ours", "hadoop"),
        ("java", "java"),
        ("java uber", "java-uber"),
    ]
    values = {"jar": "x.jar", "jvm": "-Xmx1m", "output": "hdfs:///out"}
    usual, uber = (engines.command(run.engine, DAILY, "hdfs:///in", "csv", values) for run in tiny.runs[1:])
    assert set(uber) - set(usual) == {"-Dmapreduce.job.ubertask.enable=true"}
    assert set(usual) < set(uber)
    [goal] = [goal for goal in hadoop_cases.GOALS if goal.run == "tiny/ours"]
    assert goal.others == ("tiny/java",)


@pytest.mark.parametrize(
    ("earlier", "flags", "kept"),
    [
        (0, ["--rounds", "1"], [9.0]),
        (1, ["--rounds", "1"], [9.0]),
        (3, ["--rounds", "1"], [14.0] * 3),
        (3, ["--quick"], [14.0] * 3),
        (5, ["--rounds", "2"], [14.0] * 5),
        (5, [], [9.0] * cli.ROUNDS),
        (2, [], [9.0] * cli.ROUNDS),
    ],
)
def test_few_starts_do_not_replace_a_median_of_more(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, earlier: int, flags: list[str], kept: list[float]
) -> None:
    @contextmanager
    def started(folder: Path, times: int) -> Iterator[tuple[None, list[dict[str, float]]]]:
        yield None, [{"wall": 9.0}] * times

    monkeypatch.setattr(cluster, "started", started)
    options = cli._parser().parse_args(["--hadoop", "--cache", str(tmp_path), *flags])
    results: dict[str, Any] = {"runs": {STARTS: {"rounds": [{"wall": 14.0}] * earlier}} if earlier else {}}
    with cli._plan(hadoop_cases.SUITE, options, results):
        assert [start["wall"] for start in results["runs"][STARTS]["rounds"]] == kept


def test_without_a_compiler_the_java_job_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert engines.missing("java") == "javac, which is part of a JDK (Debian: apt install openjdk-17-jdk-headless)"
    assert engines.missing("java-uber") == engines.missing("java")
    assert engines.missing("hadoop") is None


def test_tables_hold_their_own_suite_only() -> None:
    about = {"cores": 2, "processor": "p", "system": "s", "commit": "c", "bytes": 10**6}
    runs = {
        "csv5m/ours": {**about, "date": "2026-01-01", "versions": {"duckdb": "1"}},
        "tiny/ours": {**about, "date": "2026-02-02", "versions": {"hadoop": "3"}},
        STARTS: {**about, "date": "2026-02-02", "versions": {"hadoop": "3"}, "rounds": [{"wall": 9.0}]},
    }
    runs["csv5m/ours"]["rounds"] = runs["tiny/ours"]["rounds"] = [{"wall": 2.0, "cpu": 3.0, "peak": 50.0}]
    results = {"runs": runs}
    here, there = (report.circumstances(results, suite) for suite in (cases.SUITE, hadoop_cases.SUITE))
    assert here.endswith("duckdb 1; commit c, 2026-01-01.")
    assert there.endswith("hadoop 3; commit c, 2026-02-02.")
    table = report.runs_table(results, hadoop_cases.SUITE)
    assert "largest container, MB" in table
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:]] == ["CSV, 10,000 rows"]
    assert "≤ 15 |   9.00 ✓ |" in report.goals_table(results, hadoop_cases.SUITE.goals)


def test_a_caption_names_every_commit_in_order_of_date() -> None:
    about = {"cores": 2, "processor": "p", "system": "s", "versions": {}, "rounds": [{}]}
    when = {"tiny/ours": ("c", 2), "tiny/java": ("e", 3), "hdfs5m/ours": ("d-dirty", 1), "hdfs5m/java": ("d-dirty", 1)}
    runs = {run: {**about, "commit": commit, "date": f"2026-02-0{day}"} for run, (commit, day) in when.items()}
    caption = report.circumstances({"runs": runs}, hadoop_cases.SUITE)
    assert caption.endswith("; commits d-dirty, c and e, 2026-02-01 to 2026-02-03.")


def test_containers_are_watched_from_their_managers() -> None:
    """A process in the place of a NodeManager, whose child is called as Hadoop calls that of a container."""
    child = "x = b'x' * 100_000_000; n = sum(range(20_000_000))"
    job = [sys.executable, "-c", child, "default_container_executor"]
    manager_does = (
        f"import subprocess, sys; sys.stdin.readline(); subprocess.run({job!r}); print(); sys.stdin.readline()"
    )
    command = [sys.executable, "-u", "-c", manager_does]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as manager:
        assert manager.stdin is not None
        assert manager.stdout is not None
        with Watch([manager.pid]) as seen:
            manager.stdin.write(b"\n")
            manager.stdin.flush()
            manager.stdout.readline()
        manager.stdin.close()
    assert seen.count == 1
    assert 95 < seen.peak < 200
    assert 0.1 < seen.cpu < 60


@pytest.mark.slow
def test_peers_agree_with_the_known_answer_and_a_wrong_one_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("duckdb")
    pytest.importorskip("polars")
    options = ["--quick", "--case", "csv5m", "--case", "parquet50m", "--engines", "duckdb,polars,line"]
    results = tmp_path / "results.json"
    assert cli.main([*options, "--cache", str(tmp_path / "cache"), "--json", str(results)]) == 0
    assert "wrong answer" not in capsys.readouterr().out
    runs = {name: run["rounds"] for name, run in json.loads(results.read_text())["runs"].items()}
    assert set(runs) == {"csv5m/duckdb", "csv5m/polars", "csv5m/line", "parquet50m/duckdb", "parquet50m/polars"}
    assert all(m["wall"] > 0 and m["peak"] > 10 for measured in runs.values() for m in measured)

    earlier = json.loads(results.read_text())["runs"]
    again = ["--quick", "--case", "distinct_devices5m", "--engines", "duckdb,polars", "--json", str(results)]
    assert cli.main([*again, "--cache", str(tmp_path / "cache")]) == 0
    later = json.loads(results.read_text())["runs"]
    assert later.keys() - earlier.keys() == {"distinct_devices5m/duckdb", "distinct_devices5m/polars"}
    assert all(later[name] == record for name, record in earlier.items())

    file = next((tmp_path / "cache" / "quick" / "csv5m").glob("*.csv"))
    text = file.read_bytes()
    file.write_bytes(text[: text.rindex(b"\n", 0, -1) + 1])  # a reading less than the known answer counts
    assert cli.main([*options[:3], "--engines", "polars", "--cache", str(tmp_path / "cache")]) == 1
    assert "wrong answer: csv5m/polars: " in capsys.readouterr().out


def test_the_generators_known_answer_is_one_that_is_checked(tmp_path: Path) -> None:
    generate(Spec(lines=500, devices=2, days=2), Output(tmp_path))
    path = str(tmp_path / "_expected" / "statistics.csv")
    assert check.main("daily_stats", path, "0", path) == 0
