"""A Spark twin as the step of a cluster of Amazon EMR's that is started for it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from jobs.emr import bundle, executors, history
from jobs.emr.telling import Account
from jobs.engine import compat
from jobs.engine.applications import SPARK_NAME
from jobs.engine.emr_engine import EmrEngine
from jobs.engine.job import SensorJob
from jobs.engine.leaving import may_be_left
from jobs.engine.options import Settings
from jobs.engine.scratch import scratch
from jobs.engine.spark_on_yarn import STATUS
from jobs.errors import JobError, UsageError

compat.install()

from mrjob.step import SparkScriptStep, StepFailedException

LAUNCHER = "lib/python3.11/site-packages/jobs/spark/__main__.py"
"""What `spark-submit` runs, in the folder where nodes have the suite."""
_CONF = {"spark.yarn.maxAppAttempts": "1"}  # a driver that says no would be asked again


class Submitting(SensorJob):
    """A job whose only step submits its twin, with these arguments of `python -m jobs.spark`."""

    arguments: Sequence[str] = ()

    def steps(self) -> list[SparkScriptStep]:
        return [SparkScriptStep(f"file://{bundle.HOME}/{LAUNCHER}", args=list(self.arguments))]

    def jobconf(self) -> dict[str, Any]:
        return {**_CONF, **self._jobconf}


def submitting(job: type[SensorJob], given: Sequence[str]) -> Submitting:
    """The job, with its options and its name, as one that submits its twin. given: a command line without `-r`."""
    made: type[Submitting] = type(job.__name__, (Submitting, job), {})
    return made(args=["-r", "emr", *given])


class TwinEngine(EmrEngine):
    """`-r emr`, of a twin."""

    twin = history.SPARK


class OnCluster:
    """`-r emr` of a twin. given: the command line, with mrjob's options for EMR."""

    def __init__(self, job: type[SensorJob], given: Sequence[str]) -> None:
        self._job = submitting(job, given)
        self.options = self._job.options
        self.engine = TwinEngine(self._job)

    def check(self, chosen: Settings, known: Sequence[argparse.Action]) -> None:
        if self.options.python_bin and not chosen.dry_run:
            raise UsageError("twins run on what nodes install", where="--python-bin", fix="leave it out")

    def follow(
        self, run: str, chosen: Settings, arguments: Sequence[str], conf: Mapping[str, str]
    ) -> tuple[int, float]:
        self._job.arguments = arguments
        own, planned = self.engine.given(run, self._job.NAME, chosen), self.engine.planned
        assert planned is not None
        with scratch(run, self.options.local_tmp_dir) as folder:
            settings = {**executors.conf(planned), SPARK_NAME: run, **conf}
            return _follow(self._job, self.engine, own, settings, folder)

    def told(
        self, run: str, started: datetime, seconds: float, start_seconds: float, size: int, *, failed: bool
    ) -> Account | None:
        return self.engine.told(run, self._job.NAME, started, seconds, start_seconds, size, failed=failed)


def _follow(
    instance: Submitting, engine: EmrEngine, own: Mapping[str, Any], conf: Mapping[str, str], folder: Path
) -> tuple[int, float]:
    """Run the step; the status of the driver, and seconds until it began."""
    plan, run_file = folder / "plan", folder / "run.json"  # mrjob wants an input
    plan.touch()
    run_file.touch()
    instance.prepare("emr", str(plan), str(run_file), str(folder), 1, 1, conf, own)
    failed = False
    with instance.make_runner() as runner:
        try:
            with may_be_left(runner, engine.region):
                runner.run()
        except StepFailedException:
            failed = True
        finally:
            engine.ended(runner)
        said = runner.driver_said("stdout")  # where Spark puts what Python writes
        print(said, end="", file=sys.stderr)
        left = STATUS.search(runner.driver_said("stderr")) if failed else None
    if failed and "error: " not in said:
        fix = f"its logs: python -m jobs.emr logs {runner.get_cluster_id()}"
        raise runner.failure or JobError("the application failed on EMR", fix=fix)
    return (int(left[1]) if left else 1) if failed else 0, runner.states.start_seconds
