"""Writes jobs/hadoop/classes.txt.gz: the classes that Hadoop's daemons, clients and containers load, of a real run.

python -m scripts.hadoop_classes
"""

from __future__ import annotations

import gzip
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jobs.engine.cache import cache_folder
from jobs.hadoop import cluster, configuration, daemons, sharing

_PATIENCE = 60.0
_NOT_SHARED = re.compile(r"#|@lambda|\$\$Lambda|\$Proxy|jdk/internal/reflect/Generated")


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        note = f"-XX:DumpLoadedClassList={scratch}/%p.txt"
        daemons._JVM = (*daemons._JVM, note)
        configuration._JVM += f" {note}"
        if not sharing.CLASSES.exists():
            sharing.CLASSES.write_bytes(gzip.compress(b""))
        started = cluster.up(Path(scratch, "cluster"), cache_folder(), print)
        try:
            environ = os.environ | started.environment() | {"HADOOP_CLIENT_OPTS": note}
            command = str(started.home / "bin" / "hadoop")
            subprocess.run([command, "fs", "-mkdir", "-p", "/logs"], env=environ, check=True)
            subprocess.run([command, "fs", "-put", "sample_data/readings", "/logs"], env=environ, check=True)
            job = [sys.executable, "-m", "jobs.daily_stats", "hdfs:///logs", "-r", "hadoop", "--no-output"]
            subprocess.run(job, env=environ, check=True)
            in_containers = ["--jobconf", "mapreduce.job.ubertask.enable=false"]
            subprocess.run([*job, *in_containers], env=environ, check=True)
            _end(started)
        finally:
            cluster.down(started)
        lines = {
            re.sub(r" id:.*", "", line)
            for path in Path(scratch).glob("*.txt")
            for line in path.read_text("utf-8").splitlines()
            if not _NOT_SHARED.search(line)
        }
    text = "".join(f"{line}\n" for line in sorted(lines))
    sharing.CLASSES.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(f"{len(lines):,} classes, {sharing.CLASSES.stat().st_size:,} bytes")


def _end(started: cluster.Cluster) -> None:
    """Let the daemons end by themselves, which is when they write their lists."""
    pids = list(started.pids.values())
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE
    while any(daemons.is_alive(started.layout, pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.2)


if __name__ == "__main__":
    main()
