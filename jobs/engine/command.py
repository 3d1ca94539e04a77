"""The command line of a job: options in, exit status out, and no traceback for what a user can get wrong."""

from __future__ import annotations

import argparse
import atexit
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, NoReturn

import pyarrow as pa

from jobs.engine import compat
from jobs.engine.driver import Engine, Outcome, drive, make_plan, work
from jobs.engine.options import Settings, settings
from jobs.engine.summary import plan_lines, summary
from jobs.errors import JobError, no_room

if TYPE_CHECKING:
    from jobs.engine.declaration import Declaration
    from jobs.engine.job import SensorJob

INTERRUPTED, TERMINATED = 130, 143


def main(job: type[SensorJob]) -> NoReturn:
    """Run `python -m jobs.<name>` and leave with its status; be the task, where mrjob starts one."""
    with compat.hidden("pandas"):
        pa.array([0])  # Arrow looks for pandas once, and importing it takes longer than a small job
    status = guarded(lambda: _main(job))
    if sys.getprofile() is None and sys.gettrace() is None:
        _leave(status)
    sys.exit(status)


def _leave(status: int) -> None:
    """End the process at once, after what other modules want done at its end; tearing Arrow down takes longer than
    many a job. Where something cannot be flushed, the usual end tells so."""
    try:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        return
    os._exit(status)


def guarded(command: Callable[[], int]) -> int:
    """Run a command; its exit status, with errors told in one line and interrupts quietly."""
    gc.freeze()  # what is imported stays, and forks share it
    gc.enable()
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    _open_standard_streams()
    _raise_on_sigterm()
    try:
        status = command()
        sys.stdout.flush()
    except JobError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.status
    except BrokenPipeError:
        _close_output()  # whoever read us has seen enough
        return 0
    except OSError as error:
        if (told := no_room(error)) is None:
            raise
        _close_output()
        print(f"error: {told}", file=sys.stderr)
        return told.status
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _main(job: type[SensorJob]) -> int:
    from jobs.engine.mrjob_engine import engine_of, set_up_logging

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
    outcome = drive(job, chosen, engine, _printer(job, chosen), getattr(options, "local_tmp_dir", None))
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


def _printer(job: type[Declaration], chosen: Settings) -> Callable[[pa.Schema, Iterator[pa.Table]], None]:
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


def _close_output() -> None:
    """Have what is still to be written go nowhere, so that the interpreter does not trip over it when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _open_standard_streams() -> None:
    """Where standard streams are closed, as of a daemon: no file of ours may get their numbers, and print must work."""
    while (number := os.open(os.devnull, os.O_WRONLY)) <= 2:  # reading a closed standard input stays an error
        pass
    os.close(number)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, PTH123 - to the end of the process


def _raise_on_sigterm() -> None:
    def terminate(number: int, frame: Any) -> NoReturn:
        sys.exit(TERMINATED)

    signal.signal(signal.SIGTERM, terminate)
