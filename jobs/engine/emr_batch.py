"""Several jobs on one cluster of Amazon EMR, one after the other: planned together, asked about once."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jobs.emr import cluster, telling
from jobs.emr.outlook import Outlook
from jobs.emr.work import Work
from jobs.engine.approval import approve, limit
from jobs.engine.checks import check, check_plan, timed_by
from jobs.engine.command import run_command
from jobs.engine.driver import make_plan, work
from jobs.engine.emr_engine import EmrEngine
from jobs.engine.job import SensorJob
from jobs.engine.mrjob_engine import explained, set_up_logging
from jobs.engine.report import Report
from jobs.engine.run import Run
from jobs.engine.run_id import new_run_id
from jobs.engine.scratch import scratch
from jobs.engine.settings import settings
from jobs.engine.spending import spending
from jobs.errors import JobError, UsageError

NAME = cluster.BATCH


class _Shared(EmrEngine):
    """A job's part of a batch, whose cluster was asked for before it runs. first: who did, and knows its prices."""

    def __init__(self, job: SensorJob, planned: Outlook, batch: str, first: EmrEngine) -> None:
        super().__init__(job)
        self.planned, self.batch = planned, batch
        self._table = first._table
        self.began = 0.0  # seconds from the request for the cluster to the first step

    def run_on(self, cluster: str) -> int:
        """The exit status, after the error is told."""
        print(f"{self._job.NAME}:", file=sys.stderr)
        self._job.options.cluster_id = cluster
        try:
            return run_command(type(self._job), self._job.options, self)
        except JobError as error:
            print(f"error: {error}", file=sys.stderr)
            return error.status

    def confirm(self, work: Work) -> None:
        """The batch was asked about."""

    def ended(self, runner: Any) -> None:
        self.began = self.began or runner.states.start_seconds
        if runner.states.began is not None:  # until then the first job waits for the cluster, which is the batch's time
            self._seconds -= max(0.0, runner.states.began.timestamp() - self._begun)

    def account(self, run: Run, report: Report) -> None:
        """The batch's comes at its end; the job's is kept for its next plan."""
        super().account(run, report)


def run(jobs: Sequence[type[SensorJob]], arguments: Sequence[str]) -> int:
    """Run jobs with the same inputs and options; each publishes in a folder of its name below --output-dir.

    The exit status is that of the first job that fails, after which the others run. Raises JobError where none can.
    """
    made = [job(args=["-r", "emr", *arguments]) for job in jobs]
    set_up_logging(made[0].options)
    if not (base := made[0].options.output_dir):
        raise UsageError("says where results go, each job's in a folder of its name", where="--output-dir")
    for one in made:
        one.options.output_dir = f"{base.rstrip('/')}/{one.NAME}"
    first = EmrEngine(made[0])
    if where := first.where_given("cluster_id"):
        fix = "leave it out, or run each job there with -r emr --cluster-id"
        raise UsageError("several jobs share a cluster that is started for them", where=where, fix=fix)
    if first.option("pool_clusters"):
        what = "the cluster is for these jobs, and ends with them"
        where = "--pool-clusters" if made[0].options.pool_clusters else first.where_given("pool_clusters")
        raise UsageError(what, where=where, fix="add --no-pool-clusters")
    allowed = spending(made[0].options)
    planned, each = first.together([_planned(job, EmrEngine(job)) for job in made])
    lines = list(telling.lines(planned))
    if made[0].options.dry_run:
        print(*lines, sep="\n")
        limit(allowed, planned)
        return 0
    chosen = settings(made[0].options, made[0].OPTIONS)
    first.check(chosen)
    first.planned = planned
    approve(allowed, planned, lines)
    begun, started = time.monotonic(), datetime.now(UTC)
    run_id = new_run_id(NAME, started)
    status, start_seconds, failed = 0, 0.0, True
    try:
        with scratch(run_id, made[0].options.local_tmp_dir) as folder:
            starter = type(made[0])(args=["-r", "emr", *arguments])
            parts = [_Shared(job, one, run_id, first) for job, one in zip(made, each, strict=True)]
            ended, start_seconds = _follow(starter, first, parts, first.given(run_id, NAME, chosen), folder)
            status, failed = next(filter(None, ended), 0), all(ended)
    finally:
        if first.spends:
            took, size = time.monotonic() - begun, 0 if failed else planned.work.bytes
            account = first.told(run_id, NAME, started, took, start_seconds, size, failed=failed)
            if account is not None and not made[0].options.quiet:
                print(*account.lines, sep="\n", file=sys.stderr)
    return status


def _planned(job: SensorJob, engine: EmrEngine) -> Outlook:
    """What one job wants. Raises JobError for whatever the job, on its turn, would refuse."""
    kind, chosen = type(job), settings(job.options, job.OPTIONS)
    plan, dialects = make_plan(chosen, engine)
    engine.check_buckets()
    if not chosen.dry_run:
        kind.printer(chosen)
        timed_by(kind, chosen, engine.name)
        check(kind, chosen, new_run_id(job.NAME))
        check_plan(kind, chosen, plan, dialects)
    return engine.plan_for(work(kind, chosen, plan))


def _follow(
    starter: SensorJob, first: EmrEngine, parts: Sequence[_Shared], own: Mapping[str, Any], folder: Path
) -> tuple[list[int], float]:
    """Start the cluster, run the jobs, end it; the status of each, and seconds until the first began."""
    plan, run_file = folder / "plan", folder / "run.json"  # mrjob wants an input
    plan.touch()
    run_file.touch()
    starter.prepare("emr", str(plan), str(run_file), str(folder), 1, 1, {}, own)
    try:
        with starter.make_runner() as runner:
            try:
                cluster = runner.make_persistent_cluster()
                ended = [part.run_on(cluster) for part in parts]
            finally:
                first.ended(runner)
    except Exception as error:
        if (told := explained(error, "emr")) is None:
            raise
        raise told from error
    return ended, next((part.began for part in parts if part.began), 0.0)
