"""`python -m jobs`: the jobs there are, one line each."""

from __future__ import annotations

import sys

from jobs.engine.aligned import aligned
from jobs.engine.guard import guarded
from jobs.registry import all_jobs, engines


def _list() -> int:
    if len(sys.argv) > 1:
        from jobs.errors import UsageError

        raise UsageError(f"unknown argument {sys.argv[1]!r}", fix="run python -m jobs.NAME for a job")
    rows = [(job.NAME, job.QUESTION, ", ".join(engines(job.NAME))) for job in all_jobs().values()]
    print(*aligned(rows), sep="\n")
    print("\nRun one with: python -m jobs.NAME INPUT   (--help says more)", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(guarded(_list))
