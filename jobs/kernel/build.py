"""Builds the kernel: `python -m jobs.kernel.build` compiles the C files beside this one into `_kernel.so`.

Any C11 compiler does: $CC, cc, gcc, clang, or the `ziglang` wheel. Only the standard library is used, as setup.py and
the sanitizer runs build with it too.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from jobs.kernel.library import FOLDER, digest, sources

LIBRARY = FOLDER / "_kernel.so"
NAMES = ("cc", "gcc", "clang")

_FLAGS = ("-std=gnu11", "-O3", "-ffp-contract=off", "-fno-fast-math", "-fPIC", "-shared", "-fvisibility=hidden")
_WARNINGS = ("-Wall", "-Wextra", "-Wno-unused-function")
_BASELINE = {"x86_64": ("-msse4.2", "-mpopcnt"), "amd64": ("-msse4.2", "-mpopcnt")}  # x86-64-v2, for old compilers too
_ZIG_CPU = {"x86_64": "x86_64_v2", "amd64": "x86_64_v2"}  # zig takes the machine's own processor otherwise
_GLIBC = "2.17"  # what a library for another machine needs at most, as manylinux2014 does


class BuildError(RuntimeError):
    """No compiler, or none that could build the kernel; the message says what to do."""


def build(
    target: Path = LIBRARY,
    *,
    extra: Sequence[str] = (),
    force: bool = False,
    zig: bool = False,
    machine: str | None = None,
) -> Path:
    """Builds the library if it is not there or its sources have changed; returns where it is.

    extra: more flags, after the usual ones. zig: use the ziglang wheel only. machine: build with that wheel for any
    Linux of that processor (x86_64 or aarch64), whatever this machine is. Raises BuildError.
    """
    if machine is not None:
        zig, extra = True, (*extra, "-target", f"{machine}-linux-gnu.{_GLIBC}", "-s")  # no names of files here
    if not force and target.is_file() and _mark(extra).encode() in target.read_bytes():
        return target
    if zig and not importlib.util.find_spec("ziglang"):
        raise BuildError("the Python package ziglang is missing: python -m pip install ziglang")
    failures = []
    for compiler in [zig_compiler(machine)] if zig else compilers():
        failure = _compile(compiler, target, extra)
        if failure is None:
            return target
        failures.append(f"{shlex.join(compiler)}: {failure}")
    raise BuildError("\n".join(failures) or "no C compiler: install gcc or clang, or the Python package ziglang")


def compilers() -> list[list[str]]:
    """The commands that can compile here, in the order of preference."""
    named = shlex.split(os.environ.get("CC", ""))
    if named:
        return [named]
    found = next(filter(None, map(shutil.which, NAMES)), None)
    usual = [[found]] if found else []
    return [*usual, zig_compiler()] if importlib.util.find_spec("ziglang") else usual


def zig_compiler(machine: str | None = None) -> list[str]:
    """The ziglang wheel as a C compiler, for the baseline of a processor: this machine's where none is named."""
    cpu = _ZIG_CPU.get(machine or platform.machine().lower(), "baseline")
    return [sys.executable, "-m", "ziglang", "cc", f"-mcpu={cpu}"]


def _baseline() -> tuple[str, ...]:
    return _BASELINE.get(platform.machine().lower(), ())


def _mark(extra: Sequence[str]) -> str:
    """What a library was built from: hashes of the sources and of the flags."""
    flags = " ".join((*_FLAGS, *_baseline(), *extra))
    return f"{digest()}-{hashlib.sha256(flags.encode()).hexdigest()[:16]}"


def _compile(compiler: Sequence[str], target: Path, extra: Sequence[str]) -> str | None:
    """Compiles all files as one unit; the end of the compiler's own words where it fails."""
    with tempfile.TemporaryDirectory(prefix="sensor-jobs-kernel-") as folder:
        unit = Path(folder) / "kernel.c"
        unit.write_text("".join(f'#include "{path}"\n' for path in sources() if path.suffix == ".c"), "utf-8")
        # beside the target, so that the rename is atomic
        fresh = target.with_name(f".{target.name}.{os.getpid()}")
        cpu = () if "ziglang" in compiler else _baseline()
        define = f'-DKERNEL_DIGEST="{_mark(extra)}"'
        command = [*compiler, *_FLAGS, *cpu, *_WARNINGS, define, *extra, "-o", str(fresh), str(unit)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, errors="replace")
            if done.returncode != 0:
                return done.stderr.strip()[-2000:] or f"exit status {done.returncode}"
            fresh.replace(target)
        except OSError as error:
            return str(error)
        finally:
            fresh.unlink(missing_ok=True)
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the library's path; status 1 where it cannot be built."""
    parser = argparse.ArgumentParser(prog="python -m jobs.kernel.build", description="Build the C kernel.")
    parser.add_argument("--force", action="store_true", help="build even if nothing has changed")
    parser.add_argument("--zig", action="store_true", help="use the compiler of the ziglang package only")
    chosen = parser.parse_args(arguments)
    try:
        print(build(force=chosen.force, zig=chosen.zig))
    except BuildError as error:
        print(f"the kernel could not be built:\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
