"""The benchmark's command line: data once, then every engine in turn, answers checked, tables printed, JSON written."""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from scripts.benchmarks import cases, cluster, engines, hadoop_cases, report
from scripts.benchmarks.measuring import Plan, circumstances, measure_case, say
from scripts.benchmarks.model import Case, Suite
from scripts.benchmarks.process import CommandError

ROUNDS = 3
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sensor-log-benchmarks"


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    suite = hadoop_cases.SUITE if options.hadoop else cases.SUITE
    if options.list:
        print("\n".join(f"{case.name:22}{case.title}" for case in suite.cases))
        return 0
    if (missing := engines.kernel_missing()) and not options.quick:
        print(f"the kernel is missing ({missing}), so these would not be our figures", file=sys.stderr)
        print("build it first: python -m jobs.kernel.build", file=sys.stderr)
        return 1
    chosen = _chosen(suite, options.case)
    results = _earlier(options.json)
    wrong: list[str] = []
    try:
        with _plan(suite, options, results) as plan:
            for case in chosen:
                wrong += measure_case(case, plan, results)
                if options.json is not None:
                    options.json.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    except CommandError as error:
        print(error, file=sys.stderr)
        return 1
    print(report.runs_table(results, suite))
    if options.quick:
        print("These are the quick sizes, a hundredth of those named: the times say nothing.")
    else:
        print(report.goals_table(results, suite.goals))
        print(report.circumstances(results, suite))
    for what in wrong:
        print(f"wrong answer: {what}")
    return int(bool(wrong))


def _chosen(suite: Suite, globs: Sequence[str] | None) -> list[Case]:
    """The cases of these names. Exits with status 2 for a glob that names none."""
    if globs is None:
        return [case for case in suite.cases if not case.named]
    names = [case.name for case in suite.cases]
    for glob in globs:
        if not fnmatch.filter(names, glob):
            print(f"--case {glob}: there is none; there are {', '.join(names)}", file=sys.stderr)
            raise SystemExit(2)
    return [case for case in suite.cases if any(fnmatch.fnmatch(case.name, glob) for glob in globs)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmark.py",
        description="Measures the jobs beside DuckDB, Polars, their Spark twins and a line-by-line mrjob job: whole "
        "processes on the same files, in turn, with the answers compared. For figures to quote, let nothing else run.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--case", action="append", metavar="GLOB", help="only cases of this name, as csv5m or '*50m' (may be repeated)")
    add("--list", action="store_true", help="list the cases")
    add(
        "--hadoop", action="store_true", help="on a Hadoop cluster of its own, beside MapReduce in Java and plain mrjob"
    )
    add(
        "--engines", type=lambda text: text.split(","), default=list(engines.NEEDS), help="comma-separated; default all"
    )
    add("--rounds", type=int, default=ROUNDS, help=f"measurements of each, whose median counts (default {ROUNDS})")
    add("--cache", type=Path, help=f"where generated data is kept (default {CACHE}; needs about 12 GB)")
    add("--json", type=Path, metavar="FILE", help="write the results here; what is not run now keeps its figures")
    add("--quick", action="store_true", help="a hundredth of the data, once: do the answers agree?")
    return parser


@contextmanager
def _plan(suite: Suite, options: argparse.Namespace, results: dict[str, Any]) -> Iterator[Plan]:
    """What is to be measured, on a cluster where the suite is for one, whose starts are measured too."""
    with _cache(options) as cache:
        rounds = 1 if options.quick else options.rounds
        plan = Plan(suite, options.engines, rounds, cache, options.quick)
        if not options.hadoop:
            yield plan
            return
        say("starting a cluster")
        with (
            tempfile.TemporaryDirectory(prefix="benchmark-", dir=cache) as folder,
            cluster.started(Path(folder), rounds) as (bench, starts),
        ):
            plan = replace(plan, bench=bench)
            _keep_starts(results["runs"], {**circumstances(plan), "bytes": 0, "rounds": starts})
            yield plan


def _keep_starts(runs: dict[str, Any], record: dict[str, Any]) -> None:
    """Every run starts a cluster, but one of few rounds must not replace a median of more."""
    earlier = runs.get(cluster.STARTS, {"rounds": ()})
    if len(record["rounds"]) >= min(ROUNDS, len(earlier["rounds"])):
        runs[cluster.STARTS] = record


@contextmanager
def _cache(options: argparse.Namespace) -> Iterator[Path]:
    """The folder of the data; for --quick a temporary one, unless named."""
    if options.quick and options.cache is None:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            yield Path(folder)
        return
    cache = options.cache or CACHE
    cache.mkdir(parents=True, exist_ok=True)
    yield cache.resolve()


def _earlier(path: Path | None) -> dict[str, Any]:
    if path is not None and path.exists():
        earlier: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return earlier
    return {"runs": {}}
