"""A job on a cluster that a test breaks: its tasks are held in the middle of their work, and its end is checked."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.hadoop.cluster import Cluster
from jobs.lake import webhdfs
from tests.hadoop.faults import applications, asked, until
from tests.hdfs import files
from tests.outcomes.commands import Outcome, command, environment, masked

BLOCK = 1 << 20
_OFF = ("mapreduce.job.ubertask.enable", "mapreduce.map.speculative", "mapreduce.reduce.speculative")
_TWO_MAPS = ("--tasks", 2, "--split-size", "1M", *(word for key in _OFF for word in ("--jobconf", f"{key}=false")))
_HISTORY = "/tmp/hadoop-yarn/staging/history/done_intermediate/hadoop"
_STAGING = ("/user/hadoop/.sensor-jobs/runs", "/tmp/hadoop-yarn/staging/hadoop/.staging")

_PYTHON = """#!/bin/bash
# Python for tasks: attempts to be held stop after their first split, or in the middle of their output
set -o pipefail
hold() {{
    echo "$CONTAINER_ID" > {folder}/.$$ && mv {folder}/.$$ "{folder}/$mapreduce_task_attempt_id"
    while [ -d {folder} ] && [ ! -e {folder}/go ] && [ -e . ]; do sleep 0.1; done
}}
case $mapreduce_task_attempt_id in
    {held}) ;;
    *) exec {python} "$@" ;;
esac
case " $* " in
    *" --mapper "*) {{ IFS= read -r first; printf '%s\\n' "$first"; hold; cat; }} | {python} "$@" ;;
    *) {python} "$@" | {{ head -c {output}; hold; cat; }} ;;
esac
"""


@dataclass(frozen=True)
class Gate:
    """A `--python-bin` that holds the attempts of some tasks; `python`: its path."""

    folder: Path

    @staticmethod
    def closed(folder: Path, held: str, output: int = 1000) -> Gate:
        """held: a shell's pattern of attempts' names; a reduce task is held after so many bytes of its output."""
        folder.mkdir()
        script = _PYTHON.format(
            folder=shlex.quote(str(folder)), held=held, python=shlex.quote(sys.executable), output=output
        )
        gate = Gate(folder)
        gate.python.write_text(script)
        gate.python.chmod(0o755)
        return gate

    @property
    def python(self) -> Path:
        return self.folder.with_suffix(".sh")

    def held(self, count: int = 1) -> dict[str, str]:
        """Waits until so many attempts have come to the gate; their containers, by their names."""
        return until(lambda: found if len(found := self.now()) >= count else None)

    def now(self) -> dict[str, str]:
        return {path.name: path.read_text().strip() for path in self.folder.glob("attempt_*")}

    def open(self) -> None:
        (self.folder / "go").touch()


JOBS: Mapping[str, tuple[str, ...]] = {
    "daily_stats": ("--output-format", "csv"),
    "availability": ("--output-format", "csv", "--interval", "1h"),
    "compact": (),
}
"""What is tried, with its options: partials that are merged, readings in the order of time, and rows in lines."""


class Job:
    """A job that runs: `python -m jobs.daily_stats …`."""

    def __init__(self, process: subprocess.Popen[bytes], hadoop: Cluster) -> None:
        self._process, self._hadoop = process, hadoop
        self._earlier = {app["id"] for app in applications(hadoop)}

    @property
    def application(self) -> dict[str, Any]:
        """What the ResourceManager says of it, once it was submitted; of a job with two shuffles, its first half."""

        def look() -> dict[str, Any] | None:
            mine = [app for app in applications(self._hadoop) if app["id"] not in self._earlier]
            assert mine or self._process.poll() is None, self.ended()
            return min(mine, key=lambda app: str(app["id"]), default=None)

        return until(look)

    def masters(self) -> list[dict[str, Any]]:
        """Its application masters, oldest first."""
        found = asked(self._hadoop, f"/ws/v1/cluster/apps/{self.application['id']}/appattempts", "appAttempt")
        return sorted(found, key=lambda one: int(one["id"]))

    @property
    def maps_done(self) -> int:
        """How many map tasks are, as its application master says."""
        [job] = asked(self._hadoop, f"/proxy/{self.application['id']}/ws/v1/mapreduce/jobs", "job")
        return int(job["mapsCompleted"])

    def ended(self) -> Outcome:
        """Waits for its end."""
        output, errors = self._process.communicate(timeout=600)
        return Outcome(self._process.returncode, output.decode(), masked(errors))

    def name_of(self, attempt: str) -> str:
        """An attempt's whole name."""
        return f"{self.application['id'].replace('application', 'attempt')}_{attempt}"

    def history(self) -> list[tuple[str, dict[str, Any]]]:
        return history(self.application["id"])

    def failed(self, how: str = "FAILED") -> dict[str, str]:
        """The errors of attempts that failed (or were KILLED), by their names without the job's."""
        return {
            short(event["attemptId"]): event["error"]
            for kind, event in self.history()
            if kind.endswith(f"_ATTEMPT_{how}")
        }

    def succeeded(self) -> set[str]:
        """The attempts that succeeded."""
        return {short(e["attemptId"]) for kind, e in self.history() if kind.endswith("_ATTEMPT_FINISHED")}

    def remove_staging(self) -> None:
        """Removes Hadoop's own files of the job, which must be there."""
        hdfs, job = webhdfs.client("hdfs:///"), self.application["id"].replace("application", "job")
        [staged] = [one for one in hdfs.listed(_STAGING[1]) if one.name == job]
        hdfs.delete(staged.id)


def history(application: str) -> list[tuple[str, dict[str, Any]]]:
    """The events that the application master of a MapReduce job wrote down, by kind."""
    name = application.replace("application", "job") + "-"
    hdfs = webhdfs.client("hdfs:///")
    [file] = [one.name for one in hdfs.listed(_HISTORY) if one.name.startswith(name)]
    lines = hdfs.read(f"{_HISTORY}/{file}").decode().splitlines()
    records = [json.loads(line) for line in lines if line.startswith("{")]
    return [(record["type"], event) for record in records for event in record.get("event", {}).values()]


def short(attempt: str) -> str:
    """An attempt's name without that of the job: m_000000_0."""
    return attempt.split("_", 3)[3]


@dataclass(frozen=True)
class Trial:
    """One job on a cluster: the test's folder, here and in HDFS, and the digests of the right files."""

    hadoop: Cluster
    folder: Path
    name: str
    expected: Mapping[str, str]

    @property
    def path(self) -> str:
        return f"/{self.folder.name}"

    @property
    def input(self) -> str:
        return f"{self.path}/in/readings.csv"

    def put(self, readings: Path) -> None:
        """The input in blocks of a megabyte."""
        webhdfs.client("hdfs:///").make_folder(f"{self.path}/in")
        put = ["fs", f"-Ddfs.blocksize={BLOCK}", "-put", str(readings), self.input]
        subprocess.run([str(self.hadoop.home / "bin" / "hadoop"), *put], check=True)

    @contextmanager
    def job(self, gate: Gate | None = None, *flags: object) -> Iterator[Job]:
        """The job, of two map tasks, each run once, while it runs; it does not outlive the context."""
        (self.folder / "scratch").mkdir()
        held = () if gate is None else ("--python-bin", gate.python)
        published = ("--output-dir", f"hdfs://{self.path}/stats", *JOBS[self.name])
        with subprocess.Popen(
            command(
                f"hdfs://{self.input}",
                "-r",
                "hadoop",
                *_TWO_MAPS,
                *published,
                *held,
                *flags,
                module=f"jobs.{self.name}",
            ),
            cwd=self.folder,
            env=environment({"TMPDIR": str(self.folder / "scratch")}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            try:
                yield Job(process, self.hadoop)
            finally:
                if process.poll() is None:
                    process.terminate()

    def check_right(self, done: Outcome) -> None:
        """The right bytes are published, and nothing else is left."""
        assert (done.status, done.output) == (0, ""), done.errors
        assert self._left() == [f"{self.path}/in", f"{self.path}/stats"]
        assert files(f"{self.path}/stats") == self.expected

    def check_refused(self, done: Outcome, status: int, error: str) -> None:
        """The job said just this, and nothing is published or left."""
        assert done == Outcome(status, "", f"error: {error}\n")
        assert self._left() == [f"{self.path}/in"]

    def _left(self) -> list[str]:
        """What lies in the test's folder in HDFS, in Hadoop's and the suite's staging, and in the job's scratch."""
        hdfs = webhdfs.client("hdfs:///")

        def names(path: str) -> list[str]:
            return [f"{path}/{one.name}" for one in hdfs.listed(path)] if hdfs.status(path) is not None else []

        deadline = time.monotonic() + 20
        while any(names(path) for path in _STAGING) and time.monotonic() < deadline:
            time.sleep(0.2)  # an application master removes its own a moment after the job's end
        found = [name for path in (self.path, *_STAGING) for name in names(path)]
        return found + [str(path) for home in (self.folder / "scratch").iterdir() for path in home.iterdir()]
