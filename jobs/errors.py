"""The errors a user can cause, each with its exit status: what happened, where, what to do."""

from __future__ import annotations

import errno
import os
from typing import ClassVar

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class JobError(Exception):
    """A failure that is told to the user in one line, never as a traceback.

    `what` says what went wrong, `where` names the object, line, offset or option, `fix` what to do about it.
    """

    status: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        self.what, self.where, self.fix = what, where, fix
        super().__init__(what, where, fix)

    def __str__(self) -> str:
        text = f"{in_one_line(self.where)}: {self.what}" if self.where else self.what
        return f"{text}; {self.fix}" if self.fix else text

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.where, self.fix)


def _rebuild(cls: type[JobError], what: str, where: str | None, fix: str | None) -> JobError:
    return cls(what, where=where, fix=fix)


class UsageError(JobError):
    """An option, dialect or combination of options that cannot be."""

    status = 2


class InputError(JobError):
    """Input that is missing, unreadable, or changed while it was read."""

    status = 3


class AwayError(InputError):
    """Input that cannot be had at the moment: who tries again may get it."""


class MissingError(InputError):
    """Input of which there is nothing at all."""


class LimitError(JobError):
    """More rejects or damage than the run allows."""

    status = 4


class RefusedError(JobError):
    """A run refused by a cost or another limit."""

    status = 5


class BusyError(JobError):
    """Another run holds the lock."""

    status = 75


def in_one_line(name: str) -> str:
    """The name as a line can show it: what is not printable, such as a line feed, is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def no_room(error: BaseException) -> JobError | None:
    """The error for a write that found no room; None for any other error."""
    if not isinstance(error, OSError) or error.errno not in _NO_ROOM:
        return None
    reason = os.strerror(error.errno)
    fix = "make room where the output goes, and where the run's scratch lies: TMPDIR names another place for it"
    return JobError(f"cannot write: {reason}", where=error.filename, fix=fix)
