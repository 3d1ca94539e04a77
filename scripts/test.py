"""Everything that must hold before a change is merged: lint, types, tests, documentation, answers.

python3 scripts/test.py            # what a change must pass
python3 scripts/test.py --quick    # what fits in a minute
python3 scripts/test.py --full     # everything there is, for hours
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

if sys.version_info < (3, 11):
    sys.exit("Needs Python 3.11 or newer, this is %d.%d. Try: python3.11 scripts/test.py" % sys.version_info[:2])

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from scripts import ahead, other_environments, spark_classes
from scripts.environment import ROOT, Environment, guarded, prepare
from scripts.record import record
from scripts.steps import LIMIT, Outcome, Runner

CI = os.environ.get("CI") == "true"
NOT_PER_PYTHON = ("--ignore", "tests/data", "--ignore", "tests/scripts")
"""No other Python reads a real set otherwise, or draws other sample data."""
WORKERS = str(min(os.cpu_count() or 1, 4))
CLUSTERS = "spark or hadoop"
QUICK = f"not slow and not ({CLUSTERS}) and not s3"
NOT_QUICK = (
    *(f"--ignore=tests/{folder}" for folder in ("outcomes", "data", "scripts")),
    *(f"--ignore={path}" for path in sorted(ROOT.glob("tests/jobs/test_*.py")) if path.stem != "test_parity"),
)
"""Whole commands by the hundred wait for the full run; the parity matrix stands for the jobs."""
PYTEST = ("-m", "pytest", "-q", "-n", WORKERS, "--dist", "loadgroup", "--durations=10", "--durations-min=20")
LESS_RANDOM = {"JOBS_FUZZ_ROUNDS": os.environ.get("JOBS_FUZZ_ROUNDS", "0.2")}
"""Where random input is not drawn in full."""
QUARTER_RANDOM = {"JOBS_FUZZ_ROUNDS": os.environ.get("JOBS_FUZZ_ROUNDS", "0.25")}
"""Where all are run after every change; the sanitizers' step draws the readers' and the kernel's input again."""
COMMANDS_TOO = {"JOBS_COVERAGE": "commands"}
"""What tests run as commands is measured as well, which takes twice as long."""
PYTEST_CODES = {5: "no test was selected", 4: "pytest was called wrongly", 3: "pytest failed inside", 2: "interrupted"}


def lint(runner: Runner, environment: Environment, arguments: argparse.Namespace) -> list[Outcome]:
    return [
        runner.run("lint", environment.python, "-m", "ruff", "check", "--quiet", "."),
        runner.run("format", environment.python, "-m", "ruff", "format", "--quiet", "--diff", "."),
    ]


def types(runner: Runner, environment: Environment, arguments: argparse.Namespace) -> list[Outcome]:
    return [runner.run("types", environment.python, "-m", "mypy", "--strict")]


def tests(runner: Runner, environment: Environment, arguments: argparse.Namespace) -> list[Outcome]:
    pytest = (*PYTEST, "--ignore", "tests/docs", *arguments.pytest)
    if arguments.quick:
        quick = (*pytest, *NOT_QUICK, "-m", QUICK)
        return [runner.run("tests", environment.python, *quick, words=PYTEST_CODES, environ=LESS_RANDOM)]
    usual = "" if arguments.full else " and not full"
    main = pytest if arguments.pytest else (*pytest, "-m", f"not ({CLUSTERS}){usual}")
    if not arguments.full:
        return [runner.run("tests", environment.python, *main, words=PYTEST_CODES, environ=QUARTER_RANDOM)]
    coverage = ("-m", "coverage")
    return [
        runner.run("tests", environment.python, *coverage, "run", *main, words=PYTEST_CODES, environ=COMMANDS_TOO),
        runner.run("combine", environment.python, *coverage, "combine", "--quiet"),
        runner.run("coverage", environment.python, *coverage, "report", closing="TOTAL"),
    ]


def clusters(runner: Runner, environment: Environment, arguments: argparse.Namespace) -> list[Outcome]:
    """The tests that need Spark or Hadoop, also in full without coverage, which would slow each of their workers."""
    if arguments.quick or arguments.pytest:
        return []
    selected = CLUSTERS if arguments.full else f"({CLUSTERS}) and not full"
    pytest = (*PYTEST, "--ignore", "tests/docs", "-m", selected)
    classes = spark_classes.options(environment, runner.scratch)
    return [runner.run("clusters", environment.python, *pytest, words=PYTEST_CODES, environ=classes)]


def docs(runner: Runner, environment: Environment, arguments: argparse.Namespace) -> list[Outcome]:
    pages: tuple[str, ...] = ("tests/docs/test_links.py",) if arguments.quick else ("tests/docs",)
    if not arguments.full:
        pages = (*pages, "-m", "not full")
    classes = {} if arguments.quick else spark_classes.options(environment, runner.scratch)
    return [runner.run("docs", environment.python, *PYTEST, *pages, words=PYTEST_CODES, environ=classes)]


def answers(runner: Runner, environment: Environment, arguments: argparse.Namespace) -> list[Outcome]:
    where = {"answers": (), **({"on hadoop": ("--hadoop",)} if arguments.full else {})}
    command = ("scripts/benchmark.py", "--quick")
    return [runner.run(name, environment.python, *command, *flags) for name, flags in where.items()]


def fuzz(runner: Runner, environment: Environment, arguments: argparse.Namespace) -> list[Outcome]:
    rounds = "3" if arguments.full else "1"
    return [runner.run("fuzz", environment.python, "scripts/fuzz_kernel.py", "--rounds", rounds)]


def interpreters(runner: Runner, environment: Environment, arguments: argparse.Namespace) -> list[Outcome]:
    """The quick tests on the newest other Python that is supported, or with --full the main ones on every other."""
    outcomes = []
    selected = ("-m", f"not slow and not ({CLUSTERS})") if arguments.full else (*NOT_QUICK, "-m", QUICK)
    for version, python in other_environments.others(every=arguments.full).items():
        name = f"python {version}"
        if python is None:
            outcomes.append(Outcome(name, not CI, 0.0, "is not on this machine"))
            continue
        other = other_environments.of_python(version, python)
        pytest = (*PYTEST, "--ignore", "tests/docs", *NOT_PER_PYTHON, *arguments.pytest, *selected)
        outcomes.append(runner.run(name, other.python, *pytest, words=PYTEST_CODES, environ=LESS_RANDOM))
    return outcomes


def old_spark(runner: Runner, environment: Environment, arguments: argparse.Namespace) -> list[Outcome]:
    """The parity matrix's twins on the oldest Spark that is supported."""
    name = f"spark {other_environments.OLD_SPARK}"
    python = other_environments.old_spark_python()
    if python is None:
        return [Outcome(name, not CI, 0.0, f"python {other_environments.OLD_SPARK_PYTHON} is not on this machine")]
    other = other_environments.of_old_spark(python)
    pytest = (*PYTEST, "tests/jobs/test_parity.py", "-k", "sample_data", *arguments.pytest, "-m", "spark")
    classes = spark_classes.options(other, runner.scratch)
    return [runner.run(name, other.python, *pytest, words=PYTEST_CODES, environ=classes)]


STEPS = {step.__name__: step for step in (lint, types, tests, clusters, docs, answers, fuzz, interpreters, old_spark)}
ALWAYS = ("lint", "types", "tests", "clusters", "docs")
USUAL = (*ALWAYS, "answers")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="test.py",
        allow_abbrev=False,
        description=__doc__.splitlines()[0],
        epilog="After -- come pytest's own arguments.",
    )
    parser.add_argument("--quick", action="store_true", help="the subset that fits in a minute")
    parser.add_argument("--full", action="store_true", help="all there is: every step, set, fault and random input")
    parser.add_argument("--only", metavar="STEPS", help=f"just these, separated by commas: {', '.join(STEPS)}")
    parser.add_argument("--record", metavar="PAGE", type=Path, help="keep how each step ended in a page's table")
    parser.add_argument("pytest", nargs="*", metavar="PYTEST", help="arguments for pytest, after --")
    return parser.parse_args()


def chosen(arguments: argparse.Namespace) -> list[str]:
    """The names of the steps to run, in their order."""
    if arguments.only:
        names = arguments.only.split(",")
        unknown = [name for name in names if name not in STEPS]
        if unknown:
            sys.exit(f"test.py: no step is named {', '.join(unknown)}; there are {', '.join(STEPS)}")
        return [name for name in STEPS if name in names]
    return list(ALWAYS if arguments.quick else STEPS if CI or arguments.full else USUAL)


def main() -> int:
    arguments = options()
    names = chosen(arguments)
    environment = prepare(("dev",) if arguments.quick else ("dev", "spark"))
    limit = 14_400.0 if arguments.full else LIMIT
    prefix = "sensor-jobs-test-"
    with tempfile.TemporaryDirectory(prefix=prefix) as scratch, Runner(Path(scratch), limit=limit) as runner:
        Path(scratch).chmod(0o755)  # some tests are another user for a moment
        if not environment.stamp().get("kernel"):
            runner.outcomes.append(Outcome("kernel", not CI, 0.0, "could not be built, so its tests are skipped"))
        later = [name for name in names[1:] if name in ahead.READY]
        if later and not arguments.quick:
            runner.beside(environment.python, "-m", "scripts.ahead", *later)
        for name in names:
            outcomes = STEPS[name](runner, environment, arguments)
            runner.outcomes += outcomes
            if arguments.record:
                record(arguments.record.resolve(), outcomes)
    return runner.report()


if __name__ == "__main__":
    guarded(main)
