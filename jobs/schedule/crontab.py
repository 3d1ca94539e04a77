"""The lines that have cron run a schedule, between two marks of our own, so that they can be replaced and removed; and
units for systemd."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from jobs.errors import JobError
from jobs.schedule.durable import step
from jobs.schedule.model import Schedule


def cron_lines(schedule: Schedule) -> list[str]:
    """What stands in a crontab. cron's environment is bare: no path, no locale, no folder is taken from it."""
    begin, end = _marks(schedule)
    log = schedule.state / "cron.log"
    command = f"cd {_quoted(schedule.folder)} && {shlex.join(_arguments(schedule))} >> {_quoted(log)} 2>&1"
    # a bare % ends a command of cron's
    return [begin, f"{_times(schedule)} mkdir -p {_quoted(schedule.state)} && {command}".replace("%", r"\%"), end]


def with_ours(crontab: str, schedule: Schedule) -> str:
    """A crontab with our lines, once; those of others stay as they are."""
    rest = without_ours(crontab, schedule)
    ours = "\n".join(cron_lines(schedule)) + "\n"
    if ours in crontab:
        return crontab
    gap = "" if not rest or rest.endswith("\n") else "\n"
    return rest + gap + ours


def without_ours(crontab: str, schedule: Schedule) -> str:
    """A crontab without our lines. Raises JobError where a mark of ours has lost its other one."""
    begin, end = _marks(schedule)
    kept, inside = [], False
    for line in crontab.splitlines(keepends=True):
        found = line.rstrip("\n")
        if found not in (begin, end):
            kept += [] if inside else [line]
        elif inside == (found == begin):
            raise _broken(begin)
        else:
            inside = not inside
    if inside:
        raise _broken(begin)
    return "".join(kept)


def _broken(mark: str) -> JobError:
    return JobError("one of our two marks is missing or twice", where="crontab", fix=f"mend it by hand: {mark}")


def read() -> str:
    """The user's crontab; empty where there is none."""
    done = _crontab("-l")
    if done.returncode and "no crontab" not in done.stderr.lower():
        raise JobError(f"crontab -l: {done.stderr.strip()}", fix="see to cron")
    return "" if done.returncode else done.stdout


def write(text: str) -> None:
    with step("crontab.write"):
        done = _crontab("-", text=text) if text else _crontab("-r")
    if done.returncode:
        raise JobError(f"crontab: {done.stderr.strip()}", fix="see to cron")


def systemd_units(schedule: Schedule) -> str:
    """A service and its timer, to be put into two files."""
    folder = str(schedule.folder).replace("%", "%%")
    hourly = any(task.cadence == "hourly" for task in schedule.tasks.values())
    return f"""# sensor-jobs.service
[Unit]
Description=Sensor Jobs, {folder}

[Service]
Type=oneshot
WorkingDirectory={folder}
ExecStart={" ".join(map(_for_systemd, _arguments(schedule)))}
SuccessExitStatus=75

# sensor-jobs.timer
[Timer]
OnCalendar={"*-*-* *:05:00" if hourly else "*-*-* 02:17:00"} {schedule.time_zone}
Persistent=true

[Install]
WantedBy=timers.target
"""


def _times(schedule: Schedule) -> str:
    """When: every hour if a job is hourly, else at night; what is due depends on the schedule, not on this."""
    return "5 * * * *" if any(task.cadence == "hourly" for task in schedule.tasks.values()) else "17 2 * * *"


def _arguments(schedule: Schedule) -> list[str]:
    return [sys.executable, "-m", "jobs.schedule", "run", "--schedule", str(schedule.file)]


def _for_systemd(argument: str) -> str:
    """As systemd's command lines are quoted, which is not the shell's way."""
    plain = argument.replace("%", "%%").replace("$", "$$")
    if shlex.quote(argument) == argument:
        return plain
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _marks(schedule: Schedule) -> tuple[str, str]:
    return f"# sensor-jobs begin {schedule.file}", f"# sensor-jobs end {schedule.file}"


def _crontab(argument: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["crontab", argument], input=text, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise JobError("there is no crontab command", fix="install cron, or use install --systemd") from None
