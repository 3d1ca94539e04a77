"""What a command says to options, dialects and combinations that cannot be: status 2, one line, nothing done."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.outcomes.commands import COLUMNS, HEADER, command, day, environment, row, told

CLUSTER = (
    "standard input cannot be read by a cluster's tasks; copy it where they can read it, for instance:"
    " aws s3 cp - s3://BUCKET/KEY or hadoop fs -put - hdfs:///KEY"
)
HELP = "--help lists the options"
WRONG = {
    "--frobnicate": f"unrecognized arguments: --frobnicate; {HELP}",
    "--output stats": f"unrecognized arguments: --output stats; {HELP}",
    "--metr temperature": f"unrecognized arguments: --metr temperature; {HELP}",
    "--on-damage ignore": f"argument --on-damage: invalid choice: 'ignore' (choose from 'fail', 'report'); {HELP}",
    "--quantiles 0.5,high": '--quantiles 0.5,high: "high" is no number',
    "--quantiles 1.5": "--quantiles 1.5: a quantile is a number from 0 to 1 of up to 9 decimals, not 1.5",
    "--quantiles 0.5,0.5": "--quantiles 0.5,0.5: a quantile is named twice",
    "--quantile-error 2": "--quantile-error 2: the error of quantiles is a number from 0.0001 to 0.25, not 2.0",
    "--time-zone Europe/Berln": 'unknown time zone "Europe/Berln"; did you mean "Europe/Berlin"?',
    "--dialect nabb": 'unknown dialect "nabb"; did you mean "nab"?',
    "--dialect typo.toml": 'typo.toml: delimited.delimeter: unknown key; did you mean "delimiter"?',
    "--dialect value.toml": "value.toml: delimited.delimiter: must be one ASCII character",
    "--dialect broken.toml": (
        "broken.toml: is no TOML: Expected ']' at the end of a table declaration (at line 1, column 11)"
    ),
    "--from 2026-03-99": "--from: '2026-03-99' is no date or ISO time; write it as 2026-03-01 or 2026-03-01T12:00:00Z",
    "--from 2026-03-02 --to 2026-03-01": (
        "--from 2026-03-02 --to 2026-03-01: --from is not before --to; --to is exclusive: name the day after the last"
        " one"
    ),
    "--tasks 0": "--tasks: '0' is no whole number from 1",
    "--tasks 2 -r inline": "--tasks 2: inline runs one task; use -r local",
    "--split-size 5X": "--split-size: '5X' is no size; write it as 500K, 64M or 1G",
    "--max-rejects 5": "--max-rejects: '5' is no share; write it as a fraction from 0 to 1, such as 0.01",
    "--overwrite": "--overwrite: there is nothing to overwrite; add --output-dir or --rejects",
    "--output-format parquet": ("--output-format parquet: Parquet is not written to standard output; add --output-dir"),
    "--output-dir out --rejects out/rejects": (
        "--output-dir out --rejects out/rejects: result and rejects need a folder each; name two that lie beside each"
        " other"
    ),
    "--output-dir log.csv": "log.csv: is a file; name a folder",
    "--conf-path none.conf": "--conf-path none.conf: no such file; check the name",
    "--conf-path log.csv": "mrjob's configuration: is no table of runners; it begins with runners:",
    "--files none.txt": "none.txt: no such file or program; -r inline needs it",
    "--py-files none.zip": "none.zip: no such file or program; -r local needs it",
    "-r dataproc": "-r dataproc: Google Dataproc is not supported; use inline, local, hadoop, emr or spark",
    "-r spark -": f"-r spark -: {CLUSTER}",
    "-r hadoop -": f"-r hadoop -: {CLUSTER}",
    "gs://lake/readings/": "gs://lake/readings/: there is no storage gs://; "
    "use a path or one of file://, s3://, hdfs://",
    "swebhdfs://lake/x": "swebhdfs://lake/x: there is no storage swebhdfs://; "
    "use a path or one of file://, s3://, hdfs://",
    "s3://": "s3://: names no bucket; write it as s3://bucket/prefix/",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A log that could be read, and dialects that could not."""
    (tmp_path / "log.csv").write_bytes(HEADER + day(1))
    (tmp_path / "typo.toml").write_text('[delimited]\ndelimeter = ";"\n')
    (tmp_path / "value.toml").write_text('[delimited]\ndelimiter = ";;"\n')
    (tmp_path / "broken.toml").write_text("[delimited\n")
    return tmp_path


@pytest.mark.slow  # all of them together
@pytest.mark.parametrize("arguments", WRONG)
def test_refused(folder: Path, arguments: str) -> None:
    there = set(folder.iterdir())
    found = told(folder, "log.csv", *arguments.split())
    assert (found.status, found.output, found.errors) == (2, "", f"error: {WRONG[arguments]}\n")
    assert set(folder.iterdir()) == there


def test_no_input_is_named(folder: Path) -> None:
    found = told(folder)
    assert found.errors == (
        "error: no input given; "
        "name files, directories, globs, s3://bucket/prefix, hdfs://host/path, or - for standard input\n"
    )
    empty = told(folder, "log.csv", "")
    assert empty.errors == "error: an input is an empty name; is a variable of the shell not set?\n"
    assert {(o.status, o.output) for o in (found, empty)} == {(2, "")}


def test_the_spark_twin_refuses_standard_input_too(folder: Path) -> None:
    found = told(folder, "-", module="jobs.spark.daily_stats", stdin=HEADER + day(1))
    assert found.errors == (
        "error: -: standard input cannot be read by Spark's tasks; copy it where they can read it, for instance:"
        " aws s3 cp - s3://BUCKET/KEY\n"
    )
    assert (found.status, found.output) == (2, "")


def test_a_dialect_file_that_is_not_there(folder: Path) -> None:
    found = told(folder, "log.csv", "--dialect", "none.toml")
    assert found.errors == "error: none.toml: cannot read the dialect file: No such file or directory\n"
    assert found.status == 3


@pytest.mark.parametrize(
    ("job", "option", "named"),
    [
        ("data_quality", "--limits mine.toml", "--limits: powr, pwer"),
        ("availability", "--sequence-metric nmber", "--sequence-metric nmber"),
        ("energy", "--power-metric pwr,p[0-9]", "--power-metric pwr,p[0-9]"),
    ],
)
def test_an_option_that_names_metrics_which_no_reading_has(folder: Path, job: str, option: str, named: str) -> None:
    (folder / "mine.toml").write_text("[powr]\nmin = 0\n[pwer]\nmax = 1\n")
    found = told(folder, "log.csv", *option.split(), module=f"jobs.{job}")
    expected = f"error: {named}: no reading is of such a metric; there are temperature\n"
    assert (found.status, found.output, found.errors) == (3, "", expected)


@pytest.mark.parametrize(
    ("job", "options", "error"),
    [
        ("rollup", "--quantile-error 0.02", "--quantile-error: is for --quantiles; add --quantiles, or leave it out"),
        (
            "distinct_devices",
            "--method hll --exact-limit 9",
            "--exact-limit: is for --method auto; add --method auto, or leave it out",
        ),
        (
            "histogram",
            "--bins 5 --quantile-error 0.1",
            "--quantile-error: means nothing beside --bins; leave one of the two out",
        ),
        ("daily_stats", "--max-lateness 0", "--max-lateness: is for --to; add --to, or leave it out"),
        ("distinct_devices", "--devices none.csv", "--devices: tells where devices are; add --per site"),
        (
            "rollup",
            "--window all --layout 1brc --output-format jsonl",
            "--layout 1brc: is for printing; leave out --output-format and --output-dir",
        ),
        (
            "data_quality",
            "--per object --stuck 5",
            "--per object: objects are counted, not judged; leave out --stuck, --not-before and --limits",
        ),
    ],
)
def test_options_that_would_mean_nothing(folder: Path, job: str, options: str, error: str) -> None:
    found = told(folder, "log.csv", *options.split(), module=f"jobs.{job}")
    assert (found.status, found.output, found.errors) == (2, "", f"error: {error}\n")


@pytest.mark.parametrize("flags", [[], ["--tasks", "2", "-r", "local", "--split-size", "500"]], ids=["inline", "local"])
def test_a_metric_that_no_reading_has(folder: Path, flags: list[str]) -> None:
    given = ("log.csv", "--metric", "temp*", "--metric", "temprature", "--output-dir", "out", *flags)
    found = told(folder, *given)
    expected = "error: --metric temprature: no reading is of such a metric; there are temperature\n"
    assert (found.status, found.output, found.errors) == (3, "", expected)
    assert not (folder / "out").exists()


def test_filters_that_leave_nothing(folder: Path) -> None:
    found = told(folder, "log.csv", "--device", "nobody")
    assert (found.status, found.output.count("\n")) == (0, 1)
    note = "note: no reading is what this run is about, by --device nobody\n"
    assert found.errors.endswith(note)
    (folder / "empty.csv").write_bytes(HEADER)
    assert told(folder, "empty.csv", "--metric", "temprature").status == 0


REJECTS = (
    "1 object (2.0 kB) · 40 readings · 10 rejects (timestamp 10) · kernel 80.0% · TIME\n"
    "  reject: log.csv line 2: timestamp in timestamp: 0Z,dev-1,temperature,0.5\n"
    "  reject: log.csv line 3: timestamp in timestamp: 1Z,dev-1,temperature,1.5\n"
    "  reject: log.csv line 4: timestamp in timestamp: 2Z,dev-1,temperature,2.5\n"
)


def test_more_rejects_than_allowed(tmp_path: Path) -> None:
    """The result is printed, the rejects are written, the result is not published."""
    (tmp_path / "log.csv").write_bytes(HEADER + day(1).replace(b"2026-03-01T00:00:0", b""))
    found = told(
        tmp_path, "log.csv", "--output-dir", "stats", "--cat-output", "--rejects", "rejects", "--output-format", "csv"
    )
    assert found.output.startswith(COLUMNS + "dev-1,temperature,,2026-03-01,40,30,")
    assert found.errors == REJECTS + (
        "error: log.csv line 2: 10 of 50 records were rejected (20.00%), more than --max-rejects 0.01 allows; look at"
        " them with --rejects DIR; another --dialect may fit\n"
    )
    assert found.status == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.csv", "rejects"]
    assert (tmp_path / "rejects" / "part-00000.jsonl").read_text().count("\n") == 10


def test_as_many_rejects_as_allowed(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(HEADER + day(1).replace(b"2026-03-01T00:00:0", b""))
    found = told(tmp_path, "log.csv", "--max-rejects", "0.2")
    assert (found.status, found.errors) == (0, REJECTS)


def test_no_room_for_the_output(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(HEADER + day(1))
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command("log.csv"), cwd=tmp_path, env=environment(), stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.stderr.decode() == (
        "error: cannot write: No space left on device; make room where the output goes, and where the run's scratch"
        " lies: TMPDIR names another place for it\n"
    )
    assert done.returncode == 1


def test_the_log_could_be_read(folder: Path) -> None:
    """What the refusals above refuse is not the log."""
    assert told(folder, "log.csv").output == COLUMNS + row(1)
