"""The kernel is built where there is a compiler, only when needed; where there is none, that is said."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.kernel import build, library

ROOT = Path(__file__).resolve().parent.parent.parent
needs_compiler = pytest.mark.skipif(not build.compilers(), reason="no C compiler")


@needs_compiler
@pytest.mark.slow
def test_a_library_is_built_once_and_again_for_other_flags(tmp_path: Path) -> None:
    target = tmp_path / "kernel.so"
    assert build.build(target, extra=("-O1",)) == target
    first = target.stat().st_mtime_ns
    build.build(target, extra=("-O1",))
    assert target.stat().st_mtime_ns == first
    build.build(target, extra=("-O1", "-DUNUSED"))
    assert target.stat().st_mtime_ns > first
    assert ctypes.CDLL(str(target)).kernel_abi() == library.ABI
    assert list(tmp_path.iterdir()) == [target]


def test_a_compiler_that_fails_is_told_with_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\necho 'no stdlib.h' >&2\nexit 3\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    with pytest.raises(build.BuildError, match=r"cc: no stdlib\.h"):
        build.build(tmp_path / "kernel.so")
    assert list(tmp_path.iterdir()) == [compiler]


def test_without_a_compiler_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    if importlib.util.find_spec("ziglang"):
        assert "ziglang" in build.compilers()[0]
        return
    with pytest.raises(build.BuildError, match="install gcc or clang, or the Python package ziglang"):
        build.build(tmp_path / "kernel.so")


@needs_compiler
def test_the_kernel_compiles_without_a_warning(tmp_path: Path) -> None:
    build.build(tmp_path / "kernel.so", extra=("-Werror", "-O1"))


@needs_compiler
@pytest.mark.slow
def test_without_vector_instructions_the_kernel_does_the_same(tmp_path: Path) -> None:
    plain = build.build(tmp_path / "kernel.so", extra=("-DKERNEL_PLAIN",))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    files = ["tests/kernel/test_lines.py", "tests/readings/test_kernel_agrees.py"]
    environ = os.environ | {"JOBS_KERNEL": "on", "JOBS_KERNEL_LIBRARY": str(plain)}
    done = subprocess.run([*command, *files], cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def loaded(**environ: str) -> tuple[str, str]:
    """What `library.load()` and `why_missing()` give in a process of that environment."""
    program = "from jobs.kernel import library; print(library.load()); print(library.why_missing())"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=os.environ | environ, capture_output=True, text=True, check=True
    )
    found, reason = done.stdout.split("\n")[:2]
    return found, reason


@needs_compiler
@pytest.mark.slow
def test_a_library_older_than_its_sources_is_not_used(tmp_path: Path) -> None:
    package = tmp_path / "jobs"
    shutil.copytree(ROOT / "jobs" / "kernel", package / "kernel", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    (package / "__init__.py").touch()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("JOBS_KERNEL")}
    run = functools.partial(subprocess.run, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
    ask = [sys.executable, "-c", "from jobs.kernel import library; print(library.why_missing())"]
    run([sys.executable, "-m", "jobs.kernel.build"])
    assert run(ask).stdout == "\n"
    with (package / "kernel" / "abi.c").open("a") as source:
        source.write("/* changed */\n")
    assert "is not built from the sources beside it: build it with" in run(ask).stdout


def test_it_can_be_switched_off() -> None:
    assert loaded(JOBS_KERNEL="off") == ("None", "JOBS_KERNEL=off")


def test_a_file_that_is_no_library_is_not_used(tmp_path: Path) -> None:
    other = tmp_path / "other.so"
    other.write_bytes(b"not a library")
    found, reason = loaded(JOBS_KERNEL_LIBRARY=str(other), JOBS_KERNEL="on")
    assert found == "None"
    assert reason.startswith(f"{other} cannot be loaded (")
    assert loaded(JOBS_KERNEL_LIBRARY=str(tmp_path / "none.so"), JOBS_KERNEL="on")[1].startswith(
        f"{tmp_path / 'none.so'} is not there: build it"
    )


@needs_compiler
def test_a_library_of_another_version_is_not_used(tmp_path: Path) -> None:
    source = tmp_path / "old.c"
    source.write_text("int kernel_abi(void) { return 0; }\n")
    old = tmp_path / "old.so"
    subprocess.run([*build.compilers()[0], "-shared", "-fPIC", "-o", str(old), str(source)], check=True)
    assert loaded(JOBS_KERNEL_LIBRARY=str(old), JOBS_KERNEL="on") == (
        "None",
        f"{old} is of another version: build it with python -m jobs.kernel.build",
    )
