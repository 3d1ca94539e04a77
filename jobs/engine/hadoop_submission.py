"""The `hadoop jar` command that submits a job and follows it: its words are heard line by line, and it is not outlived
by a job that nobody waits for."""

from __future__ import annotations

import logging
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from types import TracebackType

from jobs.engine import forks
from jobs.engine.applications import SUBMITTED, Watchdog

log = logging.getLogger(__name__)

_FINAL = re.compile(r"subprocess failed with code [34]$")
"""A task's input is wrong, or past a limit: another attempt would say the same."""
_UNANSWERED = re.compile(r"ConnectException: Call From \S+ to (\S+) failed on connection exception")
_SAID = re.compile(r"(?:[\d-]+ [\d:,]+ [A-Z]+ \S+: )?(\S.*)")
_UBER = "running in uber mode : true"
_NOTHING = "Streaming Command Failed!"

_ENDED = re.compile(r"Job job_\w+ (failed with state|completed successfully)")


def in_scratch(environ: Mapping[str, str], scratch: str) -> dict[str, str]:
    """An environment in which `hadoop jar` unpacks its jars in the run's scratch: killed, it leaves them there."""
    if len(scratch.split()) > 1:  # Hadoop's scripts would take its parts for options
        return dict(environ)
    options = [environ.get("HADOOP_CLIENT_OPTS", ""), f"-Djava.io.tmpdir={scratch}"]
    return {**environ, "HADOOP_CLIENT_OPTS": " ".join(filter(None, options))}


class Submission:
    """hadoop: the hadoop command. name: the job's. folder: of the run in HDFS. Use as a context.

    status: the command's exit status, once all its lines were heard; last_words: of the command, where it submitted
    no job.
    """

    def __init__(self, hadoop: Sequence[str], name: str, folder: str) -> None:
        self._hadoop = hadoop
        self._watchdog = Watchdog(hadoop, name, folder)
        self._job, self._submitted, self._ended = "", False, True
        self._waits = False
        self.status, self.last_words = 0, ""

    def lines(self, command: Sequence[str], environ: dict[str, str]) -> Iterator[str]:
        """Runs the command; what it says. A job whose tasks can only fail is ended."""
        with subprocess.Popen(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=partial(forks.die_with_parent, os.getpid()) if forks.available else None,  # noqa: PLW1509 - one system call
        ) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    self._hear(line)
                    yield line
            except BaseException:
                process.kill()
                raise
        self.status = process.returncode

    def _hear(self, line: str) -> None:
        if found := SUBMITTED.search(line):
            self._job = found[1].replace("application", "job")
            self._submitted, self._ended, self.last_words = True, False, ""
            self._watchdog.know(found[1])
        if _UBER in line:
            self._job = ""  # it ends at its first failure, and killing its task would kill its master
        if _ENDED.search(line):
            self._ended = True
        if self._job and _FINAL.search(line):
            kill = [*self._hadoop, "org.apache.hadoop.mapred.JobClient", "-kill", self._job]
            subprocess.run(kill, stdin=subprocess.DEVNULL, capture_output=True, check=False)
            self._job = ""
        if not self._submitted:
            self._note_waiting(line)
            if (said := _SAID.match(line)) and said[1] != _NOTHING:
                self.last_words = said[1]

    def _note_waiting(self, line: str) -> None:
        """Hadoop asks a ResourceManager that does not answer for a quarter of an hour, without a word to the user."""
        if not self._waits and (silent := _UNANSWERED.search(line)):
            self._waits = True
            log.warning("waiting: nothing answers at %s, where YARN's ResourceManager should be", silent[1])

    def __enter__(self) -> Submission:
        self._watchdog.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None and self.status >= 0 and self._ended:
            self._watchdog.all_is_well()
        self._watchdog.__exit__(kind, error, at)
