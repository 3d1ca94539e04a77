"""A Spark twin on Amazon EMR: planned and approved here, where its driver runs there and publishes."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from jobs.emr.telling import Account
from jobs.engine.checks import check, check_plan
from jobs.engine.command import run_command
from jobs.engine.driver import make_plan, work
from jobs.engine.job import SensorJob
from jobs.engine.mrjob_engine import explained, set_up_logging
from jobs.engine.on_emr import OnEmr
from jobs.engine.options import Option, Settings, files
from jobs.engine.rerun import command
from jobs.engine.run_id import new_run_id
from jobs.engine.settings import settings
from jobs.engine.spending import FLAGS
from jobs.errors import JobError, UsageError

_START = {"runner", "conf", "spark_master", "deploy_mode", "serverless", "execution_role"}
_OWN = {*FLAGS, *_START, "help", "args", "dry_run"}
"""What a driver there is not told."""


class Submission(Protocol):
    """A twin on its way to EMR."""

    @property
    def options(self) -> argparse.Namespace: ...
    @property
    def engine(self) -> OnEmr[Any]:
        """Plans it, and has what it costs approved."""

    def check(self, chosen: Settings, known: Sequence[argparse.Action]) -> None:
        """Refuse options that mean nothing there. known: the twin's own."""

    def follow(
        self, run: str, chosen: Settings, arguments: Sequence[str], conf: Mapping[str, str]
    ) -> tuple[int, float]:
        """Run it to its end, and say here what its driver said; the driver's status, and seconds until it began."""

    def told(
        self, run: str, started: datetime, seconds: float, start_seconds: float, size: int, *, failed: bool
    ) -> Account | None:
        """What it took beside what was planned. size: bytes of input that it has read; failed: whether it came to
        nothing."""


def run(job: type[SensorJob], submission: Submission, known: Sequence[argparse.Action], conf: dict[str, str]) -> int:
    """Run a job's twin; its exit status. known: the twin's own options. conf: Spark's settings. Raises JobError."""
    options, engine = submission.options, submission.engine
    set_up_logging(options)
    chosen = settings(options, job.OPTIONS)
    submission.check(chosen, known)
    if chosen.dry_run:
        return run_command(job, options, engine)
    _refuse_what_stays_here(options, chosen, job.OPTIONS)
    plan, dialects = make_plan(chosen, engine)
    engine.check_buckets()
    check(job, chosen, new_run_id(job.NAME))  # as the driver will, when all is paid for
    check_plan(job, chosen, plan, dialects)
    engine.confirm(work(job, chosen, plan))
    begun, started = time.monotonic(), datetime.now(UTC)
    run_id = new_run_id(job.NAME, started)
    arguments = [job.NAME, *_spelled(known, options), *chosen.inputs]
    status, start_seconds = 1, 0.0
    try:
        status, start_seconds = submission.follow(run_id, chosen, arguments, conf)
        if status == JobError.status:  # of which the driver, whose words stand above, could not know
            print(f"run it again: {command()}", file=sys.stderr)
    except Exception as error:
        if (told := explained(error, "emr")) is None:
            raise
        raise told from error
    finally:
        if engine.spends:
            failed = status != 0
            size = 0 if failed else plan.size
            took = time.monotonic() - begun
            account = submission.told(run_id, started, took, start_seconds, size, failed=failed)
            if account is not None and not (failed or options.quiet):
                print(*account.lines, sep="\n", file=sys.stderr)
    return status


def _spelled(known: Sequence[argparse.Action], options: argparse.Namespace) -> Iterator[str]:
    """What of the twin's options is not as by default, as a command line."""
    for action in known:
        value = getattr(options, action.dest, None)
        if not action.option_strings or action.dest in _OWN or value in (None, action.default):
            continue
        flag = action.option_strings[0]
        if isinstance(value, bool):
            yield flag
        else:
            yield from (f"{flag}={one}" for one in (value if isinstance(value, list) else [value]))


def _refuse_what_stays_here(options: argparse.Namespace, chosen: Settings, job_options: Sequence[Option]) -> None:
    """A driver on the cluster sees no file of this machine, and nobody reads what it prints."""
    if not chosen.output_dir or options.cat_output:
        raise UsageError("the driver prints where nobody reads", where="-r emr", fix="publish with --output-dir s3://…")
    for name in files(options, job_options):
        if not name.startswith("s3://"):
            raise UsageError("is no place in S3, and the driver runs on another machine", where=name, fix="use s3://…")
