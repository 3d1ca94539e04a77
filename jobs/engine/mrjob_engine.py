"""Running a plan on mrjob: which runner, with which files, and what its output says."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.emr.work import Work
from jobs.engine import shipping
from jobs.engine.cores import cores
from jobs.engine.options import Settings
from jobs.engine.plan import Plan, Split
from jobs.engine.report import Report
from jobs.engine.run import Run
from jobs.engine.shuffle import Carrier, packed, read_block
from jobs.engine.spending import refuse_elsewhere
from jobs.errors import JobError, UsageError

if TYPE_CHECKING:
    from jobs.emr.telling import Account
    from jobs.engine.job import SensorJob

PACKAGE_ROOT = Path(__file__).resolve().parents[2]
PROJECT_CONF = PACKAGE_ROOT / "mrjob.conf"
_ONE_TASK_BYTES = 4 << 20
_TABLE_ROWS = 16_384  # of a table that travel in one line: well below 2 MB
_READS_STDIN = ("inline", "local")


class MrjobEngine:
    """mrjob's runners: inline, local, hadoop, emr, spark."""

    concludes = False

    def __init__(self, job: SensorJob) -> None:
        self._job = job
        self.runner: str | None = job.options.runner
        if self.runner == "dataproc":
            raise UsageError(
                "Google Dataproc is not supported", where="-r dataproc", fix="use inline, local, hadoop, emr or spark"
            )
        if self.runner == "inline" and (job.options.tasks or "1") != "1":
            raise UsageError("inline runs one task", where=f"--tasks {job.options.tasks}", fix="use -r local")

    @property
    def name(self) -> str:
        return self.runner or "local"

    @property
    def carrier(self) -> Carrier:
        """On one host blocks travel by reference."""
        return "reference" if self.name in ("inline", "local") else "inline"

    def tasks(self, settings: Settings) -> int:
        """How many tasks share the work."""
        if self.runner == "inline" or "-" in settings.inputs:
            return 1
        return settings.tasks or self._job.options.num_cores or cores()

    def _jobconf(self, run: Run, plan: Plan) -> dict[str, Any]:
        """Hadoop's properties of the run."""
        if self.runner != "hadoop":
            return {}
        from jobs.engine.hadoop import UBER, jobconf, memory

        conf = jobconf(run, plan, self.tasks(run.settings))
        return conf if UBER in conf else {**conf, **memory(run)}

    def _given(self, run: Run) -> dict[str, Any]:
        """What mrjob's runner is given beside mrjob's options."""
        return {"dependencies_from": self._job.options.dependencies} if self.runner == "hadoop" else {}

    def ended(self, runner: Any) -> None:
        """Take note of what mrjob's runner knows when a job of the run is done, or has failed."""

    def attended(self, runner: Any, run: Run, plan: Plan) -> AbstractContextManager[None]:
        """While mrjob's runner works: what becomes of its work where we are interrupted, and where it has given all."""
        return nullcontext()

    def receiving(self) -> AbstractContextManager[None]:
        return nullcontext()

    def check(self, settings: Settings) -> None:
        """Refuse what this engine cannot do."""
        refuse_elsewhere(self._job.options, self.name)
        shipping.refuse_elsewhere(self._job.options, on_hadoop=self.name == "hadoop", fix="-r hadoop")
        if "-" in settings.inputs and self.name not in _READS_STDIN:
            raise UsageError(
                "standard input cannot be read by a cluster's tasks",
                where=f"-r {self.name} -",
                fix="copy it where they can read it, for instance: aws s3 cp - s3://BUCKET/KEY or hadoop fs -put - hdfs:///KEY",
            )

    def outlook(self, work: Work) -> Iterable[str]:
        return ()

    def confirm(self, work: Work) -> None:
        """Nothing to ask: what runs here or on a cluster that runs anyway costs nothing more."""

    def account(self, run: Run, report: Report) -> Account | None:
        return None

    def execute(self, run: Run, plan: Plan, scratch: Path) -> Report:
        """Run the tasks; the report of all. Raises what a task raised, JobError where mrjob gave up."""
        from jobs.engine.compat import install
        from jobs.engine.tasks import receive
        from jobs.engine.telling import told

        install()
        from mrjob.step import StepFailedException
        from mrjob.util import to_lines

        settings = run.settings
        if self.runner is None:
            small = not self._job.options.py_files and (
                len(plan.splits) <= 1
                or (plan.size < _ONE_TASK_BYTES and settings.tasks is None)
                or "-" in settings.inputs
            )
            self.runner = "inline" if small or self.tasks(settings) == 1 else "local"
        plan_file, run_file = scratch / "plan", scratch / "run.json"
        shuffled = {name: block for name, block in run.tables.items() if name in self._job.PARTIALS}
        splits = [*plan.splits, *_table_splits(shuffled, len(plan.splits))]
        with plan_file.open("w") as file:
            file.writelines(split.dumps() + "\n" for split in splits)
        replace(run, tables={n: block for n, block in run.tables.items() if n not in shuffled}).save(run_file)
        files = (str(plan_file), str(run_file), str(scratch))
        conf, own = self._jobconf(run, plan), self._given(run)
        self._job.prepare(self.runner, *files, self.tasks(settings), run.stages, conf, own)
        report = Report()
        runner = None
        try:
            with self._job.make_runner() as runner:
                with self.attended(runner, run, plan):
                    runner.run()
                for line in to_lines(runner.cat_output()):
                    report.add(receive(line, scratch))
        except StepFailedException as error:
            reason = str(error).partition(": Command")[0]
            failed = JobError(f"{reason} on {self.runner}", fix="the log above says why; -v shows all of it")
            raise told(scratch) or getattr(runner, "failure", None) or failed from None
        except Exception as error:
            if (told_error := explained(error, self.runner)) is None:
                raise
            raise told_error from error
        finally:
            if runner is not None:
                self.ended(runner)
        return report


def engine_of(job: SensorJob) -> MrjobEngine:
    """The engine that a job's -r names."""
    if job.options.runner == "emr":
        from jobs.engine.emr_engine import EmrEngine

        return EmrEngine(job)
    return MrjobEngine(job)


def _table_splits(tables: Mapping[str, str], first: int) -> Iterator[Split]:
    """The splits that carry tables into the shuffle."""
    number = first
    for kind, block in tables.items():
        table = read_block(block)
        for at in range(0, table.num_rows, _TABLE_ROWS):
            yield Split(number, (), (kind, packed(table.slice(at, _TABLE_ROWS))))
            number += 1


def explained(error: Exception, runner: str) -> JobError | None:
    """What mrjob raised where a user gave it a file that is not there, a broken configuration or no credentials, or
    HDFS refused."""
    module = type(error).__module__.partition(".")[0]
    if isinstance(error.__cause__, JobError):
        return error.__cause__
    if isinstance(error, FileNotFoundError) and error.filename:
        return UsageError("no such file or program", where=str(error.filename), fix=f"-r {runner} needs it")
    if isinstance(error, AttributeError) and _raised_in(error, "mrjob.conf"):
        return UsageError("is no table of runners", where="mrjob's configuration", fix="it begins with runners:")
    if isinstance(error, subprocess.CalledProcessError) or _raised_in(error, "mrjob.fs.hadoop"):
        return JobError(f"the hadoop command failed: {error}", where=f"-r {runner}", fix="what it says stands above")
    if module == "yaml":
        return UsageError(f"is no YAML: {' '.join(str(error).split())}", where="mrjob's configuration")
    if module == "botocore":
        from jobs.emr import aws

        return aws.explained(error, f"-r {runner}")
    return None


def _raised_in(error: BaseException, module: str) -> bool:
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return at is not None and at.tb_frame.f_globals.get("__name__") == module


def conf_paths(given: list[str] | None, runner: str) -> list[str] | None:
    """mrjob's own lookup of a configuration wins; without one, the project's, where it speaks of the runner."""
    from mrjob.conf import find_mrjob_conf

    for path in given or ():
        if not Path(path).is_file():
            raise UsageError("no such file", where=f"--conf-path {path}", fix="check the name")
    if given or find_mrjob_conf() or not PROJECT_CONF.is_file():
        return given
    speaks = re.search(rf"^\s*{runner}\s*:", PROJECT_CONF.read_text("utf-8"), re.MULTILINE)
    if speaks:
        return [str(PROJECT_CONF)]
    logging.getLogger("mrjob.conf").setLevel(logging.ERROR)  # it warns that it was given none
    return []


def local_spark(python_bin: list[str] | None) -> dict[str, Any]:
    """What `-r spark` on this machine needs: this interpreter, and this package on its path."""
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PACKAGE_ROOT), os.environ.get("PYTHONPATH")]))
    return {"python_bin": python_bin or [sys.executable]}


def set_up_logging(options: Any) -> None:
    """mrjob's log on standard error: warnings, or all of it with -v, or nothing with -q."""
    level = logging.CRITICAL if options.quiet else logging.DEBUG if options.verbose else logging.WARNING
    for name in ("mrjob", "jobs", "__main__"):
        logger = logging.getLogger(name)
        logger.setLevel(level)
        if not logger.handlers:
            handler = logging.StreamHandler()
            handler.setFormatter(logging.Formatter("%(message)s"))
            logger.addHandler(handler)
