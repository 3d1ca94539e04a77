"""Applications on YARN: how a submitting command names one, and how it is ended."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TypeVar

T = TypeVar("T")
SUBMITTED = re.compile(r"Submitted application (application_\w+)")
_CLIENT = "org.apache.hadoop.yarn.client.cli.ApplicationCLI"
JOB_NAME, SPARK_NAME = "mapreduce.job.name", "spark.app.name"
"""The properties by which a job and a twin name their application."""
UNDER_WAY = "NEW,NEW_SAVING,SUBMITTED,ACCEPTED,RUNNING"
_PATIENCE = 20.0
_SHOWN_AFTER = (0.0, 3.0, 6.0)

_WATCHDOG = f"""
name=$1 folder=$2 application=
shift 2
while read -r word; do application=$word; done
[ "$application" = done ] && exit
[ -n "$application" ] || application=$("$@" {_CLIENT} application -list -appStates {UNDER_WAY} |
    awk -F '\\t' -v name="$name" '{{ gsub(/^ +| +$/, "", $2); if ($2 == name) print $1 }}')
for each in $application; do "$@" {_CLIENT} application -kill "$each"; done
[ -z "$folder" ] || "$@" fs -rm -r -f -skipTrash "$folder"
"""
"""Waits for the end of its input; unless the last word there is `done`, it ends the application, which that word or its
name names, and removes a folder."""


def end(hadoop: Sequence[str], application: str) -> None:
    """End an application, as far as that is possible. hadoop: the hadoop command."""
    with Watchdog(hadoop, application) as watchdog:
        watchdog.know(application)


def awaited(ask: Callable[[], T | None]) -> T | None:
    """What logs say, which a cluster shows some seconds after an application's end; None where they never do."""
    for pause in _SHOWN_AFTER:
        time.sleep(pause)
        if (found := ask()) is not None:
            return found
    return None


def errors_of(hadoop: Sequence[str], application: str) -> Iterator[str]:
    """What the containers of an application wrote on standard error, line by line, as `yarn logs` shows it; nothing
    where the cluster does not collect logs."""
    command = [*hadoop, "org.apache.hadoop.yarn.client.cli.LogsCLI", "-applicationId", application]
    with subprocess.Popen(
        [*command, "-log_files", "stderr"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        try:
            yield from process.stdout
        finally:
            process.kill()


class Watchdog:
    """Ends the application of a name where the context, or this process, ends before `all_is_well`, however it ends.

    A process of its own does it, which a terminal's Ctrl-C does not reach; where that is killed, nothing else changes.
    folder: in HDFS, removed then. Use as a context.
    """

    def __init__(self, hadoop: Sequence[str], name: str, folder: str = "") -> None:
        self._command = ["sh", "-c", _WATCHDOG, "sh", name, folder, *hadoop]

    def __enter__(self) -> Watchdog:
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, text=True, start_new_session=True
        )
        return self

    def know(self, application: str) -> None:
        """Tell which application it is."""
        self._write(application)

    def all_is_well(self) -> None:
        self._write("done")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Waits until it has done its work; where that is interrupted, it goes on."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # what could not be written is tried once more
            self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)

    def _write(self, word: str) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it would pass for a reader of our output who has gone
            self._process.stdin.write(f"{word}\n")
            self._process.stdin.flush()
