"""Spark's classes as the JVM keeps them in memory, in a file: the sessions of the tests start in half the time.

A run of a Spark twin writes the file, once for each environment and Java. A JVM that it does not fit goes without.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from scripts.environment import Environment, progress

QUIETLY = "-Xlog:disable"
"""A JVM that the file does not fit would say so on standard output."""
FOR_SHORT_RUNS = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m"
"""The quick compiler alone would have room for 48 MB of code, which the twins of one worker's tests can fill."""


def options(environment: Environment, scratch: Path) -> dict[str, str]:
    """The environment variables with which spark-submit uses the file, and a folder that takes what a JVM that is
    killed leaves; none without Java."""
    java = shutil.which("java")
    if java is None:
        return {}
    program = Path(java).resolve()
    of = hashlib.sha256(f"{program} {program.stat().st_mtime_ns} {environment.stamp()}".encode()).hexdigest()
    target = environment.folder / f"spark-{of[:8]}.jsa"
    if not target.exists():
        with progress("classes", "Spark's, for faster starts"):
            write = f"-XX:ArchiveClassesAtExit={target} {QUIETLY}"
            environment.run("-m", "jobs.spark.daily_stats", "sample_data", "--quiet", SPARK_SUBMIT_OPTS=write)
    here = f"-Djava.io.tmpdir={scratch}"
    return {"SPARK_SUBMIT_OPTS": f"-XX:SharedArchiveFile={target} {QUIETLY} {FOR_SHORT_RUNS} {here}"}
