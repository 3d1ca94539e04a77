"""What engines on Amazon EMR share: what a run will cost is told and asked about first, and what it took is kept."""

from __future__ import annotations

import re
import shlex
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

from jobs.emr import aws, cluster, history, price_list, prices, shared_history, telling
from jobs.emr.planned import Planned
from jobs.emr.prices import PriceTable
from jobs.emr.work import Work
from jobs.engine.approval import approve, limit
from jobs.engine.cache import cache_folder
from jobs.engine.mrjob_engine import MrjobEngine, conf_paths, explained
from jobs.engine.options import Settings
from jobs.engine.spending import spending
from jobs.errors import UsageError
from jobs.lake.s3_client import split_uri

P = TypeVar("P", bound=Planned)


class OnEmr(MrjobEngine, ABC, Generic[P]):
    """An engine that spends money, as its plan said."""

    planned: P | None = None
    """What was approved."""
    batch = ""
    """The run whose cluster this one shares."""
    twin = ""
    """Where the job's Spark twin runs, if it is that which does."""
    spends = False
    """Whether something was started."""
    _settings: Settings | None = None  # once they are checked

    @abstractmethod
    def plan_for(self, work: Work) -> P:
        """What a run wants, its time and price."""

    @abstractmethod
    def _lines(self, planned: P) -> Iterable[str]:
        """A plan for people."""

    def check(self, settings: Settings) -> None:
        super().check(settings)
        for given in settings.inputs:
            if not given.startswith("s3://"):
                raise UsageError("EMR's nodes read S3 only", where=given, fix=f"copy it there: {_copying(given)}")
        self._settings = settings

    @cached_property
    def region(self) -> str:
        """The region to work in: mrjob's --region, else that of mrjob.conf, the environment or the AWS profile."""
        return aws.region(self._job.options.region or self.configured("emr", "region"))

    def configured(self, runner: str, name: str) -> Any:
        """What mrjob.conf says of an option of a runner."""
        return next(filter(None, [opts.get(name) for opts in self._configurations(runner)]), None)

    def option(self, name: str) -> Any:
        """An option of mrjob's for EMR, from the command line or mrjob.conf; None where it is not given."""
        given = getattr(self._job.options, name, None)
        return self.configured("emr", name) if given is None else given

    def where_given(self, name: str) -> str:
        """Where an option of mrjob's for EMR is given, as an error names it; empty where it is not."""
        if getattr(self._job.options, name, None) is not None:
            return f"--{name.replace('_', '-')}"
        return f"{name} in mrjob.conf" if self.configured("emr", name) else ""

    def _configurations(self, runner: str) -> list[dict[str, Any]]:
        """mrjob.conf and those that it includes, the one that stands above the others first."""
        from mrjob.conf import load_opts_from_mrjob_confs

        try:
            paths = conf_paths(self._job.options.conf_paths, runner)
            return [opts for _, opts in reversed(load_opts_from_mrjob_confs(runner, paths))]
        except Exception as error:
            if (told := explained(error, "emr")) is None:
                raise
            raise told from None

    def outlook(self, work: Work) -> Iterable[str]:
        found = self.plan_for(work)
        yield from self._lines(found)
        limit(spending(self._job.options), found)

    def _earlier(self, job: str) -> tuple[history.Entry, ...]:
        """Runs from here, and those of the job that the lake has, which may be of other machines; oldest first."""
        found = list(history.read(kept()))
        if self._settings is not None:
            with _unless_refused():
                found += shared_history.read(base_of(self._settings), history.named(job, self.twin))
        return tuple(sorted(history.once(found), key=lambda entry: entry.started))

    def current_prices(self, types: Iterable[str]) -> PriceTable:
        """Those of the region and of these instance types there."""
        return price_list.current(prices.load(spending(self._job.options).price_table), self.region, types, kept())

    def confirm(self, work: Work) -> None:
        found = self.plan_for(work)
        self.check_buckets()
        approve(spending(self._job.options), found, list(self._lines(found)))
        self.planned = found

    def check_buckets(self) -> None:
        """Refuse those that are missing or in another region, from which every byte read costs."""
        assert self._settings is not None
        staging = bucket_of(self._settings)
        aws.check_bucket(staging, self.region)
        for bucket in sorted({split_uri(uri)[0] for uri in self._settings.inputs} - {staging}):
            aws.check_bucket(bucket, self.region, is_listed=True)

    def keep(
        self, run: str, job: str, started: datetime, took: telling.Actual, *, failed: bool = False
    ) -> telling.Account:
        """What a run took beside what was planned, which is kept for the next plan. failed: whether it came to
        nothing, where it cost something all the same."""
        planned = self.planned
        assert planned is not None
        entry = history.Entry(
            run=run,
            job=history.named(job, self.twin),
            started=started.isoformat(timespec="seconds"),
            planned_seconds=planned.seconds,
            planned_dollars=planned.dollars,
            planned_bytes=planned.work.bytes,
            seconds=took.seconds,
            start_seconds=took.start_seconds,
            bytes=took.bytes * planned.work.passes,
            dollars=took.dollars,
            slots=self._slots(planned),
            batch=self.batch,
            failed=failed,
        )
        with suppress(OSError):  # the run is done, and the next plan does without
            history.append(kept(), entry)
        if self._settings is not None:
            with _unless_refused():
                shared_history.put(base_of(self._settings), entry)
        return telling.Account(tuple(telling.compared(planned, took)), planned.dollars[1], took.dollars)

    def _slots(self, planned: P) -> int:
        """How many tasks were at work at once; 0 where that is not known."""
        return min(planned.slots, planned.map_tasks)


@contextmanager
def _unless_refused() -> Iterator[None]:
    """What is kept in the lake makes plans better, and nothing fails for want of it."""
    from botocore.exceptions import BotoCoreError, ClientError

    with suppress(BotoCoreError, ClientError):
        yield


def _copying(given: str) -> str:
    """The command that copies an input to S3."""
    if "://" in given:
        return f"hadoop distcp {shlex.quote(given)} s3a://…"
    return f"aws s3 cp {'--recursive ' if Path(given).is_dir() else ''}{shlex.quote(given)} s3://…"


def bucket_of(settings: Settings) -> str:
    """Where a run is staged: the bucket of the output, else of the first input."""
    published = [uri for uri in [settings.output_dir] if uri and uri.startswith("s3://")]
    return split_uri([*published, *settings.inputs][0])[0]


def base_of(settings: Settings) -> str:
    """The suite's folder in that bucket, with a slash at its end."""
    return f"s3://{bucket_of(settings)}/{cluster.FOLDER}/"


def tags(run: str, job: str, first: str) -> dict[str, str]:
    """What bills and people may want to know of what runs; the partition where the first input names one."""
    day = re.search(r"/(dt=[\w-]+)", first)
    return {cluster.JOB: job, "run": run, **({"partition": day[1]} if day else {})}


def kept() -> Path:
    """Where runs and prices are kept."""
    return cache_folder() / "emr"
