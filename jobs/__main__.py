"""`python -m jobs`: the jobs there are, one line each."""

from __future__ import annotations

import sys

from jobs.engine.aligned import aligned
from jobs.engine.guard import guarded
from jobs.registry import all_jobs, engines


def _list() -> int:
    if sys.argv[1:] not in ([], ["-h"], ["--help"]):
        from jobs.errors import UsageError

        name = sys.argv[1] if sys.argv[1] in all_jobs() else "NAME"
        raise UsageError(f"unknown argument {sys.argv[1]!r}", fix=f"run python -m jobs.{name} for a job")
    rows = [(job.NAME, job.QUESTION, ", ".join(engines(job.NAME))) for job in all_jobs().values()]
    print(*aligned(rows), sep="\n")
    print("\nRun one with: python -m jobs.NAME INPUT   (--help says more)", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(guarded(_list))
