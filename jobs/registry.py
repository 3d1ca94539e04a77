"""Which jobs there are: the SensorJob classes declared in the modules of this package."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

import jobs
from jobs.engine.engines import ENGINES
from jobs.errors import UsageError

if TYPE_CHECKING:
    from jobs.engine.job import SensorJob


def all_jobs() -> dict[str, type[SensorJob]]:
    """The jobs by name, sorted."""
    return dict(sorted((found.NAME, found) for name in modules() for found in _declared(name)))


def job(name: str) -> type[SensorJob]:
    """The job of that name. Raises UsageError where there is none."""
    # importing all of them takes longer than a small job
    for one in _declared(name) if name in modules() else ():
        if name == one.NAME:
            return one
    found = all_jobs()
    if name not in found:
        raise UsageError(f"there is no job {name!r}", fix=f"the jobs are {', '.join(found)}")
    return found[name]


def modules() -> list[str]:
    """The modules in which jobs may be declared; a job's is nearly always of its name."""
    return [m.name for m in pkgutil.iter_modules(jobs.__path__) if not m.ispkg and m.name != "__main__"]


def _declared(module: str) -> list[type[SensorJob]]:
    from jobs.engine.job import SensorJob

    things = vars(importlib.import_module(f"jobs.{module}")).values()
    return [t for t in things if isinstance(t, type) and issubclass(t, SensorJob) and t is not SensorJob]


def engines(name: str) -> tuple[str, ...]:
    """The engines on which a job is proven to give the same bytes."""
    return tuple(engine for engine in ENGINES if engine not in job(name).GAPS)
