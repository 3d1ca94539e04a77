"""Coverage of forks, of which tests make thousands: each writes what it ran to a file of its own.

The `fork` patch of coverage begins anew in every fork and asks first where each loaded module lies, which takes ten
times as long as the fork.
"""

from __future__ import annotations

import os
import posix
from contextlib import suppress
from typing import NoReturn

from coverage import Coverage


def measure_forks() -> None:
    """Have forks of this process, and theirs, measured on; nothing where this process is not measured."""
    measuring = Coverage.current()
    if measuring is None or measuring._collector is None:
        return
    collector = measuring._collector

    def leave(status: int) -> NoReturn:
        with suppress(Exception):  # as of one that may not write there
            collector.flush_data()
        posix._exit(status)

    os.register_at_fork(before=collector.flush_data)  # so that none writes what the process before it ran
    os._exit = leave
