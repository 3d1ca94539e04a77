"""The project's own virtual environment: made once, reused until what it is made from changes.

Only the standard library is used, so that any Python from 3.11 on can run it before anything is installed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from jobs.requirements import CORE, EXTRAS

ROOT = Path(__file__).resolve().parent.parent
COMPILERS = ("cc", "gcc", "clang")
_FOREIGN = ("PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV")
_SLOWING = ("PYTHONDONTWRITEBYTECODE",)  # each of a thousand commands would compile the suite anew
_TAIL = 25


class SetupError(Exception):
    """Why the environment could not be made and what to do about it."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment of this project."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def _stamp(self) -> Path:
        return self.folder / "sensor-jobs.json"

    def stamp(self) -> dict[str, object]:
        """What the environment was made from; empty where it was never finished."""
        try:
            stamp = json.loads(self._stamp.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return stamp if isinstance(stamp, dict) else {}

    def write_stamp(self, **changed: object) -> None:
        self._stamp.write_text(json.dumps(self.stamp() | changed, indent=1, sort_keys=True) + "\n", "utf-8")

    def run(self, *arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run the environment's Python in the project's root, its output kept."""
        return _run(self.python, *arguments, ZIG_GLOBAL_CACHE_DIR=str(self.folder / "zig-cache"), **environ)


def prepare(
    extras: Sequence[str] = (),
    folder: Path = ROOT / ".venv",
    base: str | None = None,
    kernel: bool = True,
    pins: Sequence[str] = (),
) -> Environment:
    """Make or complete the environment in `folder` and return it.

    extras: names of EXTRAS to install beside the core requirements. base: the interpreter it is made from,
    by default the running one. kernel: build the kernel too. pins: requirements beside those.
    Raises SetupError.
    """
    if os.name != "posix":
        raise SetupError(
            "Sensor jobs runs on Linux and macOS. On Windows use WSL: https://learn.microsoft.com/windows/wsl"
        )
    environment = Environment(folder)
    with _alone():
        _create(environment, base or _base())
        _install(environment, extras, pins)
        if kernel:
            _build_kernel(environment)
    return environment


@contextlib.contextmanager
def progress(what: str, subject: str = "") -> Iterator[None]:
    """Say on standard output what is being done, and when it is done how long it took."""
    print(f"  {what:<12} {subject} … ", end="", flush=True)
    start = time.monotonic()
    try:
        yield
    except BaseException:
        print("failed", flush=True)
        raise
    print(f"{time.monotonic() - start:.1f} s", flush=True)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Hold the project's folder, so that two commands never prepare one environment at once."""
    handle = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with progress("waiting", "another command prepares the environment"):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _create(environment: Environment, base: str) -> None:
    """Make the environment with pip in it, by whichever way the machine allows."""
    version = _ask(base, "import platform; print(platform.python_version())")
    stamp = environment.stamp()
    if stamp.get("python") == version and stamp.get("root") == str(ROOT) and environment.python.exists():
        return
    failures: list[str] = []
    with progress("environment", f"{_shown(environment.folder)}, Python {version}"):
        for way in (_with_venv, _with_borrowed_pip, _with_virtualenv):
            failure = way(environment, base)
            if failure is None:
                break
            failures.append(failure)
        else:
            package = f"python{version.rpartition('.')[0]}-venv"
            raise SetupError(
                "This Python can make no virtual environment:\n"
                + "\n".join(f"  - {' '.join(failure.split()).partition('. ')[0]}" for failure in failures)
                + f"\nOn Debian and Ubuntu: sudo apt install {package}\n"
                "Elsewhere: install the venv and pip modules of Python. Then run this command again."
            )
        packages = Path(_ask(environment.python, "import sysconfig; print(sysconfig.get_path('purelib'))"))
        (packages / "sensor_jobs.pth").write_text(f"{ROOT}\n", "utf-8")
        environment.write_stamp(python=version, root=str(ROOT))


def _with_venv(environment: Environment, base: str) -> str | None:
    return _failure(_run(base, "-m", "venv", "--clear", environment.folder))


def _with_borrowed_pip(environment: Environment, base: str) -> str | None:
    """Debian without python3-venv has venv but no ensurepip: take the interpreter's own pip, or a wheel of it."""
    failure = _failure(_run(base, "-m", "venv", "--clear", "--without-pip", environment.folder))
    if failure:
        return failure
    packages = _ask(environment.python, "import sysconfig; print(sysconfig.get_path('purelib'))")
    library = Path(_ask(base, "import sysconfig; print(sysconfig.get_path('stdlib'))"))
    places = (library / "ensurepip" / "_bundled", Path("/usr/share/python-wheels"))
    for wheel in (wheel for place in places for wheel in place.glob("pip-*.whl")):
        if _run(environment.python, wheel / "pip", "install", "--quiet", "--no-index", wheel).returncode == 0:
            return None
    return _failure(_run(base, "-m", "pip", "install", "--quiet", "--target", packages, "pip"))


def _with_virtualenv(environment: Environment, base: str) -> str | None:
    return _failure(_run(base, "-m", "virtualenv", "--quiet", "--clear", environment.folder))


def _install(environment: Environment, extras: Sequence[str], pins: Sequence[str]) -> None:
    """Install what is required and not yet there; nothing at all when the stamp says so."""
    digest = hashlib.sha256(repr((CORE, EXTRAS, *pins)).encode()).hexdigest()
    stamp = environment.stamp()
    installed = stamp.get("extras")
    had = set(installed) if isinstance(installed, list) and stamp.get("requirements") == digest else None
    if had is not None and had >= set(extras):
        return
    wanted = dict.fromkeys([*CORE, *(name for extra in extras for name in EXTRAS[extra])])
    with progress("packages", ", ".join(("core", *extras, *pins))):
        pip(environment, *wanted, *pins)
        environment.write_stamp(requirements=digest, extras=sorted((had or set()) | set(extras)))


def pip(environment: Environment, *packages: str) -> None:
    """Install packages; raises SetupError with pip's own message."""
    quietly = ("--quiet", "--no-input", "--disable-pip-version-check", "--progress-bar", "off")
    fast = ("--prefer-binary", "--no-compile")  # a module is compiled when it is imported, which most never are
    failure = _failure(environment.run("-m", "pip", "install", *quietly, *fast, *packages))
    if failure:
        raise SetupError(
            f"pip could not install {' '.join(packages)}:\n{failure}\n"
            "Can this machine reach the package index? Behind a proxy set HTTPS_PROXY, with a mirror PIP_INDEX_URL;\n"
            "without a network put wheels in a folder and set PIP_FIND_LINKS=FOLDER PIP_NO_INDEX=1.\n"
            "Then run this command again: it goes on from here."
        )


def _build_kernel(environment: Environment) -> None:
    """Build the kernel with the machine's compiler, or the ziglang wheel's; without either say so and go on."""
    sources = sorted(path for path in (ROOT / "jobs" / "kernel").iterdir() if path.suffix in {".c", ".h", ".py"})
    digest = hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in sources)).hexdigest()
    library = environment.stamp().get("library")
    if environment.stamp().get("kernel") == digest and isinstance(library, str) and Path(library).exists():
        return
    failures: list[str] = []
    compiler = os.environ.get("CC") or next(filter(None, map(shutil.which, COMPILERS)), None)
    for name in filter(None, (compiler, "zig")):
        try:
            with progress("kernel", f"with {name}"):
                environment.write_stamp(kernel=digest, library=_compile(environment, zig=name == "zig"))
            return
        except SetupError as error:
            failures += [line for line in str(error).splitlines() if "error" in line.lower()][:1]
    environment.write_stamp(kernel=None)
    print("  No kernel could be built, so plain Python reads every line: same answers, slower.")
    print(*(f"    {failure}" for failure in failures), sep="\n")
    print("  With a C compiler installed (gcc or clang) run this command again.", flush=True)


def _compile(environment: Environment, *, zig: bool) -> str:
    """Build the kernel, with the ziglang wheel if asked; returns the library's path."""
    if zig:
        pip(environment, "ziglang>=0.13")
    done = environment.run("-m", "jobs.kernel.build", *(("--zig",) if zig else ()))
    failure = _failure(done)
    if failure:
        raise SetupError(failure)
    return done.stdout.strip().splitlines()[-1]


def guarded(command: Callable[[], int]) -> NoReturn:
    """Run a command and exit with its status; what a user can cause ends without a traceback."""
    try:
        status = command()
        sys.stdout.flush()
    except SetupError as error:
        sys.exit(f"\n{error}")
    except KeyboardInterrupt:
        status = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nobody reads on: nothing more to say at the exit
        status = 0
    sys.exit(status)


def _base() -> str:
    """The interpreter behind the running one, which may be a virtual environment's own."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def clean_environ() -> dict[str, str]:
    """The process's environment without what would lead Python or pip out of the project's own environment."""
    return {name: value for name, value in os.environ.items() if name not in (*_FOREIGN, *_SLOWING)}


def _run(program: str | Path, *arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [str(program), *map(str, arguments)]
    try:
        return subprocess.run(
            command,
            cwd=ROOT,
            env=clean_environ() | environ,
            capture_output=True,
            text=True,
            check=False,
            errors="replace",
        )
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))


def _failure(done: subprocess.CompletedProcess[str]) -> str | None:
    """The last lines that a failed command said; None where it succeeded."""
    if done.returncode == 0:
        return None
    lines = (done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}").splitlines()
    return "\n".join(lines[-_TAIL:])


def _ask(python: str | Path, program: str) -> str:
    done = _run(python, "-c", program)
    failure = _failure(done)
    if failure:
        raise SetupError(f"{python} does not run: {failure}")
    return done.stdout.strip()


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
