"""Apache Hadoop's jars: resolved by Maven from the pinned pom beside this file, once, into a cache."""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from jobs.errors import JobError
from jobs.hadoop.terminal import Say

POM = Path(__file__).with_name("pom.xml")
_MEGABYTES = 120
_TAIL = 5


def version() -> str:
    """The version of Hadoop."""
    match = re.search(r"<hadoop\.version>(.+)</hadoop\.version>", POM.read_text("utf-8"))
    assert match is not None
    return match[1]


def resolve(cache: Path, say: Say) -> Path:
    """The folder of the jars, with `lib` (Hadoop), `s3a` (what s3a:// needs beside it) and `tools` (streaming).

    Raises JobError where Maven is missing or fails.
    """
    jars = cache / f"hadoop-{version()}-{hashlib.sha256(POM.read_bytes()).hexdigest()[:8]}"
    if jars.is_dir():
        return jars
    if shutil.which("mvn") is None:
        fix = "install Maven (Debian: apt install maven; macOS: brew install maven)"
        raise JobError("Maven is missing, which fetches Hadoop's jars", where="mvn", fix=fix)
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        say("waiting for another process that fetches Hadoop's jars")
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not jars.is_dir():
            _fetch(cache, jars, say)
    return jars


def _fetch(cache: Path, jars: Path, say: Say) -> None:
    """Maven's own repository is kept until all is there, so that a second attempt goes on where the first ended."""
    repository = cache / "maven"
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        target = Path(folder, "jars")
        where = [f"-Dmaven.repo.local={repository}", f"-Dfolder={target}"]
        command = ["mvn", "-B", "-q", "-f", str(POM), *where, "package"]
        with tempfile.TemporaryFile("w+", errors="replace") as log:
            maven = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            try:
                while _is_running(maven):
                    say(f"fetching Hadoop {version()}, once: {_size(repository) >> 20} of about {_MEGABYTES} MB")
            finally:
                maven.terminate()
                maven.wait()
            if maven.returncode:
                log.seek(0)
                lines = [line for line in log.read().splitlines() if line.startswith("[ERROR]")][:_TAIL]
                raise JobError("\n".join(["Maven could not fetch Hadoop's jars", *lines]))
        target.rename(jars)
    shutil.rmtree(repository)


def _is_running(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(0.5)
    except subprocess.TimeoutExpired:
        return True
    return False


def _size(folder: Path) -> int:
    size = 0
    for path in folder.rglob("*.jar"):
        try:
            size += path.stat().st_size
        except FileNotFoundError:
            continue
    return size
