"""Hadoop's classes as the JVM keeps them in memory, in a file that its processes share: they start in half the time.

The file is made once for each Java from the list of classes beside this module (scripts/hadoop_classes.py writes it).
A JVM that it does not fit goes without.
"""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import tempfile
from pathlib import Path

from jobs.hadoop.terminal import Say

CLASSES = Path(__file__).with_name("classes.txt.gz")


def archive(jars: Path, java: str, say: Say) -> Path:
    """The file for this Java, made where it is missing; where it cannot be made there is none of that name."""
    program = Path(java).resolve()
    of = hashlib.sha256(f"{program} {program.stat().st_mtime_ns}".encode() + CLASSES.read_bytes())
    target = jars / f"classes-{of.hexdigest()[:8]}.jsa"
    if not target.exists():
        say("preparing Hadoop's classes for this Java, once")
        with tempfile.TemporaryDirectory(dir=jars) as folder:
            made, listed = Path(folder, "classes.jsa"), Path(folder, "classes.txt")
            listed.write_bytes(gzip.decompress(CLASSES.read_bytes()))
            command = [java, "-Xshare:dump", "-XX:+UseSerialGC", "-Xlog:disable", "-cp", f"{jars.resolve()}/lib/*"]
            files = [f"-XX:SharedClassListFile={listed}", f"-XX:SharedArchiveFile={made}"]
            subprocess.run([*command, *files], stdin=subprocess.DEVNULL, capture_output=True, check=False)
            if made.exists():
                made.rename(target)
    return target
