"""The Java MapReduce job, compiled and packed for a cluster's Hadoop."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

from scripts.benchmarks.engines import BASELINES
from scripts.benchmarks.process import CommandError

SOURCES = BASELINES / "mapreduce"


def build(lib: Path, folder: Path) -> Path:
    """The jar, in `folder`; lib: Hadoop's jars. Raises CommandError with what the compiler said."""
    classes, jar = folder / "classes", folder / "daily-stats.jar"
    sources = [str(path) for path in sorted(SOURCES.glob("*.java"))]
    command = ["javac", "-Xlint:all", "-Werror", "-d", str(classes), "-cp", f"{lib}/*", *sources]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandError(f"javac: status {done.returncode}\n{done.stderr.strip()[-2000:]}", done.returncode)
    with zipfile.ZipFile(jar, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(classes.rglob("*.class")):
            packed.write(path, path.relative_to(classes))
    return jar
