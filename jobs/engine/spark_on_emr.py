"""A Spark twin on Amazon EMR: planned and approved here, then the step of a cluster, where its driver runs too."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jobs.emr import bundle
from jobs.engine import compat
from jobs.engine.command import run_command
from jobs.engine.driver import make_plan, work
from jobs.engine.emr_engine import EmrEngine
from jobs.engine.job import SensorJob
from jobs.engine.mrjob_engine import explained, set_up_logging
from jobs.engine.options import Option, Settings, files, settings
from jobs.engine.run_id import new_run_id
from jobs.engine.scratch import scratch
from jobs.engine.spark_on_yarn import STATUS
from jobs.engine.spending import FLAGS
from jobs.errors import JobError, UsageError

compat.install()

from mrjob.step import SparkScriptStep, StepFailedException  # noqa: E402 - needs the stand-ins of compat

LAUNCHER = "lib/python3.11/site-packages/jobs/spark/__main__.py"
"""What `spark-submit` runs, in the folder where nodes have the suite."""
_CONF = {"spark.yarn.maxAppAttempts": "1"}  # a driver that says no would be asked again
_OWN = {*FLAGS, "help", "args", "runner", "conf", "spark_master", "deploy_mode", "dry_run"}
"""What a driver on the cluster is not told."""


def run(job: type[SensorJob], given: Sequence[str], known: Iterable[argparse.Action], conf: dict[str, str]) -> int:
    """Run the twin of a job on a cluster that is started for it, say here what it said there; its exit status.

    given: the command line, with mrjob's options for EMR. known: the twin's own options. conf: Spark's settings.
    Raises JobError.
    """
    instance = _submitting(job, list(given))
    set_up_logging(instance.options)
    chosen = settings(instance.options, job.OPTIONS)
    engine = EmrEngine(instance)
    if chosen.dry_run:
        return run_command(job, instance.options, engine)
    _refuse_what_stays_here(instance.options, chosen, job.OPTIONS)
    plan, _ = make_plan(chosen, engine)
    engine.confirm(work(job, chosen, plan))
    begun, started = time.monotonic(), datetime.now(UTC)
    run_id = new_run_id(job.NAME, started)
    instance.arguments = [job.NAME, *_spelled(known, instance.options), *chosen.inputs]
    with scratch(run_id, instance.options.local_tmp_dir) as folder:
        status, start_seconds = _follow(instance, engine.given(run_id, job.NAME, chosen), conf, folder)
    if status == 0:
        took = (time.monotonic() - begun, start_seconds, plan.size)
        if (account := engine.told(run_id, f"{job.NAME} on Spark", started, *took)) is not None:
            print(*account.lines, sep="\n", file=sys.stderr)
    return status


class Submitting(SensorJob):
    """A job whose only step submits its twin, with these arguments of `python -m jobs.spark`."""

    arguments: Sequence[str] = ()

    def steps(self) -> list[SparkScriptStep]:
        return [SparkScriptStep(f"file://{bundle.HOME}/{LAUNCHER}", args=list(self.arguments))]

    def jobconf(self) -> dict[str, Any]:
        return {**_CONF, **self._jobconf}


def _submitting(job: type[SensorJob], given: list[str]) -> Submitting:
    """The job, with its options and its name, as one that submits its twin."""
    made: type[Submitting] = type(job.__name__, (Submitting, job), {})
    return made(args=given)


def _follow(instance: Submitting, own: Mapping[str, Any], conf: Mapping[str, str], folder: Path) -> tuple[int, float]:
    """Run the step; the status of the driver, and seconds until it began."""
    plan, run_file = folder / "plan", folder / "run.json"  # mrjob wants an input
    plan.touch()
    run_file.touch()
    instance.prepare("emr", str(plan), str(run_file), str(folder), 1, 1, conf, own)
    failed = False
    try:
        with instance.make_runner() as runner:
            try:
                runner.run()
            except StepFailedException:
                failed = True
            except KeyboardInterrupt:
                if _may_go_on(runner.get_cluster_id()):
                    runner.leave()
                raise
            said = runner.driver_said("stdout")  # where Spark puts what Python writes
            print(said, end="", file=sys.stderr)
            left = STATUS.search(runner.driver_said("stderr")) if failed else None
    except Exception as error:
        if (told := explained(error, "emr")) is None:
            raise
        raise told from error
    if failed and "error: " not in said:
        fix = f"its logs: python -m jobs.emr logs {runner.get_cluster_id()}"
        raise runner.failure or JobError("the application failed on EMR", fix=fix)
    return (int(left[1]) if left else 1) if failed else 0, runner.start_seconds


def _may_go_on(cluster: str | None) -> bool:
    """Whether a run goes on without us, for its driver publishes; asked on a terminal."""
    if cluster is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(f"\nleave cluster {cluster} running, which publishes and ends by itself? [y/N] ", end="", file=sys.stderr)
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        return False
    print(f"it goes on; look at it: python -m jobs.emr status {cluster}", file=sys.stderr)
    return True


def _spelled(known: Iterable[argparse.Action], options: argparse.Namespace) -> Iterator[str]:
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
    if options.python_bin:
        raise UsageError("twins run on what nodes install", where="--python-bin", fix="leave it out")
    if not chosen.output_dir or options.cat_output:
        raise UsageError("the driver prints where nobody reads", where="-r emr", fix="publish with --output-dir s3://…")
    for name in files(options, job_options):
        if not name.startswith("s3://"):
            raise UsageError("is no place in S3, and the driver runs on another machine", where=name, fix="use s3://…")
