"""Who runs this, also where the user is but a number, as in many a container."""

from __future__ import annotations

import getpass
import os

from jobs.errors import UsageError


def owner() -> str:
    """The user's name, else the number."""
    return _name() or str(os.getuid())


def to_hadoop(where: str) -> str:
    """Who we are to Hadoop. where: as an error names it. Raises UsageError where that has no name."""
    found = os.environ.get("HADOOP_USER_NAME") or _name()
    if not found:
        raise UsageError("no user is known to name to HDFS", where=where, fix="set HADOOP_USER_NAME")
    return found


def _name() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # as Python up to 3.12 has it, and since
        return None
