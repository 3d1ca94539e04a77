"""The command line of a job: options in, exit status out, and no traceback for what a user can get wrong."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, NoReturn

import pyarrow as pa

from jobs.engine import compat
from jobs.engine.driver import Engine, Outcome, drive, make_plan, work
from jobs.engine.guard import guarded, leave
from jobs.engine.options import Settings, joined
from jobs.engine.settings import settings
from jobs.engine.summary import plan_lines, summary

if TYPE_CHECKING:
    from jobs.engine.declaration import Declaration
    from jobs.engine.job import SensorJob


def main(job: type[SensorJob]) -> NoReturn:
    """Run `python -m jobs.<name>` and leave with its status; be the task, where mrjob starts one."""
    with compat.hidden("pandas"):
        pa.array([0])  # Arrow looks for pandas once, and importing it takes longer than a small job
    if "ARROW_DEFAULT_MEMORY_POOL" not in os.environ:
        pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own choice keeps what is freed, and is slower
    leave(guarded(lambda: _main(job)))


def _main(job: type[SensorJob]) -> int:
    from jobs.engine.mrjob_engine import engine_of, set_up_logging

    sys.argv[1:] = joined(sys.argv[1:])  # mrjob parses it, several times
    instance = job()
    if instance.is_task():
        instance.execute()
        return 0
    set_up_logging(instance.options)
    return run_command(job, instance.options, engine_of(instance))


def run_command(job: type[Declaration], options: argparse.Namespace, engine: Engine) -> int:
    """Plan or run as the options say, print the result and the summary."""
    chosen = settings(options, job.OPTIONS)
    if chosen.dry_run:
        plan, _ = make_plan(chosen, engine, heads=True)
        for line in plan_lines(plan, None if engine.name == "emr" else engine.tasks(chosen)):
            print(line)
        for line in engine.outlook(work(job, chosen, plan)):
            print(line)
        return 0
    _say_once_without_kernel(options)
    outcome = drive(job, chosen, engine, to_standard_output(job, chosen), getattr(options, "local_tmp_dir", None))
    status = conclude(outcome, quiet=options.quiet)
    if not options.quiet and (hint := job.hint(chosen)):
        print(hint, file=sys.stderr)
    return status


def conclude(outcome: Outcome, *, quiet: bool) -> int:
    """The closing summary and the exit status."""
    sys.stdout.flush()
    if not quiet:
        for line in summary(outcome):
            print(line, file=sys.stderr)
    if outcome.problem is not None:
        print(f"error: {outcome.problem}", file=sys.stderr)
        return outcome.problem.status
    return 0


def to_standard_output(job: type[Declaration], chosen: Settings) -> Callable[[pa.Schema, Iterator[pa.Table]], None]:
    """What prints a result, as the job and the options will have it."""
    from jobs.lake.writers import open_writer

    printer = job.printer(chosen)

    def emit(schema: pa.Schema, tables: Iterator[pa.Table]) -> None:
        style = chosen.output_format or ("table" if sys.stdout.isatty() else "csv")
        out = sys.stdout.buffer
        with closing(printer(out, schema) if printer else open_writer(style, out, schema)) as writer:
            for table in tables:
                writer.write(table)

    return emit


def _say_once_without_kernel(options: argparse.Namespace) -> None:
    from jobs.kernel import library

    if library.load() is None and not options.quiet:
        print(f"note: the kernel is not used ({library.why_missing()}); results are the same, slower", file=sys.stderr)
