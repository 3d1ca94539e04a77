"""The kernel under AddressSanitizer and UndefinedBehaviorSanitizer: its tests, with random input many times as long.

python scripts/fuzz_kernel.py                # what CI runs
python scripts/fuzz_kernel.py --rounds 100   # for a night
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from jobs.kernel import build

FLAGS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer", "-O1", "-g")
TESTS = (
    "tests/kernel",
    "--ignore=tests/kernel/test_build.py",
    "tests/readings/test_kernel_agrees.py",
    "tests/readings/test_lines_agree.py",
)
ASAN = "detect_leaks=0:allocator_may_return_null=1:abort_on_error=0:exitcode=99"  # Python itself leaves much to the end

# the offsets of empty keys are one number of four bytes
_OVERFLOW = """
import ctypes
from jobs.kernel import library
from jobs.readings.kernel_keys import KernelKeys
keys = KernelKeys(library.load())
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
keys.library.keys_copy(keys.handle, 0, libc.malloc(3), libc.malloc(16))
"""


class FuzzError(Exception):
    """Why the kernel could not be tested this way."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="fuzz_kernel.py", description="Test the kernel under the sanitizers.")
    parser.add_argument("--rounds", type=int, default=3, help="how many times the usual random input (default 3)")
    chosen, rest = parser.parse_known_args(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="sensor-jobs-fuzz-") as folder:
            environ = sanitized(Path(folder) / "kernel.so")
            prove_active(environ)
            return run_tests(environ | {"JOBS_FUZZ_ROUNDS": str(chosen.rounds)}, rest)
    except (FuzzError, build.BuildError) as error:
        print(f"fuzz_kernel.py: {error}", file=sys.stderr)
        return 1


def sanitized(target: Path) -> dict[str, str]:
    """Builds the kernel with the sanitizers; the environment in which Python runs with it."""
    compiler = next((found for found in build.compilers() if "ziglang" not in found), None)
    if compiler is None:
        raise FuzzError("gcc or clang is needed: the compiler of the ziglang wheel has no AddressSanitizer")
    build.build(target, extra=FLAGS, force=True)
    if b"__ubsan_handle" not in target.read_bytes():
        raise FuzzError("the library was built without UndefinedBehaviorSanitizer")
    preload = [_runtime(compiler, "libasan.so", "libclang_rt.asan-x86_64.so", "libclang_rt.asan-aarch64.so")]
    preload.append(_runtime(compiler, "libstdc++.so.6"))  # or exceptions of Arrow cannot be followed
    return dict(os.environ) | {
        "JOBS_KERNEL": "on",
        "JOBS_KERNEL_LIBRARY": str(target),
        "LD_PRELOAD": " ".join(preload),
        "ASAN_OPTIONS": ASAN,
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",  # so that the ends of Python's buffers are watched too
        "ARROW_DEFAULT_MEMORY_POOL": "system",
    }


def _runtime(compiler: Sequence[str], *names: str) -> str:
    for name in names:
        command = [*compiler, f"-print-file-name={name}"]
        found = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        if found and Path(found).is_absolute() and Path(found).exists():
            return str(Path(found).resolve())
    raise FuzzError(f"{compiler[0]} has no {names[0]}: install its sanitizer libraries (libasan)")


def prove_active(environ: Mapping[str, str]) -> None:
    """A test that cannot fail proves nothing: AddressSanitizer must stop a write beyond a buffer."""
    done = subprocess.run(
        [sys.executable, "-c", _OVERFLOW], env=environ, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode == 0 or "heap-buffer-overflow" not in done.stderr:
        raise FuzzError(f"AddressSanitizer does not see a write beyond a buffer:\n{done.stderr[-2000:]}")


def run_tests(environ: Mapping[str, str], rest: Sequence[str]) -> int:
    partials = [str(path) for path in (ROOT / "tests" / "partials").glob("test_*.py") if "kernel" in path.read_text()]
    workers = str(min(os.cpu_count() or 1, 4))
    command = [sys.executable, "-m", "pytest", "-q", "-n", workers, "-p", "no:cacheprovider", *TESTS, *partials, *rest]
    return subprocess.run(command, env=environ, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
