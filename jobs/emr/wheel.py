"""The suite's own wheel for nodes: from the checkout or the installed package, with the kernel for their processor.

The same sources give the same bytes, so that a bundle's digest says what is in it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from email.parser import BytesHeaderParser
from importlib import metadata
from pathlib import Path

import jobs
from jobs.errors import JobError
from jobs.kernel import build

ROOT = Path(jobs.__file__).resolve().parent.parent
PIP = (sys.executable, "-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check")

_NAME = "sensor-jobs"
_BUILT_FROM = ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in")
_KERNEL = "jobs/kernel/_kernel.so"
_RAISED = re.compile(r"\w+(Error|Exception): ")
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write(folder: Path, architecture: str) -> list[str]:
    """Write the wheel for Linux on `architecture` into `folder`; the requirements that a node must fulfil beside it.

    Those are the core ones and what Spark twins need; Spark itself is the cluster's. Raises JobError.
    """
    files = _built() if is_checkout() else _installed()
    files.pop(_KERNEL, None)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            files[_KERNEL] = build.build(Path(scratch, "kernel.so"), machine=architecture).read_bytes()
    except build.BuildError as error:
        raise JobError(f"the kernel for the nodes could not be built: {error}", where=architecture) from None
    info = next(name.partition("/")[0] for name in files if name.endswith(".dist-info/METADATA"))
    tag = f"py3-none-manylinux_2_17_{architecture}"
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n".encode()
    files[f"{info}/RECORD"] = _record(files, f"{info}/RECORD")
    with zipfile.ZipFile(folder / f"{info.removesuffix('.dist-info')}-{tag}.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, content in sorted(files.items()):
            wheel.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return _requirements(files[f"{info}/METADATA"])


def sources() -> list[Path]:
    """The files that the wheel is made of."""
    package = [path for path in (ROOT / "jobs").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    beside = [ROOT / name for name in _BUILT_FROM] if is_checkout() else []
    return sorted(path for path in [*package, *beside] if path.suffix != ".so")


def is_checkout() -> bool:
    """Whether the package is used from its sources, and not installed as a copy."""
    return all((ROOT / name).is_file() for name in _BUILT_FROM)


def pip(*arguments: str | Path, **environ: str) -> None:
    """Run pip; raises JobError with the first error that it named."""
    command = [*PIP[:3], arguments[0], *PIP[3:], *arguments[1:]]
    done = subprocess.run(
        command, env=os.environ | environ, capture_output=True, text=True, check=False, errors="replace"
    )
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
        fix = "the package index must be reachable (HTTPS_PROXY, PIP_INDEX_URL; or PIP_FIND_LINKS and PIP_NO_INDEX=1)"
        errors = [line for line in said if line.startswith("ERROR: ")]
        if not errors and (raised := [line for line in said if _RAISED.match(line)]):  # by the build of a package
            errors, fix = raised[-1:], "pip's environment cannot build it; run pip wheel on it to see all"
        errors = errors or said[-1:] or [f"exit status {done.returncode}"]
        raise JobError(errors[0].removeprefix("ERROR: "), where=f"pip {arguments[0]}", fix=fix)


def _built() -> dict[str, bytes]:
    """What setup.py puts into a wheel, built from a copy, for a `build` folder left in the checkout would get in."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch, "sources")
        shutil.copytree(ROOT / "jobs", copy / "jobs", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
        for name in _BUILT_FROM:
            shutil.copy(ROOT / name, copy)
        # the kernel follows, for another machine: no compiler is wanted here
        pip("wheel", "--no-deps", "--wheel-dir", scratch, copy, CC="false")
        (wheel,) = Path(scratch).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


def _installed() -> dict[str, bytes]:
    """What pip has installed of this package."""
    files = {
        str(file): Path(str(file.locate())).read_bytes()
        for file in metadata.distribution(_NAME).files or ()
        if file.suffix != ".pyc" and ".." not in file.parts
    }
    own = re.compile(r"jobs/|[^/]+\.dist-info/(?!INSTALLER|REQUESTED|direct_url\.json)")
    return {name: content for name, content in files.items() if own.match(name)}


def _record(files: dict[str, bytes], name: str) -> bytes:
    lines = []
    for file, content in sorted(files.items()):
        if file != name:
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            lines.append(f"{file},sha256={digest},{len(content)}\n")
    return "".join([*lines, f"{name},,\n"]).encode()


def _requirements(text: bytes) -> list[str]:
    """Requirements of a METADATA file: those of no extra, and of `spark` without Spark."""
    wanted = []
    for line in BytesHeaderParser().parsebytes(text).get_all("Requires-Dist", []):
        requirement, _, marker = (part.strip() for part in line.partition(";"))
        extra = re.fullmatch(r"""extra\s*==\s*["'](\w+)["']""", marker)
        if not marker or (extra and extra[1] == "spark" and not requirement.startswith("pyspark")):
            wanted.append(requirement)
    return wanted
