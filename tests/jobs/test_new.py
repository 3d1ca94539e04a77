"""jobs.new: what it writes works at once, twin, test and page included."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.command_line import ROOT

HERE = "not (spark or hadoop)"
COPIED = ("jobs", "tests", "scripts", "docs", "sample_data", "pyproject.toml", "setup.py", "README.md", "mrjob.conf")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with a new job in it."""
    folder = tmp_path_factory.mktemp("new") / "checkout"
    folder.mkdir()
    for name in COPIED:
        source = ROOT / name
        skip = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, folder / name, ignore=skip) if source.is_dir() else shutil.copy2(source, folder / name)
    done = call(folder, "-m", "jobs.new", "battery_life", "--question", "How long does each battery last?")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:6] == [
        "wrote jobs/battery_life.py",
        "wrote jobs/spark/battery_life.py",
        "wrote tests/jobs/test_battery_life.py",
        "wrote docs/battery_life.md",
        "wrote scripts/pictures/battery_life.py",
        "drew docs/battery_life.svg",
    ]
    return folder


def call(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    shared = {"JOBS_SHARED_DATA": str(ROOT.parent / "shared" / "data")}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env={**shared, **os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "check",
    [
        ["-m", "ruff", "check", "--no-cache", "jobs", "tests/jobs", "scripts/pictures"],
        ["-m", "ruff", "format", "--no-cache", "--check", "jobs", "tests/jobs", "scripts/pictures"],
        ["-m", "mypy", "--strict", "--cache-dir", os.devnull, "jobs/battery_life.py", "jobs/spark/battery_life.py"],
        ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/jobs/test_battery_life.py"],
        ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/jobs/test_parity.py", "-k", "battery", "-m", HERE],
        ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/docs", "-k", "battery"],
    ],
    ids=lambda check: " ".join(check[1:3]) + (f" {check[-3]}" if "pytest" in check else ""),
)
def test_it_passes_at_once(checkout: Path, check: Sequence[str]) -> None:
    done = call(checkout, *check)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_listed(checkout: Path) -> None:
    done = call(checkout, "-m", "jobs")
    assert "battery_life" in done.stdout
    assert "How long does each battery last?" in done.stdout


@pytest.mark.spark
@pytest.mark.slow
def test_its_twin_gives_the_same(checkout: Path) -> None:
    mine = call(checkout, "-m", "jobs.battery_life", "sample_data/", "--output-format", "csv", "-q")
    twin = call(checkout, "-m", "jobs.spark.battery_life", "sample_data/", "--output-format", "csv", "-q")
    assert mine.stdout == twin.stdout
    assert mine.stdout.count("\n") > 100


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["Battery"], "'Battery' is no name of a job; write it as battery_life: small letters, digits and _"),
        (["class"], "'class' is no name of a job; write it as battery_life: small letters, digits and _"),
        (["daily_stats"], "'daily_stats' is taken; python -m jobs lists the jobs"),
        (["engine"], "'engine' is taken; python -m jobs lists the jobs"),
        (["compare"], "jobs/compare.py: is there already; choose another name"),
        (["x", "--question", 'a "b"'], "--question: must be one line without quotes and backslashes"),
    ],
)
def test_refused(checkout: Path, arguments: list[str], told: str) -> None:
    done = call(checkout, "-m", "jobs.new", *arguments)
    assert (done.returncode, done.stderr) == (2, f"error: {told}\n")


def test_elsewhere_it_says_where_to_stand(tmp_path: Path) -> None:
    done = call(
        ROOT,
        "-c",
        f"import os, runpy, sys; os.chdir({str(tmp_path)!r}); sys.argv = ['x', 'y'];"
        " runpy.run_module('jobs.new', run_name='__main__')",
    )
    assert (done.returncode, done.stderr) == (2, "error: there is no jobs/ here; stand in a checkout of the project\n")
