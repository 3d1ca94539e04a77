"""What a failed task said, from the logs that mrjob found, in one short message."""

from __future__ import annotations

import platform
import re
import sys
from collections import deque
from collections.abc import Iterable
from typing import Any

from jobs.engine import dependencies
from jobs.errors import AwayError, InputError, JobError, LimitError, UsageError

_FRAME = re.compile(r'^  File "(.+)", line (\d+)', re.MULTILINE)
_IN_PACKAGE = re.compile(r"^.*\b(?:sensor-jobs-[0-9a-f]{16}(?:\.zip)?|container_\w+|site-packages)/")
_ERROR = re.compile(r"^error: (.+)", re.MULTILINE)
_STATUS = re.compile(r"subprocess failed with code (\d+)")
_OVER_MEMORY = re.compile(
    r"beyond the '(?P<kind>PHYSICAL|VIRTUAL)' memory limit\. "
    r"Current usage: (?P<used>[\d.]+ \w+) of (?P<size>[\d.]+) (?P<unit>[MG])B physical memory used; "
    r"(?P<virtual>[\d.]+ \w+) of (?P<most>[\d.]+ \w+) virtual"
)
_ATTEMPT = re.compile(r"attempt_\d+_\d+_(?P<role>[mr])_(?P<task>\d+)_\d+")
_ROLES = {"m": "map", "r": "reduce"}
MAY_PASS = 75
"""The exit status of a task whose input is away: another attempt may have it."""
_KINDS = {kind.status: kind for kind in (UsageError, InputError, LimitError)} | {MAY_PASS: AwayError}
_MOST = 500
_MOST_LINES = 1000
_NOISE = re.compile(r"\+ |log4j:|reporter:")
_TOLD_STATUS = re.compile(r"^exit status: (\d+)$", re.MULTILINE)
_LAST_WORDS = re.compile(
    r"^(Traceback \(most recent call last\)|exit status: \d+\nerror: ).*", re.MULTILINE | re.DOTALL
)
_NO_MODULE = re.compile(r"ModuleNotFoundError: No module named '(numpy|pyarrow)'")
_FOREIGN = re.compile(r"No module named '(?:numpy|pyarrow)\.")
_VERSION = re.compile(r"The Python version is: Python (3\.\d+)|/python(3\.\d+)/")
_QUOTE = re.compile(r"^Last \d+ bytes of stderr :\n(.*?)(?=\n\n|\n\[\d{4}-|\Z)", re.MULTILINE | re.DOTALL)
_NO_PROGRAM = re.compile(r'Cannot run program "([^"]+)"')


def told(lines: Iterable[str]) -> str:
    """What a task said when it failed, of all containers' logs as `yarn logs` prints them; empty where none did."""
    said: deque[str] = deque(maxlen=_MOST_LINES)
    for line in lines:
        if line.startswith("LogType:"):
            said.clear()
        elif line.startswith("End of LogType:"):
            if found := _LAST_WORDS.search("".join(said)):
                return found[0].strip()
        elif not _NOISE.match(line):
            said.append(line)
    return ""


def quoted(said: str) -> str:
    """What a container wrote last, where Hadoop quotes it in how the job ended; empty where it does not."""
    found = _QUOTE.search(said)
    lines = [line for line in found[1].splitlines(keepends=True) if not _NOISE.match(line)] if found else []
    words = _LAST_WORDS.search("".join(lines))
    return words[0].strip() if words else ""


def failure(cause: dict[str, Any], application: str | None, said: str = "", command: str = "") -> JobError:
    """The error of a job that failed for this cause, as mrjob's `_pick_error` gives it: a task's Python traceback, else
    what Hadoop says; empty where no log is to be had. said: how the job ended, in Hadoop's words. command: shows
    all logs; by default they are YARN's."""
    whole = command or (whole_log(application) if application else "-v shows all that Hadoop says")
    task, hadoop = cause.get("task_error") or {}, cause.get("hadoop_error") or {}
    if over := _OVER_MEMORY.search(hadoop.get("message") or said):
        return _of_memory(over, cause.get("attempt_id") or "")
    if errors := _ERROR.findall(task.get("message", "")):
        ended = _STATUS.search(hadoop.get("message", "")) or _TOLD_STATUS.search(task["message"])
        return _KINDS.get(int(ended[1]) if ended else 1, JobError)(_cut(errors[-1]))
    if "Traceback" in task.get("message", ""):
        return _of_traceback(task["message"], f"the whole log: {task.get('path') or whole}")
    if missing := _NO_PROGRAM.search(hadoop.get("message", "")):
        return UsageError("cannot be started on the nodes", where=missing[1], fix="--python-bin names their Python")
    if message := hadoop.get("message") or said:
        lines = [line.strip() for line in message.splitlines() if not line.startswith("\tat ")]
        return JobError(f"Hadoop says: {_cut(' '.join(lines))}", fix=f"the whole log: {hadoop.get('path') or whole}")
    return JobError("the job failed on Hadoop, and no log of its tasks was found", fix=f"look at them: {whole}")


def whole_log(application: str) -> str:
    """Where all that an application on YARN wrote is to be had, in a few words."""
    from jobs.engine import job_history
    from jobs.lake import hadoop_conf

    if hadoop_conf.logs_are_collected():
        return f"yarn logs -applicationId {application}"
    missing = "yarn.log-aggregation-enable is not true, so YARN collects none"
    return job_history.page(application) or f"on the nodes, in yarn.nodemanager.log-dirs ({missing})"


def _of_memory(over: re.Match[str], attempt: str) -> JobError:
    limit = float(over["size"]) * (1024 if over["unit"] == "G" else 1)
    if task := _ATTEMPT.fullmatch(attempt):
        where, key = f"{_ROLES[task['role']]} task {int(task['task'])}", f"mapreduce.{_ROLES[task['role']]}.memory.mb"
    else:
        where, key = "the application master", "yarn.app.mapreduce.am.resource.mb"
    more = f"give it more: --jobconf {key}={2 * limit:.0f}"
    if over["kind"] == "VIRTUAL":
        what = f"took {over['virtual']} of virtual memory, of which YARN gives its container {over['most']}"
        return JobError(
            what, where=where, fix=f"have nodes not count it (yarn.nodemanager.vmem-check-enabled), or {more}"
        )
    what = f"took {over['used']} of memory, and its container has {limit:,.0f} MB"
    return JobError(what, where=where, fix=more)


def _of_traceback(text: str, fix: str) -> JobError:
    frames = list(_FRAME.finditer(text))
    said = text[frames[-1].end() :] if frames else text
    # what is raised stands below the last frame, whose lines are indented; notes follow it
    raised = " ".join(line for line in said.splitlines()[1:] if line and not line.startswith("  "))
    where = f"{_IN_PACKAGE.sub('', frames[-1][1])} line {frames[-1][2]}" if frames else None
    if frames and dependencies.NAME in frames[-1][1] and _FOREIGN.search(raised):
        return _of_another_python(text)
    if missing := _NO_MODULE.match(raised):
        what, fix = f"the nodes' Python has no {missing[1]}", "--dependencies ship sends it, --python-bin names another"
        return UsageError(what, where=where, fix=fix)
    return JobError(f"a task failed: {_cut(raised)}", where=where, fix=fix)


def _of_another_python(text: str) -> UsageError:
    """Shipped libraries, whose compiled parts the nodes' Python passes over."""
    needed = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = next((one[1] or one[2] for one in _VERSION.finditer(text)), needed)
    theirs = f"is {found}" if found != needed else "or processor is another"
    return UsageError(
        f"what was shipped is for Python {needed} on {platform.machine()}, and the nodes' Python {theirs}",
        where="--dependencies ship",
        fix=f"--python-bin names a Python {needed} of theirs, --dependencies node has their own NumPy and Arrow used",
    )


def _cut(text: str) -> str:
    return text if len(text) <= _MOST else f"{text[:_MOST]} …"
