"""Running a plan on a cluster of Amazon EMR that is started for it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any

from jobs.emr import batches, cluster, nodes, outlook, rates, telling
from jobs.emr.outlook import Outlook
from jobs.emr.prices import PriceTable
from jobs.emr.work import Work
from jobs.engine.approval import goes_on
from jobs.engine.leaving import may_be_left
from jobs.engine.left import Left, named, position
from jobs.engine.on_emr import OnEmr, base_of, tags
from jobs.engine.options import Settings
from jobs.engine.plan import Plan
from jobs.engine.report import Report
from jobs.engine.run import Run
from jobs.engine.spending import spending
from jobs.errors import AwayError, InputError, UsageError

_ROLES = ("master", "core", "task")
_NOT_PLANNED = (
    "instance_fleets",
    "instance_groups",
    "instance_type",
    "num_core_instances",
    "num_task_instances",
    *(f"{role}_instance_{what}" for role in _ROLES for what in ("type", "bid_price")),
)
"""mrjob's options by which it would take other nodes than the planned ones."""


class EmrEngine(OnEmr[Outlook]):
    """`-r emr`."""

    _seconds = _start_seconds = 0.0  # of all jobs of the run
    _begun, _passes = 0.0, 0  # when the last of them did, in seconds since 1970; how many did
    _clusters: tuple[str, ...] = ()  # that were started for the run
    _client: Any = None  # of EMR, which knows them
    _table: PriceTable | None = None
    _held: IO[str] | None = None  # while that is ours to receive
    _given_all: tuple[Any, Left] | None = None  # mrjob's runner of a run that has, and what its result is received with

    def check(self, settings: Settings) -> None:
        super().check(settings)
        for where in filter(None, map(self.where_given, _NOT_PLANNED)):
            what = "would make another cluster than the plan, whose price is asked about"
            fix = "leave it out; --max-nodes and --architecture choose among what is planned"
            raise UsageError(what, where=where, fix=fix)
        self._check_waiting()

    def _check_waiting(self) -> None:
        """Refuse how long a cluster may wait, and how many steps may run at once, where EMR or a run cannot have it."""
        (least, most), minutes = cluster.IDLE_MINUTES, self.option("max_mins_idle")
        if minutes is not None and not least <= minutes <= most:
            what = f"EMR ends a cluster that waits after {least} to {most:,} minutes"
            raise UsageError(what, where=self.where_given("max_mins_idle"), fix="give as many")
        is_shared = self.option("pool_clusters") or self.option("cluster_id")
        if (self.option("max_concurrent_steps") or 1) > 1 and not is_shared:
            what = "is for a cluster that several runs share, as each step of a run waits for the one before it"
            fix = "add --pool-clusters, or leave it out"
            raise UsageError(what, where=self.where_given("max_concurrent_steps"), fix=fix)

    def plan_for(self, work: Work) -> Outlook:
        """The cluster that a run wants, its time and price."""
        allowed = spending(self._job.options)
        return outlook.outlook(
            work,
            self._prices(work),
            rates.load(self._earlier(work.job), self.twin),
            region=self.region,
            architecture=allowed.architecture,
            max_nodes=allowed.max_nodes,
        )

    def _lines(self, planned: Outlook) -> Iterable[str]:
        yield from telling.lines(planned)
        if self.option("pool_clusters"):
            yield "pool      a cluster that waits is joined instead, where it has what this plan wants: without a start"

    def together(self, outlooks: Sequence[Outlook]) -> tuple[Outlook, tuple[Outlook, ...]]:
        """One cluster for several jobs, one after the other, and each job's part of it."""
        largest = max(outlooks, key=lambda each: each.memory_mb)  # of whose types it is
        return batches.together(outlooks, self._prices(largest.work), rates.load())

    def execute(self, run: Run, plan: Plan, scratch: Path) -> Report:
        begun, report = time.monotonic(), None
        self._begun, self._passes = time.time(), self._passes + 1
        try:
            report = super().execute(run, plan, scratch)
            return report
        finally:
            self._seconds += self._took(time.monotonic() - begun)
            if report is None and self.spends and self._given_all is None:
                self.told(run.id, run.job, _started(run), self._seconds, self._start_seconds, 0, failed=True)

    def _took(self, here: float) -> float:
        """Seconds of a job. here: that we were with it."""
        return here

    @contextmanager
    def attended(self, runner: Any, run: Run, plan: Plan) -> Iterator[None]:
        with may_be_left(runner, self.region, partial(self._leave, runner, run, plan), self._bound()):
            yield
        if self._bound() is None:
            left = self._record(runner, run, plan)
            with suppress(OSError):  # a result that cannot be received later is to come out now or never
                self._held = left.save()
                self._stay(runner, left)

    def _stay(self, runner: Any, left: Left) -> None:
        """Have a run that has given all stay, here and in S3, until its result is out."""
        runner.stays, self._given_all = True, (runner, left)

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """Whatever keeps us from the result of a run that has given all leaves it for another time, but what asking
        again would be told again."""
        try:
            yield
            sys.stdout.flush()  # for what is printed is out only then
        except BaseException as error:
            if self._given_all is not None:
                if isinstance(error, InputError) and not isinstance(error, AwayError):
                    self._forget(*self._given_all)
                else:
                    cluster = self._given_all[1].position["_cluster_id"]
                    goes_on(cluster, self.region, publishes=False, over=True)
            raise
        else:
            if self._given_all is not None:
                self._forget(*self._given_all)
        finally:
            if self._held is not None:
                self._held.close()

    def _forget(self, runner: Any, left: Left) -> None:
        """Remove what there is of a run that has given all: its record first, for what is staged expires."""
        left.forget()
        runner.staged.close()

    def _bound(self) -> str | None:
        """Why a cluster cannot go on without us; None where it can."""
        if self.batch:
            return "it is shared by several jobs"
        if self.planned is not None and self._passes < self.planned.work.passes:
            return "the run after this one needs its result"
        return None if named(type(self._job)) else "its job is in no module, where it would be found again"

    def _leave(self, runner: Any, run: Run, plan: Plan) -> None:
        self._record(runner, run, plan).save().close()
        self.spends = False  # what it took is kept when its result is received

    def _record(self, runner: Any, run: Run, plan: Plan) -> Left:
        """What its result is received with."""
        assert self.planned is not None
        return Left(
            named(type(self._job)),
            self._job.command_line,
            tuple(sys.orig_argv),
            str(Path.cwd()),
            position(runner),
            self._begun,
            self._seconds,
            self._start_seconds,
            self._clusters,
            self.planned,
            run,
            plan,
        )

    def _jobconf(self, run: Run, plan: Plan) -> dict[str, Any]:
        from jobs.engine.hadoop import jobconf

        assert self.planned is not None
        return jobconf(run, plan, self.planned.slots)

    def _given(self, run: Run) -> dict[str, Any]:
        return self.given(run.id, run.job, run.settings)

    def given(self, run: str, job: str, settings: Settings) -> dict[str, Any]:
        """What a runner is given beside mrjob's options: the cluster, the suite's folder, what the cluster is for."""
        return {"planned": self.planned, "base": base_of(settings), "tags": tags(run, job, settings.inputs[0])}

    def ended(self, runner: Any) -> None:
        if runner.has_own_cluster:
            self.spends = True
            self._start_seconds += runner.states.start_seconds
            self._clusters += (runner.get_cluster_id(),)
            self._client = runner.make_emr_client()

    def account(self, run: Run, report: Report) -> telling.Account | None:
        return self.told(run.id, run.job, _started(run), self._seconds, self._start_seconds, report.size)

    def told(
        self,
        run: str,
        job: str,
        started: datetime,
        seconds: float,
        start_seconds: float,
        size: int,
        *,
        failed: bool = False,
    ) -> telling.Account | None:
        """What a run took beside what was planned, which is kept for the next plan. size: bytes of input that it has
        read; failed: whether it came to nothing."""
        if self.planned is None:
            return None
        roles = [fleet.role for fleet in self.planned.fleets]
        had = nodes.stays(self._client, self._clusters, roles) if self._clusters else None
        spent = nodes.spent(self.planned, self._prices(self.planned.work), seconds, had)
        return self.keep(run, job, started, telling.Actual(seconds, start_seconds, size, spent), failed=failed)

    def _slots(self, planned: Outlook) -> int:
        """Of a cluster that somebody else has started nobody here knows how large it is."""
        is_planned = self.batch or not self.where_given("cluster_id")
        return super()._slots(planned) if is_planned else 0

    def _prices(self, work: Work) -> PriceTable:
        if self._table is None:
            names = outlook.types(spending(self._job.options).architecture, readings=work.readings)
            self._table = self.current_prices(names)
        return self._table


def _started(run: Run) -> datetime:
    return datetime.fromtimestamp(run.started / 1e6, UTC)
