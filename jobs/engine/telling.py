"""Errors of tasks that run in processes of their own: told to the driver in the run's scratch."""

from __future__ import annotations

import json
import os
from pathlib import Path

from jobs import errors
from jobs.engine.run import Run
from jobs.errors import JobError


def tell(run_file: str, error: JobError) -> None:
    """Leave word of the error; on a node that does not see the scratch, its log has it."""
    folder = Path(Run.load(run_file).scratch)
    if folder.is_dir():
        told = {"kind": type(error).__name__, "what": error.what, "where": error.where, "fix": error.fix}
        (folder / f"error-{os.getpid()}.json").write_text(json.dumps(told))


def told(folder: Path) -> JobError | None:
    """The error that a task told, if one did."""
    for path in sorted(folder.glob("error-*.json")):
        data = json.loads(path.read_text())
        kind: type[JobError] = getattr(errors, data["kind"], JobError)
        return kind(data["what"], where=data["where"], fix=data["fix"])
    return None
