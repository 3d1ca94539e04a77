"""A Hadoop cluster of the benchmark's own: inputs go into HDFS, jobs are measured with their containers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from jobs.engine.cache import cache_folder
from jobs.engine.containers import Watch
from jobs.hadoop import cluster, configuration, daemons, jars, sharing
from jobs.hadoop.cluster import Cluster
from scripts.benchmarks import engines, java
from scripts.benchmarks.inputs import Input
from scripts.benchmarks.model import Question, Run
from scripts.benchmarks.process import CommandError, measure

STARTS = "cluster/up"
"""The name under which the seconds of the starts are recorded."""
_ROOT = "hdfs:///benchmark"
_FULL_COMPILER = "-XX:TieredStopAtLevel=4"
"""The cluster's own JVMs are told to compile less, which is good for short work and for what streaming does."""


@dataclass(frozen=True)
class Bench:
    """A running cluster, and a folder of its own for what is compiled and fetched."""

    hadoop: Cluster
    folder: Path
    _there: set[str] = field(default_factory=set)

    @cached_property
    def environ(self) -> dict[str, str]:
        path = f"{self.hadoop.home / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return {**self.hadoop.environment(), "PATH": path}

    @cached_property
    def _jar(self) -> Path:
        return java.build(self.hadoop.layout.lib, self.folder)

    def versions(self) -> dict[str, str]:
        """Of Hadoop and Java."""
        said = subprocess.run([daemons.java(), "-version"], capture_output=True, text=True, check=False).stderr
        found = re.search(r'"(.+)"', said)
        return {"hadoop": jars.version(), "java": found[1] if found else "unknown"}

    def put(self, given: Input) -> str:
        """The folder in HDFS that holds the input, which is put there once."""
        uri = f"{_ROOT}/input/{given.name}"
        if uri not in self._there:
            self._fs("-mkdir", "-p", uri)
            self._fs("-put", "-f", *map(str, given.objects), uri)
            self._there.add(uri)
        return uri

    def measure(self, run: Run, question: Question, given: Input, answer: Path) -> dict[str, float]:
        """Runs a job, whose answer is fetched afterwards.

        cpu: seconds of the command's processes and the containers; peak: MB of the largest container; containers: how
        many there were; client: seconds of the command's processes. Raises CommandError.
        """
        output = f"{_ROOT}/output"
        self._fs("-rm", "-r", "-f", "-skipTrash", output)
        values = given.values(output)
        if run.engine in engines.IN_JAVA:
            jvm = configuration.mapred(self.hadoop.layout)["mapreduce.map.java.opts"]
            values |= {"jar": str(self._jar), "jvm": f"{jvm} {_FULL_COMPILER}"}
        command = engines.command(run.engine, question, self.put(given), given.fmt, values)
        said = self.folder / "said"
        with Watch(pid for role, pid in self.hadoop.pids.items() if role.startswith("nodemanager")) as containers:
            seen = measure(command, said, {**self.environ, **run.environ})
        self._fetch(output, answer, published=question.published)
        return {
            "wall": seen.wall,
            "cpu": seen.cpu + containers.cpu,
            "peak": containers.peak,
            "containers": containers.count,
            "client": seen.cpu,
        }

    def _fetch(self, uri: str, answer: Path, *, published: bool) -> None:
        """A published folder, or the parts of a table as one file."""
        fetched = answer if published else self.folder / "fetched"
        shutil.rmtree(fetched, ignore_errors=True)
        self._fs("-get", uri, str(fetched))
        if not published:
            with answer.open("wb") as whole:
                for part in sorted(fetched.glob("part-*")):
                    # a line that is a key without a value ends in a tab in what streaming writes
                    whole.write(part.read_bytes().replace(b"\t\n", b"\n"))
            shutil.rmtree(fetched)

    def _fs(self, *arguments: str) -> None:
        command = ["hadoop", "fs", *arguments]
        environ = {**os.environ, **self.environ}
        done = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip()[-2000:]
            raise CommandError(f"{' '.join(command)}: status {done.returncode}\n{said}", done.returncode)


@contextmanager
def started(folder: Path, times: int) -> Iterator[tuple[Bench, list[dict[str, float]]]]:
    """A cluster in `folder` while the context lasts, started so many times, with the seconds (`wall`) of each start.

    Its daemons end with this process, however it ends. Raises JobError where there can be none.
    """
    home, cache = folder / "cluster", cache_folder()
    sharing.archive(jars.resolve(cache, _silent), daemons.java(), _silent)
    starts: list[dict[str, float]] = []
    running: Cluster | None = None
    try:
        while len(starts) < times:
            if running is not None:
                cluster.down(running)
            begun = time.perf_counter()
            running = cluster.up(home, cache, _silent, die_with_parent=True)
            starts.append({"wall": time.perf_counter() - begun})
        assert running is not None
        yield Bench(running, folder), starts
    finally:
        if running is not None and running.home.exists():
            cluster.down(running)


def _silent(text: str) -> None:
    """A terminal's line would only be noise here."""
