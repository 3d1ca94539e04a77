"""The suite from Python: jobs as functions that return Arrow tables, for notebooks, dashboards and workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING

import pyarrow as pa

from jobs import registry
from jobs.engine.driver import Emit, Engine, Outcome, drive
from jobs.engine.engines import TWINS, EngineName
from jobs.engine.settings import settings
from jobs.errors import UsageError

if TYPE_CHECKING:
    from jobs.engine.job import SensorJob

__all__ = ["EngineName", "Inputs", "OptionValue", "publish", "run", "run_with_outcome"]

Inputs = str | PathLike[str] | Iterable[str | PathLike[str]]
OptionValue = str | int | float | bool | Sequence[str] | None


def run(
    job: str,
    inputs: Inputs,
    *,
    engine: EngineName | None = None,
    **options: OptionValue,
) -> pa.Table:
    """The result of a job as a table, sorted by its keys.

    inputs: files, directories, globs, s3:// or hdfs://, or one of them. engine: as `-r`, or `spark` and `yarn` for the
    twin; None chooses. options: those of the command line by name, `dialect="nab"`, `metric=["temperature"]`,
    `time_zone="Europe/Berlin"`; `--from` is `since`, `--to` `until`. The columns are those that
    `python -m jobs.<name> --help` lists.
    Raises UsageError, InputError and, for too many rejects or damage, LimitError (jobs.errors).
    """
    return run_with_outcome(job, inputs, engine=engine, **options)[0]


def run_with_outcome(
    job: str,
    inputs: Inputs,
    *,
    engine: EngineName | None = None,
    **options: OptionValue,
) -> tuple[pa.Table, Outcome]:
    """As `run`, with what the run came to: its plan, counts, rejects and seconds."""
    tables: list[pa.Table] = []
    schemas: list[pa.Schema] = []

    def emit(schema: pa.Schema, results: Iterator[pa.Table]) -> None:
        schemas.append(schema)
        tables.extend(results)

    outcome = _driven(job, inputs, engine, options, emit, printed=True)
    return pa.concat_tables(tables) if tables else schemas[0].empty_table(), outcome


def publish(
    job: str,
    inputs: Inputs,
    output_dir: str | PathLike[str],
    *,
    engine: EngineName | None = None,
    **options: OptionValue,
) -> Outcome:
    """Publish the result of a job, as with --output-dir; what the run came to. All else is as with `run`.

    Raises also BusyError where another run published there meanwhile.
    """
    placed = {**options, "output_dir": str(output_dir)}
    return _driven(job, inputs, engine, placed, lambda schema, results: None, printed=False)


def _driven(
    job: str,
    inputs: Inputs,
    engine: EngineName | None,
    options: Mapping[str, OptionValue],
    emit: Emit,
    *,
    printed: bool,
) -> Outcome:
    declared = registry.job(job)
    flags = [flag for name, value in options.items() for flag in _flags(name, value)]
    named = [inputs] if isinstance(inputs, str | PathLike) else inputs
    arguments = [*flags, *(str(i) for i in named)]
    try:
        instance = declared(args=[*(["-r", engine] if engine and engine not in TWINS else []), *arguments])
    except ValueError as error:
        raise UsageError(str(error), where=job) from None
    chosen = settings(instance.options, declared.OPTIONS, printed=printed)
    outcome = drive(declared, chosen, _engine(engine, job, instance), emit)
    if outcome.problem is not None:
        raise outcome.problem
    return outcome


def _engine(name: EngineName | None, job: str, instance: SensorJob) -> Engine:
    from jobs.engine.mrjob_engine import engine_of

    if name not in TWINS:
        return engine_of(instance)
    from importlib import import_module

    from jobs.engine.spark import SparkEngine

    return SparkEngine(import_module(f"jobs.spark.{job}").TWIN, TWINS[name])


_NAMES = {"since": "from", "until": "to"}


def _flags(name: str, value: OptionValue) -> Iterator[str]:
    """An option as the command line spells it."""
    flag = "--" + _NAMES.get(name, name).replace("_", "-")
    if value is None or value is False:
        return
    if value is True:
        yield flag
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield f"{flag}={item}"  # so that a value may begin with a dash
    else:
        yield f"{flag}={value}"
