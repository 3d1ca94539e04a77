"""Receiving the result of a run that was left on its cluster, as the command that started it would have."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from jobs.engine import emr_output
from jobs.engine.approval import goes_on
from jobs.engine.checks import check
from jobs.engine.command import conclude, to_standard_output
from jobs.engine.driver import carry_out
from jobs.engine.emr import EmrRunner
from jobs.engine.emr_engine import EmrEngine
from jobs.engine.job import SensorJob
from jobs.engine.left import Left, hold, load
from jobs.engine.mrjob_engine import set_up_logging
from jobs.engine.plan import Plan
from jobs.engine.rerun import command
from jobs.engine.run import Run
from jobs.engine.scratch import scratch
from jobs.errors import JobError, UsageError


class FollowingRunner(EmrRunner):
    """Follows the steps of a run that was left, where `EmrRunner` starts some."""

    def __init__(self, *, left: Left, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.__dict__.update(left.position)
        self._left, self.command = left, left.command

    def _launch(self) -> None:
        """The steps are there."""

    def _steps_to_submit(self) -> list[dict[str, Any]]:
        """Those that were, by their names alone."""
        return [{"Name": step} for step in self._step_ids]

    def _check_for_pooled_cluster_self_termination(self, cluster: Any, step: Any) -> None:
        """Such a cluster is not replaced: its step was cancelled."""

    def run(self) -> None:
        """Raises JobError where S3 has not all of its output, as where staged files are kept for some days only."""
        super().run()
        wanted = int(self._opts["jobconf"]["mapreduce.job.reduces"])
        found = sum(part.uri.rpartition("/")[2].startswith("part-") for part in emr_output.parts(self._output_dir))
        if found < wanted:
            what = f"{wanted - found} of {wanted} parts of what the run gave are not there any more"
            fix = f"run it again: {command(self._left.command)}; forget this one: rm -r {self._left.place}"
            raise JobError(what, where=self._output_dir, fix=fix)


class Following(EmrEngine):
    """`-r emr` of a run that was left."""

    def __init__(self, job: SensorJob, left: Left) -> None:
        super().__init__(job)
        self.planned, self._left, self._settings = left.planned, left, left.run.settings
        self._seconds, self._start_seconds, self._clusters = left.seconds, left.start_seconds, left.clusters
        self._there = 0.0  # seconds of its job, by the clock of EMR

    @property
    def seconds(self) -> float:
        """Of all jobs of the run, without what it waited for us."""
        return self._seconds

    def _given(self, run: Run) -> dict[str, Any]:
        return {**super()._given(run), "left": self._left}

    @contextmanager
    def attended(self, runner: Any, run: Run, plan: Plan) -> Iterator[None]:
        """Whatever keeps us from its end, but a step that failed, leaves it for another time."""
        from mrjob.step import StepFailedException

        cluster = runner.get_cluster_id()
        try:
            yield
        except StepFailedException:
            self._left.forget()
            raise
        except BaseException as error:
            runner.leave()
            if isinstance(error, KeyboardInterrupt):
                goes_on(cluster, self.region, publishes=False)
            raise
        self._stay(runner, self._left)

    def ended(self, runner: Any) -> None:
        super().ended(runner)
        if runner.states.over is not None:
            self._there = max(0.0, runner.states.over.timestamp() - self._left.begun)

    def _took(self, here: float) -> float:
        return self._there or here


def receive(place: Path) -> int:
    """Follow the run that was left there to its end, print or publish its result; the exit status. Raises JobError."""
    with hold(place):
        return _received(load(place))


def _received(left: Left) -> int:
    try:
        os.chdir(left.folder)  # which relative names are meant from
    except OSError as error:
        raise JobError(f"it was started there: {error.strerror}", where=left.folder, fix="make the folder") from None
    job = left.job_class()
    instance = job(args=list(left.arguments))
    options = instance.options
    options.region = left.planned.region
    set_up_logging(options)
    with scratch(left.run.id, options.local_tmp_dir) as folder:
        run, engine = replace(left.run, scratch=str(folder)), Following(instance, left)
        try:
            checked = check(job, run.settings, run.id)
        except UsageError as error:  # of what was published there since
            fix = f"make room there and ask again, or forget this run: rm -r {left.place}"
            raise UsageError(error.what, where=error.where, fix=fix) from None
        with engine.receiving():
            outcome = carry_out(job, run, left.plan, engine, to_standard_output(job, run.settings), checked)
        return conclude(replace(outcome, seconds=engine.seconds), quiet=options.quiet)
