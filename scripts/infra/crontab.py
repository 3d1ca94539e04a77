"""The lines of cron that the scheduler host gets, looked at before they are deployed: for a wrong one cron passes over
all of them, on a host that nobody looks at."""

from __future__ import annotations

import re

from jobs.errors import UsageError

_EXAMPLE = "'30 2 * * * python -m jobs.daily_stats …'"
_MOST_BYTES = 4096  # of a parameter of CloudFormation
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 7))
_NAMES = {
    "month": ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    "day of the week": ("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
}
_LINE = re.compile(r"\s*" + r"(\S+)\s+" * len(_FIELDS) + r"(\S.*)")
_PART = re.compile(r"(?:\*|(\d+)-(\d+))(?:/[1-9]\d*)?|(\d+)", re.ASCII)
_BARE_PERCENT = re.compile(r"(?<!\\)%")


def checked(text: str) -> str:
    """The lines as the host takes them, without comments and empty ones.

    Raises UsageError for the first that cron would not take, or not as it is meant.
    """
    numbered = ((number, line.strip()) for number, line in enumerate(text.split("\n"), 1))
    lines = [_checked(line, f"CronLines, line {number}") for number, line in numbered if line and line[0] != "#"]
    if not lines:
        raise UsageError("there are none", where="CronLines", fix=f"write each as {_EXAMPLE}")
    found = "\n".join(lines)
    if len(found.encode()) > _MOST_BYTES:
        fix = "have one run several jobs, as python -m jobs.schedule does"
        raise UsageError(f"they are more than {_MOST_BYTES:,} bytes", where="CronLines", fix=fix)
    return found


def _checked(line: str, where: str) -> str:
    match = _LINE.fullmatch(line)
    if match is None:
        fix = f"write it as {_EXAMPLE}, without a user"
        raise UsageError(f"{line!r} is not five fields and a command", where=where, fix=fix)
    *fields, command = match.groups()
    for field, (name, least, most) in zip(fields, _FIELDS, strict=True):
        if not _is_field(field.lower(), least, most, _NAMES.get(name, ())):
            fix = f"write * or numbers from {least} to {most}, such as {most - 2}-{most} or {least},{most}, or */2"
            raise UsageError(f"{field!r} is no {name}", where=where, fix=fix)
    if _BARE_PERCENT.search(command):
        raise UsageError("cron ends a command at %", where=where, fix=r"write \%")
    return " ".join((*fields, command))


def _is_field(field: str, least: int, most: int, names: tuple[str, ...]) -> bool:
    return field in names or all(_is_part(part, least, most) for part in field.split(","))


def _is_part(part: str, least: int, most: int) -> bool:
    if (match := _PART.fullmatch(part)) is None:
        return False
    numbers = [int(number) for number in match.groups() if number]
    return numbers == sorted(numbers) and all(least <= number <= most for number in numbers)
