"""python watch.py REPORT COMMAND…: runs a command and writes what it and all that it started used, as JSON.

A script of its own: a process starts with the memory high-water mark of the one that starts it, and this one is small.
"""

import ctypes
import json
import os
import sys
import time
from pathlib import Path

_SUBREAPER = 36
"""prctl's PR_SET_CHILD_SUBREAPER: orphans, such as Spark's JVM, become our children and what they use is counted."""
_LINGER = 20.0


def watch(command: list[str]) -> dict[str, float]:
    """wall, cpu: seconds; peak: MB (2^20 bytes); status: of the command, as a shell has it; left: 1 where processes
    outlived it by 20 s."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    start = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - start
    cpu, peak, left = usage.ru_utime + usage.ru_stime, usage.ru_maxrss, True
    deadline = time.monotonic() + _LINGER
    while time.monotonic() < deadline:
        try:
            orphan, _, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            left = False
            break
        if orphan:
            cpu, peak = cpu + usage.ru_utime + usage.ru_stime, max(peak, usage.ru_maxrss)
        else:
            time.sleep(0.02)
    code = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    return {"wall": wall, "cpu": cpu, "peak": peak * unit / 2**20, "status": code, "left": left}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(watch(sys.argv[2:])), "utf-8")
