"""One case measured: every run in turn, whole processes, answers checked."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from scripts.benchmarks import engines
from scripts.benchmarks.cases import DAILY
from scripts.benchmarks.cluster import Bench
from scripts.benchmarks.inputs import Input, prepare, warm
from scripts.benchmarks.model import Case, Question, Run, Suite
from scripts.benchmarks.process import CommandError, measure, run_quietly

OUR_TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Plan:
    """How often, with which engines and on which data it is measured; `bench`: the cluster of a suite on one."""

    suite: Suite
    engines: Sequence[str]
    rounds: int
    cache: Path
    quick: bool
    bench: Bench | None = None


def measure_case(case: Case, plan: Plan, results: dict[str, Any]) -> list[str]:
    """Measures a case into `results`; returns which answers are wrong."""
    if case.folder is not None and not case.folder.is_dir():
        say(f"{case.name}: skipped, {case.folder} is not there")
        return []
    runs = _runs(case, plan)
    if not runs:
        return []
    say(f"{case.name}: {case.title}")
    inputs = prepare(case, plan.cache, quick=plan.quick)
    for given in {run.data: inputs[run.data] for run in runs}.values():
        warm(given)
    found: dict[str, list[dict[str, float]]] = {f"{case.name}/{run.label}": [] for run in runs}
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=plan.cache) as name:
        folder = Path(name)
        for number in range(plan.rounds):
            for run in _turned(runs, number):
                figures = _measured(run, case, inputs[run.data], folder, plan.bench)
                found[f"{case.name}/{run.label}"].append(figures)
                say(f"  {run.label:<10} {figures['wall']:8.2f} s  {figures['peak']:6.0f} MB")
            wrong += [what for what in _wrong(case, runs, inputs, folder) if what not in wrong]
    about = circumstances(plan)
    for run in runs:
        size = inputs[run.data].size
        run_name = f"{case.name}/{run.label}"
        results["runs"][run_name] = {**about, "bytes": size, "rounds": found[run_name]}
    return wrong


def _runs(case: Case, plan: Plan) -> list[Run]:
    """The runs of a case that are asked for and possible."""
    runs = []
    for run in case.runs:
        if run.engine not in plan.engines or (plan.quick and case.quick is not None and run.engine not in case.quick):
            continue
        if lacking := engines.missing(run.engine):
            say(f"{case.name}/{run.label}: skipped, needs {lacking}")
        else:
            runs.append(run)
    return runs


def _turned(runs: Sequence[Run], number: int) -> list[Run]:
    """Each round begins with another run."""
    first = number % len(runs)
    return [*runs[first:], *runs[:first]]


def _measured(run: Run, case: Case, given: Input, folder: Path, bench: Bench | None) -> dict[str, float]:
    answer = _answer(case.question, folder, run)
    if run.engine in engines.ON_HADOOP:
        assert bench is not None
        return bench.measure(run, case.question, given, answer)
    shutil.rmtree(folder / run.label, ignore_errors=True)
    values = given.values(str(folder / run.label))
    command = engines.command(run.engine, case.question, str(given.path), given.fmt, values)
    return asdict(measure(command, folder / f"{run.label}.csv", run.environ))


def _wrong(case: Case, runs: Sequence[Run], inputs: dict[str, Input], folder: Path) -> list[str]:
    """Which outputs differ from the known answer, or, where there is none, from the first run's."""
    wrong = []
    for run in runs:
        known = inputs[run.data].expected if case.question.name == DAILY.name else None
        if known is None and run is runs[0]:
            continue
        ours = run.engine in engines.OURS
        tolerance = OUR_TOLERANCE if known and ours else 0 if ours else case.question.tolerance
        expected, output = (_answer(case.question, folder, one) for one in (runs[0], run))
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


def _answer(question: Question, folder: Path, run: Run) -> Path:
    return folder / run.label if question.published else folder / f"{run.label}.csv"


def circumstances(plan: Plan) -> dict[str, Any]:
    """When, where and with what it is measured."""
    needed = [package for run in plan.suite.runs.values() if run is not None for package in engines.NEEDS[run.engine]]
    versions = {"python": platform.python_version()}
    for package in dict.fromkeys(needed):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    if plan.bench is not None:
        versions |= plan.bench.versions()
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
    """The commit, `-dirty` where code differs from it; the figures themselves are in docs."""
    try:
        changed = run_quietly(["git", "status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs"])
        return run_quietly(["git", "rev-parse", "--short", "HEAD"]) + ("-dirty" if changed else "")
    except (CommandError, OSError):  # no clone, or no git
        return "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
