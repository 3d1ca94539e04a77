"""`python -m jobs.schedule.attempt`: one job for one partition, in a process that a run starts for it.

What to do comes through standard input, what came of it goes through standard output, as JSON; so no command line shows
it. Errors and summary go to standard error, which is the attempt's log.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from typing import Any

import pyarrow as pa

from jobs.engine import compat
from jobs.engine.guard import guarded, leave
from jobs.errors import JobError


def main() -> int:
    out = os.dup(1)
    os.dup2(2, 1)  # what a job or a library prints is for the log
    wanted = json.loads(sys.stdin.read())
    _die_with(wanted["parent"])
    os.chdir(wanted["folder"])
    with compat.hidden("pandas"):
        pa.array([0])  # Arrow looks for pandas once, and importing it takes longer than a small job
    try:
        told: dict[str, Any] = {"status": 0, **(_learn(wanted) if "learn" in wanted else _publish(wanted))}
    except JobError as error:
        print(f"error: {error}", file=sys.stderr)
        told = {"status": error.status, "error": str(error), "where": error.where}
    with os.fdopen(out, "w") as pipe:
        json.dump(told, pipe)
    return int(told["status"])


def _learn(wanted: dict[str, Any]) -> dict[str, Any]:
    from jobs.schedule.days import learn

    found = learn(wanted["learn"], wanted["dialect"], wanted["engine"])
    spelled = {
        uri: ([(d.day.isoformat(), d.hours, d.readings) for d in days], damage) for uri, (days, damage) in found.items()
    }
    return {"days": spelled}


def _publish(wanted: dict[str, Any]) -> dict[str, Any]:
    from jobs import api
    from jobs.engine.summary import summary

    outcome = api.publish(
        wanted["job"], wanted["inputs"], wanted["output"], engine=wanted["engine"], overwrite=True, **wanted["options"]
    )
    for line in summary(outcome):
        print(line, file=sys.stderr)
    report, account = outcome.report, outcome.account
    return {
        "engine": wanted["engine"] or "local",
        "tasks": len(outcome.plan.splits),
        "objects": len(outcome.plan.objects),
        "bytes": report.size,
        "readings": report.selected,
        "rejects": report.rejected,
        "seconds": outcome.seconds,
        "cost": account.spent if account else None,
        "planned_cost": account.planned if account else None,
    }


def content_of(parts: Any) -> str:
    """What the bytes of a result are, whatever run made them: a hash over its parts in their order."""
    said = [(part.name.rpartition("/")[0], part.rows, part.sha256) for part in parts]
    return hashlib.sha256(repr(said).encode()).hexdigest()


def _die_with(parent: int) -> None:
    from jobs.engine import forks

    if forks.available:
        forks.die_with_parent(parent)


if __name__ == "__main__":
    leave(guarded(main))
