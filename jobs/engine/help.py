"""`--help` of a job: what it answers, the suite's options in groups, then mrjob's."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobs.engine.job import SensorJob

_OURS = {
    "--output-dir": "publish the result there, a folder, s3:// or hdfs://: visible all at once, with _SUCCESS",
    "--cat-output": "print the result although it is published",
    "--no-cat-output": "do not print the result",
}
"""mrjob's names with our published meaning."""

_LEFT_OUT = {"--output-dir", "--cat-output", "--step-output-dir"}


def print_help(job: SensorJob, options: argparse.Namespace, mrjob_help: Callable[[argparse.Namespace], None]) -> None:
    """Print the job's help; with -r RUNNER, mrjob's options for that runner."""
    if options.runner:
        mrjob_help(options)
        return
    parser = job.arg_parser
    formatter = parser._get_formatter()
    formatter.add_usage(f"python -m jobs.{job.NAME} [options] INPUT [INPUT …]", (), ())
    formatter.add_text(
        f"{job.QUESTION} INPUT is a file, directory or glob, also in s3:// or hdfs://, or - for standard input."
    )
    for group in parser._action_groups[2:]:
        formatter.start_section(group.title)
        if group.title == "Output":
            formatter.add_arguments(_published(parser))
        formatter.add_arguments(group._group_actions)
        formatter.end_section()
    formatter.start_section("mrjob's (--help -r RUNNER lists the runner's own)")
    formatter.add_arguments(_mrjob_actions())
    formatter.end_section()
    print(formatter.format_help())
    print("columns:")
    width = max(len(column.name) for column in job.COLUMNS)
    for column in job.COLUMNS:
        print(f"  {column.name:<{width}}  {column.help}")


def _published(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """The options of mrjob's that mean something else here."""
    shown = []
    for action in parser._actions:
        for flag in _OURS.keys() & set(action.option_strings):
            action.help, action.metavar = _OURS[flag], "DIR" if flag == "--output-dir" else None
            shown.append(action)
    return shown


def _mrjob_actions() -> list[argparse.Action]:
    """mrjob's own options, but for the runners' and those told above."""
    from mrjob.options import _add_basic_args, _add_job_args

    parser = argparse.ArgumentParser(add_help=False)
    _add_basic_args(parser)
    _add_job_args(parser)
    left_out = {a.dest for a in parser._actions if _LEFT_OUT & set(a.option_strings)}
    return [action for action in parser._actions if action.dest not in left_out]
