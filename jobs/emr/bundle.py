"""What a cluster's nodes need, in the lake's own bucket, so that they need no internet.

A bundle is a folder: the suite's wheel, wheels of all its dependencies in the versions that this driver has,
`requirements.txt` with the hash of each, and the script that installs them (`bootstrap.sh`). It is named by its
content: a cluster that waits for work has it already, and a new one finds it staged.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from jobs.emr import staging, wheel
from jobs.errors import UsageError
from jobs.lake.s3_client import split_uri

ARCHITECTURES = ("x86_64", "aarch64")
HOME = "/opt/sensor-jobs"
"""Where nodes have the suite, if nothing else is said to `bootstrap.sh`."""
PYTHON = f"{HOME}/bin/python"
REQUIREMENTS = "requirements.txt"
SCRIPT = "bootstrap.sh"

PYTHON_VERSION = "3.11"
_NEWEST_GLIBC = 34  # that of Amazon Linux 2023, on which EMR 7 runs
_KEPT = 4


@dataclass(frozen=True, slots=True)
class Bundle:
    """A folder of files for nodes of one processor; `digest` is that of their content."""

    path: Path
    digest: str

    @property
    def files(self) -> list[Path]:
        """The files, the one that names the others last."""
        return sorted(self.path.iterdir(), key=lambda path: (path.name == REQUIREMENTS, path.name))


def build(folder: Path, architecture: str, say: Callable[[str], None] = lambda architecture: None) -> Bundle:
    """The bundle for nodes of that processor (x86_64 or aarch64), made in `folder` unless it is there already.

    say: is told the processor before a bundle is made, which takes its time.

    It needs the package index, and the ziglang package, which compiles the kernel for any processor. Raises UsageError
    for another processor, JobError where something cannot be had.
    """
    if architecture not in ARCHITECTURES:
        raise UsageError("is no processor of nodes", where=architecture, fix=f"choose from {', '.join(ARCHITECTURES)}")
    pins = _pins()
    place = folder / f"{architecture}-{_key(architecture, pins)}"
    if not place.is_dir():
        say(architecture)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as scratch:
            fresh = Path(scratch, place.name)
            fresh.mkdir()
            _fill(fresh, architecture, pins)
            try:
                fresh.rename(place)
            except OSError:
                if not place.is_dir():  # another run was faster
                    raise
        _forget_old(folder, place)
    return Bundle(place, _digest(place))


def stage(bundle: Bundle, base_uri: str) -> str:
    """Put what is missing of the bundle below `BASE/packages/DIGEST/`; the folder's URI, without a slash at its end.

    base_uri: `s3://BUCKET/PREFIX`. Several drivers may do so at once. Raises JobError.
    """
    bucket, prefix = split_uri(base_uri)
    uri = "/".join(filter(None, (f"s3://{bucket}", prefix.rstrip("/"), "packages", bundle.digest)))
    staging.put(bundle.files, uri)
    return uri


def bootstrap_action(uri: str) -> str:
    """The bootstrap action, script and arguments, that installs a staged bundle on each node."""
    return f"{uri}/{SCRIPT} {uri}"


def _fill(folder: Path, architecture: str, pins: list[str]) -> None:
    wanted = wheel.write(folder, architecture)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write("\n".join(pins))
        constraints.flush()
        platforms = [f"manylinux_2_{minor}_{architecture}" for minor in range(_NEWEST_GLIBC, 16, -1)]
        flags = [f"--platform={name}" for name in [*platforms, f"manylinux2014_{architecture}"]]
        of_nodes = ("--only-binary=:all:", f"--python-version={PYTHON_VERSION}", "--implementation=cp", *flags)
        wheel.pip("download", "--dest", folder, "--constraint", constraints.name, *of_nodes, *wanted)
    lines = []
    for path in sorted(folder.glob("*.whl")):
        name, version = path.name.split("-")[:2]
        lines.append(f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n")
    shutil.copy(_script(), folder)
    (folder / REQUIREMENTS).write_text("".join(lines), "utf-8")


def _script() -> Path:
    return Path(__file__).with_name(SCRIPT)


def _pins() -> list[str]:
    """The versions that this driver's environment has, so that nodes compute with the same."""
    found = {(name, item.version) for item in metadata.distributions() if (name := item.metadata["Name"])}
    own = ("sensor-jobs", "pip", "setuptools", "wheel")
    return sorted(f"{name}=={version}" for name, version in found if name.lower().replace("_", "-") not in own)


def _key(architecture: str, pins: list[str]) -> str:
    """A hash of all that a bundle is made from."""
    digest = hashlib.sha256(" ".join((architecture, *pins)).encode())
    for path in wheel.sources():
        digest.update(str(path.relative_to(wheel.ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _digest(place: Path) -> str:
    """A hash of a bundle's content; that of the wheels stands in the requirements."""
    return hashlib.sha256(b"\0".join((place / name).read_bytes() for name in (REQUIREMENTS, SCRIPT))).hexdigest()[:16]


def _forget_old(folder: Path, newest: Path) -> None:
    made = [path for path in folder.glob("*-*") if path.is_dir() and "." not in path.name and path != newest]
    for old in sorted(made, key=lambda path: path.stat().st_mtime)[: -(_KEPT - 1)]:
        shutil.rmtree(old, ignore_errors=True)
