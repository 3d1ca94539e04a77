"""A run in a process of its own that kills itself at one durable operation."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable

from jobs.lake.durable import KILL


def killed(work: Callable[[], object], at: str) -> bool:
    """Run `work` in a fork that is killed at `name:before` or `name:after`; False if it ended by itself."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.environ[KILL] = at
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    assert status in (0, signal.SIGKILL), f"{at}: the run failed"
    return status == signal.SIGKILL
