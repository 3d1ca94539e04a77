"""Planning a Spark twin's run on EMR Serverless, and telling what it took."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from datetime import datetime
from functools import cached_property

from jobs.emr import history, rates, telling, workers
from jobs.emr.prices import PriceTable
from jobs.emr.serverless import Place
from jobs.emr.work import Work
from jobs.emr.workers import Used, Workers
from jobs.engine.on_emr import OnEmr, base_of
from jobs.engine.options import Settings
from jobs.engine.spending import spending
from jobs.errors import UsageError

SECTION = "serverless"
"""What mrjob.conf says of EMR Serverless stands below `runners` in a section of its own."""
_ROLE = re.compile(r"arn:[\w-]+:iam::\d{12}:role/.+")


class ServerlessEngine(OnEmr[Workers]):
    """`-r emr --serverless`, of a twin."""

    twin = history.SERVERLESS

    def plan_for(self, work: Work) -> Workers:
        """The workers that a run wants, its time and price."""
        allowed = spending(self._job.options)
        return workers.workers(
            work,
            self._prices,
            rates.load(self._earlier(work.job), self.twin),
            region=self.region,
            architecture=allowed.architecture,
            most=allowed.max_nodes,
        )

    def _lines(self, planned: Workers) -> Iterable[str]:
        return telling.lines_of_workers(planned)

    def place(self, settings: Settings, role: str | None) -> Place:
        """Where a run has its role, logs, network and image, as given or configured. Raises UsageError without a
        role."""
        logging.getLogger("mrjob.conf").setLevel(logging.ERROR)  # it warns of a section that is not there
        role = role or self.configured(SECTION, "execution_role")
        if role is None:
            fix = "give --execution-role ARN, or see: python -m scripts.infra conf"
            raise UsageError("wants a role that its runs have", where="--serverless", fix=fix)
        if not _ROLE.fullmatch(role):
            fix = "write it as arn:aws:iam::ACCOUNT:role/NAME"
            raise UsageError("is no ARN of a role", where=f"--execution-role {role}", fix=fix)
        logs = self.configured(SECTION, "cloud_log_dir") or f"{base_of(settings)}logs/"
        subnets, groups = (self.configured(SECTION, name) or () for name in ("subnets", "security_groups"))
        return Place(role, logs, subnets, groups, self.configured(SECTION, "image") or "")

    def told(
        self,
        run: str,
        job: str,
        started: datetime,
        seconds: float,
        start_seconds: float,
        size: int,
        used: Used,
        *,
        failed: bool = False,
    ) -> telling.Account:
        """What a run took beside what was planned, which is kept. size: bytes of input that it has read; failed:
        whether it came to nothing."""
        assert self.planned is not None
        spent = workers.spent(self.planned, self._prices, used)
        return self.keep(run, job, started, telling.Actual(seconds, start_seconds, size, spent), failed=failed)

    @cached_property
    def _prices(self) -> PriceTable:
        """Those of the plan, by which the run is reckoned too."""
        return self.current_prices(())
