"""Running a plan on Amazon EMR: what it will cost is told and asked about first, and what it took is kept."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from jobs.emr import aws, cluster, history, outlook, price_list, prices, rates, telling
from jobs.emr.outlook import Outlook
from jobs.emr.prices import PriceTable
from jobs.emr.work import Work
from jobs.engine.approval import approve, limit
from jobs.engine.cache import cache_folder
from jobs.engine.mrjob_engine import MrjobEngine, conf_paths
from jobs.engine.options import Settings
from jobs.engine.plan import Plan
from jobs.engine.report import Report
from jobs.engine.run import Run
from jobs.engine.spending import spending
from jobs.errors import UsageError
from jobs.lake.s3_client import split_uri


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
        self.bucket = _bucket(settings)

    @cached_property
    def region(self) -> str:
        """The region of the cluster: mrjob's --region, else that of mrjob.conf, the environment or the AWS profile."""
        return aws.region(self._job.options.region or self._configured("region"))

    def _configured(self, name: str) -> Any:
        """What mrjob.conf says of an option."""
        from mrjob.conf import load_opts_from_mrjob_confs

        paths = conf_paths(self._job.options.conf_paths, "emr")
        values = [opts.get(name) for _, opts in load_opts_from_mrjob_confs("emr", paths)]
        return next(filter(None, reversed(values)), None)

    def plan_for(self, work: Work) -> Outlook:
        """The cluster that a run wants, its time and price."""
        kept = rates.load(history.read(_folder()))
        allowed = spending(self._job.options)
        return outlook.outlook(
            work,
            self._prices(work),
            kept,
            region=self.region,
            architecture=allowed.architecture,
            max_nodes=allowed.max_nodes,
        )

    def together(self, outlooks: Sequence[Outlook]) -> Outlook:
        """One cluster for several jobs, one after the other."""
        return outlook.together(outlooks, self._prices(outlooks[0].work), rates.load())

    def outlook(self, work: Work) -> Iterable[str]:
        found = self.plan_for(work)
        yield from telling.lines(found)
        limit(spending(self._job.options), found)

    def confirm(self, work: Work) -> None:
        found = self.plan_for(work)
        aws.check_bucket(self.bucket, self.region)
        approve(spending(self._job.options), found, list(telling.lines(found)))
        self.planned = found

    def execute(self, run: Run, plan: Plan, scratch: Path) -> Report:
        begun = time.monotonic()
        report = super().execute(run, plan, scratch)
        self._seconds += time.monotonic() - begun
        return report

    def _jobconf(self, run: Run, plan: Plan) -> dict[str, Any]:
        from jobs.engine.hadoop import jobconf

        assert self.planned is not None
        return jobconf(run, plan, self.planned.slots)

    def _given(self, run: Run) -> dict[str, Any]:
        return self.given(run.id, run.job, run.settings)

    def given(self, run: str, job: str, settings: Settings) -> dict[str, Any]:
        """What a runner is given beside mrjob's options: the cluster, the suite's folder, what the cluster is for."""
        base = f"s3://{_bucket(settings)}/{cluster.FOLDER}/"
        return {"planned": self.planned, "base": base, "tags": _tags(run, job, settings.inputs[0])}

    def _ended(self, runner: Any) -> None:
        if runner.has_own_cluster:
            self._start_seconds += runner.start_seconds

    def account(self, run: Run, report: Report) -> telling.Account | None:
        started = datetime.fromtimestamp(run.started / 1e6, UTC)
        return self.told(run.id, run.job, started, self._seconds, self._start_seconds, report.size)

    def told(
        self, run: str, job: str, started: datetime, seconds: float, start_seconds: float, size: int
    ) -> telling.Account | None:
        """What a run took beside what was planned, which is kept for the next plan. size: bytes of input."""
        planned = self.planned
        if planned is None:
            return None
        spent = outlook.spent(planned, self._prices(planned.work), seconds)
        took = telling.Actual(seconds, start_seconds, size, spent)
        with suppress(OSError):  # the run is done, and the next plan does without
            history.append(_folder(), _entry(run, job, started, planned, took))
        return telling.Account(tuple(telling.compared(planned, took)), planned.dollars[1], spent)

    def _prices(self, work: Work) -> PriceTable:
        if self._table is None:
            table = prices.load(spending(self._job.options).price_table)
            names = outlook.types(spending(self._job.options).architecture, ordered=work.ordered)
            self._table = price_list.current(table, self.region, names, _folder())
        return self._table


def _bucket(settings: Settings) -> str:
    """Where a run is staged: the bucket of the output, else of the first input."""
    published = [uri for uri in [settings.output_dir] if uri and uri.startswith("s3://")]
    return split_uri([*published, *settings.inputs][0])[0]


def _tags(run: str, job: str, first: str) -> dict[str, str]:
    """What bills and people may want to know of a cluster; the partition where the first input names one."""
    day = re.search(r"/(dt=[\w-]+)", first)
    return {"job": job, "run": run, **({"partition": day[1]} if day else {})}


def _folder() -> Path:
    return cache_folder() / "emr"


def _entry(run: str, job: str, started: datetime, planned: Outlook, took: telling.Actual) -> history.Entry:
    return history.Entry(
        run=run,
        job=job,
        started=started.isoformat(timespec="seconds"),
        planned_seconds=planned.seconds,
        planned_dollars=planned.dollars,
        planned_bytes=planned.work.bytes,
        seconds=took.seconds,
        start_seconds=took.start_seconds,
        bytes=took.bytes * planned.work.passes,
        dollars=took.dollars,
        slots=min(planned.slots, planned.map_tasks),
    )
