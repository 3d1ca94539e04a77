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
    from jobs.engine.job import SensorJob

    found: dict[str, type[SensorJob]] = {}
    for module in pkgutil.iter_modules(jobs.__path__):
        if module.ispkg or module.name == "__main__":
            continue
        for thing in vars(importlib.import_module(f"jobs.{module.name}")).values():
            if isinstance(thing, type) and issubclass(thing, SensorJob) and thing is not SensorJob:
                found[thing.NAME] = thing
    return dict(sorted(found.items()))


def job(name: str) -> type[SensorJob]:
    """The job of that name. Raises UsageError where there is none."""
    found = all_jobs()
    if name not in found:
        raise UsageError(f"there is no job {name!r}", fix=f"the jobs are {', '.join(found)}")
    return found[name]


def engines(name: str) -> tuple[str, ...]:
    """The engines on which a job is proven to give the same bytes."""
    return tuple(engine for engine in ENGINES if engine not in job(name).GAPS)
