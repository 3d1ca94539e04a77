"""The benchmark's command line: data once, then every engine in turn, answers checked, tables printed, JSON written."""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from scripts.benchmarks import engines, report
from scripts.benchmarks.cases import CASES, DAILY
from scripts.benchmarks.inputs import Input, prepare, warm
from scripts.benchmarks.model import Case, Run
from scripts.benchmarks.process import CommandError, measure, run_quietly

OUR_TOLERANCE = 1e-12
PACKAGES = ("numpy", "pyarrow", "mrjob", "duckdb", "polars", "pyspark")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sensor-log-benchmarks"


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if options.list:
        print("\n".join(f"{case.name:22}{case.title}" for case in CASES))
        return 0
    if (missing := engines.kernel_missing()) and not options.quick:
        print(f"the kernel is missing ({missing}), so these would not be our figures", file=sys.stderr)
        print("build it first: python -m jobs.kernel.build", file=sys.stderr)
        return 1
    chosen = _chosen(options.case or ["*"])
    results = _earlier(options.json)
    wrong: list[str] = []
    try:
        with _cache(options) as cache:
            for case in CASES:
                if case.name in chosen:
                    wrong += _measure_case(case, options, cache, results)
                    if options.json is not None:
                        options.json.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    except CommandError as error:
        print(error, file=sys.stderr)
        return 1
    print(report.runs_table(results))
    if options.quick:
        print("These are the quick sizes, a hundredth of those named: the times say nothing.")
    else:
        print(report.goals_table(results))
        print(report.circumstances(results))
    for what in wrong:
        print(f"wrong answer: {what}")
    return int(bool(wrong))


def _chosen(globs: Sequence[str]) -> set[str]:
    """The names of the cases. Exits with status 2 for a glob that names none."""
    names = [case.name for case in CASES]
    for glob in globs:
        if not fnmatch.filter(names, glob):
            print(f"--case {glob}: there is none; there are {', '.join(names)}", file=sys.stderr)
            raise SystemExit(2)
    return {name for glob in globs for name in fnmatch.filter(names, glob)}


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
        "--engines", type=lambda text: text.split(","), default=list(engines.NEEDS), help="comma-separated; default all"
    )
    add("--rounds", type=int, default=3, help="measurements of each, whose median counts (default 3)")
    add("--cache", type=Path, help=f"where generated data is kept (default {CACHE}; needs about 12 GB)")
    add("--json", type=Path, metavar="FILE", help="write the results here; what is not run now keeps its figures")
    add("--quick", action="store_true", help="a hundredth of the data, once: do the answers agree?")
    return parser


@contextmanager
def _cache(options: argparse.Namespace) -> Iterator[Path]:
    """The folder of the data; for --quick a temporary one, unless named."""
    if options.quick:
        options.rounds = 1
        if options.cache is None:
            with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
                yield Path(folder)
            return
    cache = options.cache or CACHE
    cache.mkdir(parents=True, exist_ok=True)
    yield cache.resolve()


def _measure_case(case: Case, options: argparse.Namespace, cache: Path, results: dict[str, Any]) -> list[str]:
    """Measures a case into `results`; returns which answers are wrong."""
    if case.folder is not None and not case.folder.is_dir():
        _say(f"{case.name}: skipped, {case.folder} is not there")
        return []
    runs = _runs(case, options)
    if not runs:
        return []
    _say(f"{case.name}: {case.title}")
    inputs = prepare(case, cache, quick=options.quick)
    for given in {run.data: inputs[run.data] for run in runs}.values():
        warm(given)
    found: dict[str, list[dict[str, float]]] = {f"{case.name}/{run.label}": [] for run in runs}
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=cache) as name:
        folder = Path(name)
        for number in range(options.rounds):
            for run in _turned(runs, number):
                given, published = inputs[run.data], folder / run.label
                shutil.rmtree(published, ignore_errors=True)
                command = engines.command(run.engine, case.question, given.path, given.fmt, given.values(published))
                measurement = measure(command, folder / f"{run.label}.csv", run.environ)
                found[f"{case.name}/{run.label}"].append(asdict(measurement))
                _say(f"  {run.label:<10} {measurement.wall:8.2f} s  {measurement.peak:6.0f} MB")
            wrong += [what for what in _wrong(case, runs, inputs, folder) if what not in wrong]
    circumstances = _circumstances()
    for run in runs:
        size = inputs[run.data].size
        run_name = f"{case.name}/{run.label}"
        results["runs"][run_name] = {**circumstances, "bytes": size, "rounds": found[run_name]}
    return wrong


def _runs(case: Case, options: argparse.Namespace) -> list[Run]:
    """The runs of a case that are asked for and possible."""
    runs = []
    for run in case.runs:
        if run.engine not in options.engines or (
            options.quick and case.quick is not None and run.engine not in case.quick
        ):
            continue
        if package := engines.missing(run.engine):
            _say(f"{case.name}/{run.label}: skipped, needs {package}")
        else:
            runs.append(run)
    return runs


def _turned(runs: Sequence[Run], number: int) -> list[Run]:
    """Each round begins with another run."""
    first = number % len(runs)
    return [*runs[first:], *runs[:first]]


def _wrong(case: Case, runs: Sequence[Run], inputs: dict[str, Input], folder: Path) -> list[str]:
    """Which outputs differ from the known answer, or, where there is none, from the first run's."""
    wrong = []
    for run in runs:
        known = inputs[run.data].expected if case.question.name == DAILY.name else None
        if known is None and run is runs[0]:
            continue
        ours = run.engine in engines.OURS
        tolerance = OUR_TOLERANCE if known and ours else 0 if ours else case.question.tolerance
        expected, output = (_answer(case, folder, one) for one in (runs[0], run))
        check = [
            "-m",
            "scripts.benchmarks.check",
            case.question.name,
            str(known or expected),
            str(tolerance),
            str(output),
        ]
        said = run_quietly([sys.executable, *check])
        if said != "ok":
            wrong.append(f"{case.name}/{run.label}: {said}")
    return wrong


def _answer(case: Case, folder: Path, run: Run) -> Path:
    return folder / run.label if case.question.published else folder / f"{run.label}.csv"


def _earlier(path: Path | None) -> dict[str, Any]:
    if path is not None and path.exists():
        earlier: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return earlier
    return {"runs": {}}


def _circumstances() -> dict[str, Any]:
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 2),
        "versions": versions,
    }


def _commit() -> str:
    try:
        return run_quietly(["git", "describe", "--always", "--dirty"])
    except (CommandError, OSError):  # no clone, or no git
        return "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
