"""The mrjob step that every job shares: a subclass declares, this class reads, shuffles and merges."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from jobs.engine import compat, progress, shipping

compat.install()
compat.import_arrow()

from mrjob.job import MRJob
from mrjob.options import _add_basic_args, _add_step_args
from mrjob.protocol import BytesProtocol, BytesValueProtocol
from mrjob.runner import MRJobRunner
from mrjob.step import MRStep

from jobs.engine.declaration import Column, Declaration, Printer
from jobs.engine.guard import refuse
from jobs.engine.mrjob_engine import conf_paths, local_spark
from jobs.engine.options import add_options
from jobs.engine.progress import GROUP
from jobs.engine.run import Run
from jobs.engine.task_logs import MAY_PASS
from jobs.errors import AwayError, JobError

_JOB_ID = "mapreduce_job_id"  # Hadoop's streaming gives its tasks their properties as variables
_HADOOP_JOB = re.compile(r"job_\d+_\d+")

__all__ = ["Column", "Printer", "SensorJob"]


class SensorJob(Declaration, MRJob):  # type: ignore[misc]  # mrjob has no types
    """A job over readings: its subclasses fill in the declaration."""

    # one plan line is one map task's work; blocks of partial rows travel as bytes
    INPUT_PROTOCOL = BytesValueProtocol
    INTERNAL_PROTOCOL = BytesProtocol
    OUTPUT_PROTOCOL = BytesValueProtocol
    SORT_VALUES = True
    HADOOP_INPUT_FORMAT = "org.apache.hadoop.mapred.lib.NLineInputFormat"
    JOBCONF: ClassVar[dict[str, Any]] = {"stream.map.input.ignoreKey": "true"}

    def __init__(self, args: list[str] | None = None) -> None:
        given = sys.argv[1:] if args is None else args
        self._for_task = any(flag in given for flag in ("--mapper", "--reducer", "--combiner"))
        self.command_line = tuple(given)
        self._stages = 1
        self._jobconf: Mapping[str, Any] = {}
        super().__init__(args)

    def configure_args(self) -> None:
        self.arg_parser.allow_abbrev = False
        self.arg_parser.error = refuse
        if self._for_task:  # a task's arguments are few, and mrjob's two hundred options take a while to declare
            _add_basic_args(self.arg_parser)
            _add_step_args(self.arg_parser)
            self.arg_parser.add_argument("args", nargs="*")
            self.arg_parser.set_defaults(help=False)
        else:
            add_options(self.arg_parser, self.OPTIONS)
            shipping.add_option(self.arg_parser, "-r hadoop")
            super().configure_args()
        self.add_file_arg("--run-file", help=argparse.SUPPRESS)

    def steps(self) -> list[MRStep]:
        """Map and reduce; and one more reduce where what was made of devices is regrouped."""
        first = MRStep(
            mapper_init=self.mapper_init,
            mapper=self.mapper,
            mapper_final=self.mapper_final,
            reducer_init=self.reducer_init,
            reducer=self.reducer,
        )
        more = MRStep(reducer_init=self.reducer_init, reducer=self.reducer)
        return [first, *[more] * (self._run_stages() - 1)]

    def _run_stages(self) -> int:
        if not self._for_task:
            return self._stages
        return Run.load(self.options.run_file).stages

    def mapper_init(self) -> None:
        from jobs.engine.tasks import MapTask

        self._map = MapTask(type(self), Run.load(self.options.run_file))
        self._told: dict[str, int] = {}
        if _on_hadoop():
            progress.watch(progress.Pulse(self._tell_status))

    def mapper(self, _: None, line: bytes) -> Iterator[tuple[bytes, bytes]]:
        yield from self._map.split(line)
        self._tell_cluster()

    def mapper_final(self) -> Iterator[tuple[bytes, bytes]]:
        yield from self._map.close()
        self._tell_cluster()

    def _tell_cluster(self) -> None:
        """Status and counters of what has been read so far."""
        if not _on_hadoop():
            return
        counts = self._map.counts()
        self._tell_status(counts["readings"])
        for name, number in counts.items():
            if more := number - self._told.get(name, 0):
                self.increment_counter(GROUP, name, more)
        self._told = counts

    def _tell_status(self, readings: int) -> None:
        self.set_status(f"{readings:,} readings")

    def reducer_init(self) -> None:
        from jobs.engine.tasks import ReduceTask

        run = Run.load(self.options.run_file)
        self._reduce = ReduceTask(type(self), run, stage=self.options.step_num or 0)
        if _on_hadoop():
            progress.watch(progress.Pulse(lambda _: self.set_status("merging")))

    def reducer(self, key: bytes, values: Iterator[bytes]) -> Iterator[tuple[bytes | None, bytes]]:
        yield from self._reduce.partition(key, values)

    def execute(self) -> None:
        """Be a task, and have the driver know what a user could mend, and by its exit status what may pass."""
        try:
            super().execute()
        except JobError as error:
            from jobs.engine.telling import tell

            tell(self.options.run_file, error)
            if not _on_hadoop():
                raise
            status = MAY_PASS if isinstance(error, AwayError) else error.status
            print(f"exit status: {status}\nerror: {error}", file=sys.stderr)  # for whom has only the log
            sys.exit(status)

    def prepare(
        self,
        runner: str,
        plan_file: str,
        run_file: str,
        scratch: str,
        tasks: int,
        stages: int,
        jobconf: Mapping[str, Any],
        own: Mapping[str, Any],
    ) -> None:
        """Set what the next `make_runner` runs: the plan as the job's input, all its files below `scratch`.

        jobconf: Hadoop's properties of this run, which the user's own stand above. own: what the engine gives its
        runner beside mrjob's options.
        """
        self.options.runner = runner
        self._jobconf = jobconf
        self._run_kwargs = {
            "input_paths": [plan_file],
            "extra_args": ["--run-file", {"path": run_file, "name": None, "type": "file"}],
            "output_dir": None,
            "conf_paths": conf_paths(self.options.conf_paths, runner),
            "local_tmp_dir": scratch,
            **own,
        }
        self._num_tasks = tasks
        self._stages = stages

    def _runner_class(self) -> type[MRJobRunner]:
        if self.options.runner == "inline":
            from jobs.engine.inline import InlineRunner

            return InlineRunner
        if self.options.runner == "local":
            from jobs.engine.local import ForkingRunner

            return ForkingRunner
        if self.options.runner == "hadoop":
            from jobs.engine.hadoop import HadoopRunner

            return HadoopRunner
        if self.options.runner == "emr" and "left" in self._run_kwargs:
            from jobs.engine.following import FollowingRunner

            return FollowingRunner
        if self.options.runner == "emr":
            from jobs.engine.emr import EmrRunner

            return EmrRunner
        runner: type[MRJobRunner] = super()._runner_class()
        return runner

    def _runner_kwargs(self) -> dict[str, Any]:
        kwargs: dict[str, Any] = super()._runner_kwargs() | self._run_kwargs
        if self.options.runner == "local":
            kwargs |= {"mrjob_cls": type(self), "num_tasks": self._num_tasks}
        if self.options.runner == "spark" and (self.options.spark_master or "local").startswith("local"):
            kwargs |= local_spark(self.options.python_bin)
        if self.options.runner in ("hadoop", "emr"):
            kwargs["run_conf"] = self._jobconf
        return kwargs

    def hadoop_input_format(self) -> str | None:
        return self.HADOOP_INPUT_FORMAT if self.options.runner in ("hadoop", "emr") else None

    def _print_help(self, options: argparse.Namespace) -> None:
        from jobs.engine.help import print_help

        print_help(self, options, super()._print_help)

    @classmethod
    def run(cls) -> None:
        """The entry of `python -m jobs.<name>`, and of a task that a cluster starts."""
        from jobs.engine.command import main

        main(cls)


def _on_hadoop() -> bool:
    """Whether this is a task of Hadoop's streaming; mrjob's own runners set the variable too, to no number."""
    return _HADOOP_JOB.fullmatch(os.environ.get(_JOB_ID, "")) is not None
