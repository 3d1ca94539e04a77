"""Running a plan on Amazon EMR: what it will cost is told and asked about first, and what it took is kept."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from jobs.emr import history, outlook, price_list, prices, rates, telling
from jobs.emr.outlook import Outlook
from jobs.emr.prices import PriceTable
from jobs.emr.work import Work
from jobs.engine.approval import approve, limit
from jobs.engine.cache import cache_folder
from jobs.engine.mrjob_engine import MrjobEngine
from jobs.engine.options import Settings
from jobs.engine.plan import Plan
from jobs.engine.report import Report
from jobs.engine.run import Run
from jobs.engine.spending import spending
from jobs.errors import UsageError


class EmrEngine(MrjobEngine):
    """`-r emr`."""

    planned: Outlook | None = None
    """What was approved: the cluster to start."""

    _seconds = _start_seconds = 0.0  # of all jobs of the run
    _table: PriceTable | None = None

    def check(self, settings: Settings) -> None:
        super().check(settings)
        for given in settings.inputs:
            if not given.startswith("s3://"):
                raise UsageError(
                    "EMR's nodes read S3 only", where=given, fix=f"copy it there: aws s3 cp --recursive {given} s3://…"
                )

    @cached_property
    def region(self) -> str:
        """The region of the cluster: mrjob's --region, else that of the environment or the AWS profile."""
        found = self._job.options.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if not found:
            import boto3

            found = boto3.session.Session().region_name
        if not found:
            raise UsageError("no AWS region is set", where="-r emr", fix="set AWS_REGION, or add --region")
        return str(found)

    def plan_for(self, work: Work) -> Outlook:
        """The cluster that a run wants, its time and price."""
        kept = rates.load(history.read(_folder()))
        most = spending(self._job.options).max_nodes
        return outlook.outlook(work, self._prices(work), kept, region=self.region, max_nodes=most)

    def outlook(self, work: Work) -> Iterable[str]:
        found = self.plan_for(work)
        yield from telling.lines(found)
        limit(spending(self._job.options), found)

    def confirm(self, work: Work) -> None:
        found = self.plan_for(work)
        approve(spending(self._job.options), found, list(telling.lines(found)))
        self.planned = found

    def execute(self, run: Run, plan: Plan, scratch: Path) -> Report:
        begun = time.monotonic()
        report = super().execute(run, plan, scratch)
        self._seconds += time.monotonic() - begun
        return report

    def _ended(self, runner: Any) -> None:
        """A runner says in `start_seconds` how long it was until the cluster took the job's first step."""
        self._start_seconds += getattr(runner, "start_seconds", 0.0)

    def account(self, run: Run, report: Report) -> Iterable[str]:
        planned = self.planned
        if planned is None:
            return
        spent = outlook.spent(planned, self._prices(planned.work), self._seconds)
        took = telling.Actual(self._seconds, self._start_seconds, report.size, spent)
        with suppress(OSError):  # the run is done, and the next plan does without
            history.append(_folder(), _entry(run, planned, took))
        yield from telling.compared(planned, took)

    def _prices(self, work: Work) -> PriceTable:
        if self._table is None:
            table = prices.load(spending(self._job.options).price_table)
            names = outlook.types(None, ordered=work.ordered)
            self._table = price_list.current(table, self.region, names, _folder())
        return self._table


def _folder() -> Path:
    return cache_folder() / "emr"


def _entry(run: Run, planned: Outlook, took: telling.Actual) -> history.Entry:
    return history.Entry(
        run=run.id,
        job=run.job,
        started=datetime.fromtimestamp(run.started / 1e6, UTC).isoformat(timespec="seconds"),
        planned_seconds=planned.seconds,
        planned_dollars=planned.dollars,
        planned_bytes=planned.work.bytes,
        seconds=took.seconds,
        start_seconds=took.start_seconds,
        bytes=took.bytes * planned.work.passes,
        dollars=took.dollars,
        slots=min(planned.slots, planned.map_tasks),
    )
