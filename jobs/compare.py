"""python -m jobs.compare JOB INPUT …: the same job on several engines, side by side."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from jobs import registry
from jobs.engine import comparison_report
from jobs.engine.comparison import compare
from jobs.engine.engines import ENGINES, ON_CLUSTERS
from jobs.engine.guard import guarded, strict
from jobs.errors import UsageError
from jobs.hadoop import cluster as clusters

DIFFERENT = 1
_OURS = ("--output-dir", "--output-format", "--overwrite", "--cat-output", "--no-output", "--dry-run", "-r", "--runner")


def main() -> int:
    """Exit status 0 where all gave the same result, 1 where they did not or one failed."""
    options, arguments = _parser().parse_known_args()
    job = registry.job(options.job)
    engines = _engines(options.engines)
    if set(engines) <= set(job.GAPS):
        raise UsageError(f"{job.NAME} runs on none of these: {job.GAPS[engines[0]]}", where="--engines")
    for flag in _OURS:
        if any(argument == flag or argument.startswith(f"{flag}=") for argument in arguments):
            raise UsageError("is chosen by the comparison", where=flag, fix="leave it out")
    if not arguments:
        raise UsageError("no input given", fix="name what the job is to read, as sample_data/")
    if "-" in arguments:
        raise UsageError(
            "can be read once, and every run needs it", where="standard input", fix="save it to a file and name that"
        )
    if options.report is not None:
        comparison_report.check(options.report)
    folder = Path(tempfile.mkdtemp(prefix="jobs-compare-"))
    try:
        found = compare(job, arguments, engines, options.rounds, folder, _say, _managers())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(comparison_report.text(found), end="")
    if options.report is not None:
        comparison_report.write(found, options.report)
    return 0 if found.equal else DIFFERENT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m jobs.compare",
        usage="%(prog)s JOB INPUT [INPUT …] [--engines E,…] [--rounds N] [--report FILE] [options of the job]",
        description="Runs one job on several engines on the same plan, checks that they give the same result, and "
        "shows what each took: wall and CPU time, bytes read and shuffled, memory, lines of job code.",
        allow_abbrev=False,
    )
    parser.add_argument("job", metavar="JOB", help="a name that python -m jobs lists")
    here = ",".join(engine for engine in ENGINES if engine not in ON_CLUSTERS)
    parser.add_argument("--engines", default=here, metavar="E,…", help=f"which (default: {here}); spark is the twin")
    parser.add_argument("--rounds", type=_rounds, default=1, metavar="N", help="medians of so many (default: 1)")
    endings = ", ".join(comparison_report.FORMATS)
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help=f"write it there too; its ending says how: {endings}"
    )
    return strict(parser)


def _engines(text: str) -> list[str]:
    chosen = text.split(",")
    unknown = [name for name in chosen if name not in ENGINES]
    if unknown:
        raise UsageError(f"there is no engine {unknown[0]!r}", where="--engines", fix=f"use {', '.join(ENGINES)}")
    repeated = [name for name in chosen if chosen.count(name) > 1]
    if repeated:
        raise UsageError(f"{repeated[0]} is named more than once", where="--engines", fix="name every engine once")
    return chosen


def _managers() -> dict[str, list[int]]:
    """By engine, the pids of the NodeManagers of a cluster that `python -m jobs.hadoop` started."""
    home = os.environ.get("HADOOP_HOME")
    cluster = clusters.find(Path(home)) if home else None
    if cluster is None:
        return {}
    pids = [cluster.pids[role] for role in cluster.layout.node_managers]
    return {engine: pids for engine in ON_CLUSTERS}  # noqa: C420 - no list is shared by mistake


def _rounds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 99):
        raise argparse.ArgumentTypeError("a whole number from 1 to 99 is needed")
    return int(text)


def _say(what: str) -> None:
    """Progress, on a terminal only."""
    if sys.stderr.isatty():
        print(what, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(guarded(main))
