"""What a run refuses before any of its work is done: options that cannot be, places where it could not publish, and
input that the job cannot take. Where a cluster is paid for, that is before it starts."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from jobs.engine.options import Settings
from jobs.engine.plan import Plan
from jobs.errors import UsageError
from jobs.lake import storage
from jobs.readings import dialect_file

if TYPE_CHECKING:
    from jobs.engine.declaration import Declaration
    from jobs.lake.parts import Layout
    from jobs.lake.publish import Publication


def check(
    job: type[Declaration], settings: Settings, run_id: str
) -> tuple[pa.Schema, Layout | None, dict[str, Publication]]:
    """Schema and layout of the result, and where the run publishes. Raises JobError for options that cannot be, and for
    a place where it could not publish."""
    schema, layout = job.schema(settings), job.layout(settings)
    targets = _targets(settings, run_id)
    for target in targets.values():
        target.check()
    return schema, layout, targets


def check_plan(
    job: type[Declaration], settings: Settings, plan: Plan, dialects: dict[str, str]
) -> tuple[tuple[str, ...], Mapping[str, pa.Table]]:
    """The columns of earlier results that the run resumes; what readings are joined with, where it does not.

    Raises JobError for input that the job cannot take.
    """
    resumed = job.resumes(settings, plan.objects)
    tables = {} if resumed else job.tables(settings)
    if job.survey(settings) is not None and "-" in settings.inputs:
        raise UsageError(
            "can be read once, and this run reads its input twice",
            where="standard input",
            fix="save it to a file and name that",
        )
    if job.needs_time(settings) or settings.deduplicate:
        _refuse_timeless("--deduplicate" if settings.deduplicate else job.NAME, dialects)
    if job.layout(settings) is not None:
        _refuse_own_output(plan, settings)
    return resumed, tables


def timed_by(job: type[Declaration], settings: Settings, engine: str) -> Settings | None:
    """What the job is timed by. Raises UsageError where the input cannot be read twice, or seconds say nothing."""
    timed = job.measured(settings)
    if timed is None:
        return None
    if "-" in settings.inputs:
        raise UsageError("standard input is read once", where="--measure -", fix="leave it out, or name files")
    if engine == "emr":
        raise UsageError("would time how a cluster's steps start", where="--measure -r emr", fix="leave it out")
    return timed


def _targets(settings: Settings, run_id: str) -> dict[str, Publication]:
    if not (settings.output_dir or settings.rejects):
        return {}
    from jobs.lake.publish import Publication

    targets = {}
    if settings.output_dir:
        output = settings.output_format or "parquet"
        targets["output"] = Publication(
            settings.output_dir, output, overwrite=settings.overwrite, run_id=run_id, fence=settings.fence
        )
    if settings.rejects:
        targets["rejects"] = Publication(settings.rejects, "jsonl", overwrite=settings.overwrite, run_id=run_id)
    return targets


def _refuse_timeless(who: str, dialects: dict[str, str]) -> None:
    for key, text in dialects.items():
        if not dialect_file.loads(text).timestamp.columns:
            raise UsageError(f"{who} needs readings with a time, and this dialect has none", where=f"--dialect {key}")


def _refuse_own_output(plan: Plan, settings: Settings) -> None:
    """A result of readings must not be found among the logs when it is made anew, unless it is named as an input."""
    target = settings.output_dir
    if target is None:
        return
    named = any(storage.lies_in(given, target) for given in settings.inputs)
    folders = {posixpath.dirname(found.path or found.uri) for found in plan.objects}
    if not named and any(storage.lies_in(folder, target) for folder in folders):
        raise UsageError(
            "lies within the input, whose readings would count twice",
            where=settings.output_dir,
            fix="name a folder beside the input, or the lake itself as an input",
        )
