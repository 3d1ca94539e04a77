"""Nothing is spent unasked: limits, the question on a terminal, refusals, and the account after the run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jobs import api
from jobs.daily_stats import DailyStats
from jobs.emr import history, telling
from jobs.emr.work import Work
from jobs.engine.driver import drive
from jobs.engine.emr_engine import EmrEngine
from jobs.engine.on_emr import OnEmr
from jobs.engine.plan import Plan
from jobs.engine.report import Report
from jobs.engine.run import Run
from jobs.engine.settings import settings
from jobs.engine.shuffle import Carrier
from jobs.engine.spark_on_cluster import OnCluster
from jobs.engine.spark_on_serverless import OnServerless
from jobs.errors import JobError
from jobs.histogram import Histogram
from tests.outcomes.commands import told
from tests.terminals import terminal

LAKE = "s3://lake/readings/"
WRONG = {
    ("log.csv", "--yes"): "--yes: is for Amazon EMR; add -r emr, or leave it out",
    ("log.csv", "-r", "local", "--max-cost", "1"): "--max-cost: is for Amazon EMR; add -r emr, or leave it out",
    ("log.csv", "--price-table", "x"): "--price-table: is for Amazon EMR; add -r emr, or leave it out",
    ("log.csv", "-r", "emr"): ("log.csv: EMR's nodes read S3 only; copy it there: aws s3 cp log.csv s3://…"),
    ("-", "-r", "emr"): (
        "-r emr -: standard input cannot be read by a cluster's tasks; copy it where they can read it, for instance:"
        " aws s3 cp - s3://BUCKET/KEY or hadoop fs -put - hdfs:///KEY"
    ),
    (LAKE, "-r", "emr", "--yes", "--max-cost", "cheap"): (
        "--max-cost: 'cheap' is no sum of money; write it in USD, such as 12.50"
    ),
    (LAKE, "-r", "emr", "--max-cost", "nan"): "--max-cost: 'nan' is no sum of money; write it in USD, such as 12.50",
    (LAKE, "-r", "emr", "--max-nodes", "0"): "--max-nodes: '0' is no whole number from 1 to 1000",
    (LAKE, "-r", "emr", "--architecture", "arm"): (
        "--architecture: 'arm' is no processor of nodes; choose from aarch64, x86_64"
    ),
    ("log.csv", "--architecture", "x86_64"): "--architecture: is for Amazon EMR; add -r emr, or leave it out",
    (LAKE, "-r", "emr"): (
        "-r emr: starts a cluster, for $0.03 to $0.07, and there is no terminal to ask on; say --yes, and --max-cost"
        " for a limit; --dry-run shows the plan"
    ),
    (LAKE, "-r", "emr", "--dry-run", "--region", "mars-1"): (
        "region mars-1: no prices are known there; the suite's own are for us-east-1, us-west-2, eu-central-1; let AWS"
        " be asked (pricing:GetProducts), or add [regions.mars-1] in a --price-table"
    ),
}


@pytest.mark.s3
@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_wrong_usage_is_told(folder: Path, arguments: tuple[str, ...]) -> None:
    outcome = told(folder, *arguments)
    assert (outcome.status, outcome.errors) == (2, f"error: {WRONG[arguments]}\n")


@pytest.mark.s3
@pytest.mark.parametrize("flag", ["--yes", "--dry-run"])
def test_a_run_over_the_limit_is_refused(folder: Path, flag: str) -> None:
    outcome = told(folder, LAKE, "-r", "emr", flag, "--max-cost", "0.05")
    refusal = "may cost up to $0.07, more than --max-cost 0.05 allows; raise it, or read less with --from and --to"
    assert (outcome.status, outcome.errors) == (5, f"error: -r emr: {refusal}\n")
    assert ("price     $0.03 to $0.07" in outcome.output) is (flag == "--dry-run")


@pytest.mark.s3
def test_a_limit_is_held_against_what_a_plan_shows(folder: Path) -> None:
    outcome = told(folder, LAKE, "-r", "emr", "--dry-run", "--max-cost", "0.07")
    assert "price     $0.03 to $0.07" in outcome.output
    assert (outcome.status, outcome.errors) == (0, "")


@pytest.mark.s3
def test_a_users_prices_are_reckoned_with(folder: Path) -> None:
    own = folder / "own.toml"
    own.write_text("[regions.us-east-1.vcpu_hour]\nm7g = 4\nc7g = 4\nm6g = 4\nc6g = 4\n")
    outcome = told(folder, LAKE, "-r", "emr", "--dry-run", "--price-table", "own.toml")
    assert outcome.status == 0
    assert "price     $2.79 to $5.57" in outcome.output
    assert "  prices    AWS's list prices, 2026-01-19, with own.toml; " in outcome.output


@pytest.mark.s3
@pytest.mark.parametrize("answer", [b"n\n", b"\n", b"\x04"])
def test_a_terminal_is_asked_and_its_no_counts(folder: Path, answer: bytes) -> None:
    with terminal(folder, LAKE, "-r", "emr") as on:
        on.until(rb"\[y/N\] ")
        on.answer(answer)
        assert on.status() == 5
    shown = on.shown.decode().replace("\r\n", "\n")
    assert shown.startswith("cluster   emr-")
    assert "start it, for $0.03 to $0.07 and 5 min to 10 min? [y/N] " in shown
    assert shown.endswith("error: -r emr: not started; nothing was spent\n")


class Rehearsed(EmrEngine):
    """Plans for EMR, and runs its jobs here."""

    @property
    def carrier(self) -> Carrier:
        return "reference"

    def _jobconf(self, run: Run, plan: Plan) -> dict[str, Any]:
        return {}

    def _given(self, run: Run) -> dict[str, Any]:
        return {}

    def _bound(self) -> str:
        return "it runs here"

    def ended(self, runner: Any) -> None:
        self._start_seconds += 0.001

    def execute(self, run: Run, plan: Plan, scratch: Path) -> Report:
        self.runner = "inline"
        return super().execute(run, plan, scratch)


def _rehearse(job: type[DailyStats] | type[Histogram], *options: str) -> tuple[pa.Table, tuple[str, ...]]:
    instance = job(args=["-r", "emr", "--yes", *options, LAKE])
    tables: list[pa.Table] = []

    def emit(schema: pa.Schema, found: Iterable[pa.Table]) -> None:
        tables.extend(found)

    outcome = drive(job, settings(instance.options, job.OPTIONS, printed=True), Rehearsed(instance), emit)
    assert outcome.account is not None
    assert 0 < outcome.account.spent < outcome.account.planned
    return pa.concat_tables(tables), outcome.account.lines


@pytest.mark.s3
def test_planned_and_actual_are_told_and_kept(folder: Path) -> None:
    table, account = _rehearse(DailyStats)
    assert table.equals(api.run("daily_stats", [folder / "log.csv"]))
    assert [line.split()[:1] for line in account] == [["planned"], ["time"], ["cluster's"], ["bytes"], ["price"]]
    assert account[1].startswith("time              5 min to 10 min")
    size = (folder / "log.csv").stat().st_size
    [kept] = history.read(folder / "cache" / "sensor-jobs" / "emr")
    assert (kept.job, kept.planned_bytes, kept.bytes, kept.slots) == ("daily_stats", size, size, 1)
    assert 0 < kept.seconds < 60
    assert kept.planned_seconds[0] > 300
    # the next plan goes by it, on another machine too
    seen = "MB/s a task: its last run on EMR"
    assert seen in told(folder, LAKE, "-r", "emr", "--dry-run").output
    elsewhere = {"XDG_CACHE_HOME": str(folder / "elsewhere")}
    assert seen in told(folder, LAKE, "-r", "emr", "--dry-run", env=elsewhere).output


@pytest.mark.s3
def test_a_plan_for_a_pool_says_that_one_may_be_joined(folder: Path) -> None:
    said = "\npool      a cluster that waits is joined instead"
    assert said in told(folder, LAKE, "-r", "emr", "--dry-run", "--pool-clusters").output
    assert said not in told(folder, LAKE, "-r", "emr", "--dry-run").output


@pytest.mark.s3
def test_a_cluster_that_was_not_planned_is_no_measure(folder: Path) -> None:
    _rehearse(DailyStats, "--cluster-id", "j-1")
    [kept] = history.read(folder / "cache" / "sensor-jobs" / "emr")
    assert (kept.slots, kept.slot_mb_s) == (0, 0.0)


@pytest.mark.s3
def test_job_and_twins_go_each_by_its_own_runs(folder: Path) -> None:
    """At first by benchmarks, of Spark where it is a twin; then by what was kept of runs in the same place."""
    engines: list[OnEmr[Any]] = [
        EmrEngine(DailyStats(args=["-r", "emr", LAKE])),
        OnCluster(DailyStats, [LAKE]).engine,
        OnServerless(DailyStats, [LAKE], None).engine,
    ]
    size = 10**12
    work = Work("daily_stats", 1000, size, 15_000, largest=64 << 20)
    spark = "MB/s a core on Spark: docs/compare.md, "
    hadoop = "MB/s a core, 1.4 times slower on Hadoop: benchmark hdfs100m-daily_stats/"
    plans = [engine.plan_for(work) for engine in engines]
    for plan, source in zip(plans, (hadoop, spark, spark), strict=True):
        assert source in plan.sources[0]
    assert plans[0].slots < plans[1].slots
    for engine, plan, seconds in zip(engines, plans, (1000.0, 20_000.0, 40_000.0), strict=True):
        assert engine.plan_for(work) == plan  # others' runs change nothing
        engine.planned = plan
        engine.keep("r", "daily_stats", datetime.now(UTC), telling.Actual(seconds + 300, 300, size, 1.0))
        rate = size / 1e6 / seconds / plan.slots
        whose = "its" if engine is engines[0] else "its twin's"
        where = "EMR Serverless" if engine is engines[2] else "EMR"
        again = engine.plan_for(work)
        assert again.sources[0] == f"rate      {rate:.3g} MB/s a task: {whose} last run on {where}"
        assert again.parts[1] == ("tasks", pytest.approx(size / 1e6 / rate / again.slots))


class Lost(Rehearsed):
    """Has started something when it fails."""

    spends = True

    def _jobconf(self, run: Run, plan: Plan) -> dict[str, Any]:
        raise JobError("lost")


@pytest.mark.s3
def test_what_a_run_that_failed_took_is_kept_and_no_measure(folder: Path) -> None:
    instance = DailyStats(args=["-r", "emr", "--yes", LAKE])
    with pytest.raises(JobError):
        drive(
            DailyStats,
            settings(instance.options, DailyStats.OPTIONS, printed=True),
            Lost(instance),
            lambda schema, found: None,
        )
    [kept] = history.read(folder / "cache" / "sensor-jobs" / "emr")
    assert (kept.job, kept.failed, kept.slot_mb_s) == ("daily_stats", True, 0.0)
    assert 0 < kept.dollars < kept.planned_dollars[1]


@pytest.mark.s3
def test_a_survey_reads_the_input_once_more(folder: Path) -> None:
    _rehearse(Histogram, "--bins", "4")
    [kept] = history.read(folder / "cache" / "sensor-jobs" / "emr")
    assert kept.bytes == 2 * (folder / "log.csv").stat().st_size


@pytest.mark.s3
def test_a_run_does_not_fail_for_want_of_a_place_to_keep_it(folder: Path) -> None:
    (folder / "cache" / "sensor-jobs").mkdir(parents=True)
    (folder / "cache" / "sensor-jobs" / "emr").write_text("no folder")
    table, account = _rehearse(DailyStats)
    assert (table.num_rows, len(account)) == (2, 5)
