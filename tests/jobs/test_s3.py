"""Jobs on S3: the same bytes from a bucket, and results published into one."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from jobs.lake.published import open_published, read_published
from tests.command_line import result, run
from tests.servers import S3Server

DAILY = "jobs.daily_stats"
SAMPLE = Path("sample_data")
pytestmark = pytest.mark.s3


@pytest.fixture
def lake(s3: S3Server) -> str:
    """The sample's readings in a bucket; the URI of its root."""
    s3.client().create_bucket(Bucket="lake")
    for path in sorted(p for p in SAMPLE.rglob("*") if p.is_file()):
        s3.client().upload_file(str(path), "lake", str(path))
    return "s3://lake/sample_data/"


@pytest.mark.parametrize(
    "flags", [["-r", "inline"], ["-r", "local", "--tasks", "3", "--split-size", "20K"]], ids=" ".join
)
def test_the_same_bytes_as_from_files(lake: str, flags: list[str]) -> None:
    assert result(DAILY, lake, *flags) == result(DAILY, SAMPLE)


@pytest.mark.spark
@pytest.mark.slow
def test_the_same_bytes_on_spark(lake: str) -> None:
    assert result("jobs.spark.daily_stats", lake) == result(DAILY, SAMPLE)


def test_hadoops_name_of_s3(lake: str) -> None:
    assert result(DAILY, lake.replace("s3://", "s3a://")) == result(DAILY, SAMPLE)


def test_a_dialect_in_a_bucket(lake: str, tmp_path: Path, s3: S3Server) -> None:
    log, dialect = tmp_path / "log.csv", tmp_path / "mine.toml"
    log.write_text("when;who;what;much\n2026-03-01T00:00:00Z;a;t;1,5\n", "utf-8")
    dialect.write_text(
        '[delimited]\ndelimiter = ";"\n[numbers]\ndecimal = ","\n[timestamp]\ncolumns = ["when"]\n'
        '[device]\ncolumns = ["who"]\n[long]\nmetric = "what"\nvalue = "much"\n',
        "utf-8",
    )
    s3.client().upload_file(str(dialect), "lake", "mine.toml")
    expected = result(DAILY, log, "--dialect", dialect)
    assert b"a,t,,2026-03-01,1,1.5" in expected
    assert result(DAILY, log, "--dialect", "s3://lake/mine.toml") == expected
    done = run(DAILY, log, "--dialect", "s3://lake/none.toml")
    assert (done.returncode, done.stderr.decode()) == (
        3,
        "error: s3://lake/none.toml: no such file; --dialect names a shipped dialect or a TOML file\n",
    )


def test_patterns_select_days(lake: str) -> None:
    some = result(DAILY, f"{lake}readings/dt=2026-03-2[78]/")
    assert some == result(DAILY, SAMPLE / "readings/dt=2026-03-27", SAMPLE / "readings/dt=2026-03-28")


def test_a_result_is_published_and_refused_a_second_time(lake: str) -> None:
    target = "s3://lake/stats/"
    done = run(DAILY, lake, "--output-dir", target, "--output-format", "parquet")
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == b""
    manifest = read_published(target)
    published = pa.concat_tables(open_published(target))
    assert published.num_rows == result(DAILY, SAMPLE).count(b"\n") - 1
    assert manifest.provenance["counts"]["readings"] == 15_708
    again = run(DAILY, lake, "--output-dir", target)
    assert (again.returncode, again.stderr.decode()) == (
        2,
        "error: s3://lake/stats/: is not empty; add --overwrite to replace what is published there\n",
    )


def test_a_profile_in_a_bucket_is_a_baseline(lake: str, tmp_path: Path) -> None:
    made = ("--period", "hour-of-day", "--output-format", "csv", "-q", "--output-dir")
    for target in ("s3://lake/normal/", tmp_path / "normal"):
        result("jobs.hourly_profile", SAMPLE, *made, target)
    expected = result("jobs.anomalies", SAMPLE, "--baseline", tmp_path / "normal")
    assert expected.count(b"\n") > 20
    (part,) = read_published("s3://lake/normal/").parts
    for baseline in ("s3://lake/normal/", "s3a://lake/normal", f"s3://lake/normal/{part.name}"):
        assert result("jobs.anomalies", SAMPLE, "--baseline", baseline) == expected
    done = run("jobs.anomalies", SAMPLE, "--baseline", "s3://lake/nothing/")
    assert (done.returncode, done.stderr.decode()) == (
        3,
        "error: s3://lake/nothing/: nothing is published there; check the name\n",
    )
