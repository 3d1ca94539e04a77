"""The command that runs again what failed: as it was started, without secrets."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence

from jobs.errors import JobError, in_one_line

_NAMES = r"(?:secret|passw|token|credential|key)"
_SECRETS = (
    re.compile(rf"^((?:-[\w-]+=)?[\w.-]*{_NAMES}[\w.-]*=).+", re.IGNORECASE | re.DOTALL),
    re.compile(rf'("[^"]*{_NAMES}[^"]*"\s*:\s*")[^"]*', re.IGNORECASE),
    re.compile(r"(://[^/\s:@]*:)[^/\s@]*(?=@)"),
)


def command(given: Sequence[str] | None = None) -> str:
    """A line for a shell. given: how the command was started (default: this process)."""
    return in_one_line(shlex.join(map(_without_secrets, sys.orig_argv if given is None else given)))


def with_command(error: JobError, given: Sequence[str] | None = None) -> JobError:
    """The error with the command beside what it says is to be done. given: as for `command`."""
    fix = "; ".join(filter(None, [error.fix, f"run it again: {command(given)}"]))
    return type(error)(error.what, where=error.where, fix=fix)


def _without_secrets(argument: str) -> str:
    for secret in _SECRETS:
        argument = secret.sub(r"\1…", argument)
    return argument
