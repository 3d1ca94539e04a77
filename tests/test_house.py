"""Cheap rules that keep the house in order."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "jobs").rglob("*.py"))
HEAVY = ("boto3", "pyspark", "pandas", "tqdm", "zstandard", "pyarrow.parquet", "mrjob")

LAYERS = ("errors", "kernel", "readings", "partials", "lake", "emr", "engine", "jobs")
"""Lower layers first: a module imports from its own layer and those before it."""


def _dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _layer(module: str) -> int:
    """The layer of one of our modules; the jobs themselves, their twins, their registry and programs are on top."""
    part = "jobs" if module.endswith(".__main__") else [*module.split("."), ""][1]
    if part in LAYERS:
        return LAYERS.index(part)
    return 0 if part in {"", "__version__", "requirements"} else len(LAYERS) - 1


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every module of ours that the file imports, anywhere in it, with the line."""
    package = _dotted(path).split(".") if path.name == "__init__.py" else _dotted(path).split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) + 1 - node.level]) if node.level else ""
            origin = ".".join(filter(None, (base, node.module)))
            names = [f"{origin}.{alias.name}" for alias in node.names]
        for name in names:
            if name.split(".")[0] == "jobs":
                yield getattr(node, "lineno", 0), name


def test_no_file_is_long() -> None:
    sources = [*MODULES, *(ROOT / "jobs").rglob("*.[ch]"), *(ROOT / "scripts").rglob("*.py")]
    long = {str(path.relative_to(ROOT)): count for path in sources if (count := path.read_bytes().count(b"\n")) > 400}
    assert not long


def test_imports_run_one_way() -> None:
    upward = [
        f"{path.relative_to(ROOT)}:{line}: {_dotted(path)} imports {name}"
        for path in MODULES
        for line, name in _imports(path)
        if _layer(name) > _layer(_dotted(path))
    ]
    assert not upward


@pytest.mark.parametrize("module", ["jobs", "jobs.readings.model", "jobs.readings.dialect", "jobs.registry"])
def test_importing_is_light(module: str) -> None:
    program = f"import sys, {module}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_core_layers_know_no_engine() -> None:
    """Parsing and statistics know nothing of mrjob, Spark, command lines or S3."""
    foreign = re.compile(r"^\s*(?:import|from)\s+(mrjob|pyspark|argparse|boto3|botocore)\b", re.MULTILINE)
    found = [
        f"{path.relative_to(ROOT)}: {match[1]}"
        for part in ("readings", "partials", "kernel")
        for path in (ROOT / "jobs" / part).rglob("*.py")
        for match in foreign.finditer(path.read_text("utf-8"))
        if path.name != "build.py"
    ]
    assert not found


def test_no_machine_is_named() -> None:
    """No path of one machine and no package registry's host stands in the tree."""
    words = (
        r"/(?:work|root)/\w",
        r"/tmp/w/",
        r"/home/\w+/",
        r"py" + r"pi\.org",
        "python" + "hosted",
        "registry" + r"\.npmjs",
    )
    pattern = re.compile("|".join(words))
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no git checkout")
    found = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if name.startswith("sample_data/") or name == "tests/test_house.py" or not path.is_file():
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        found += [f"{name}: {match[0]}" for match in pattern.finditer(text)]
    assert not found


def test_every_reject_reason_is_described() -> None:
    from jobs.readings.model import Reason

    page = (ROOT / "docs" / "rejects.md").read_text("utf-8")
    assert [reason for reason in Reason if not re.search(rf"^\|\s*`{reason}`\s*\|", page, re.MULTILINE)] == []


def test_every_shipped_dialect_is_described() -> None:
    page = (ROOT / "docs" / "dialects.md").read_text("utf-8")
    shipped = sorted(path.stem for path in (ROOT / "jobs" / "readings" / "dialects").glob("*.toml"))
    assert shipped
    assert [name for name in shipped if f"`{name}`" not in page] == []


def test_make_help_lists_every_target() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", text, re.MULTILINE))
    explained = set(re.findall(r"^([a-z]+):.*## \S", text, re.MULTILINE))
    assert targets == explained


@pytest.mark.slow
def test_tests_that_only_the_full_check_runs_have_their_fixtures() -> None:
    command = [sys.executable, "-m", "pytest", "--setup-plan", "-q", "-p", "no:cacheprovider", "-m", "full"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
