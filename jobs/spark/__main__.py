"""python -m jobs.spark NAME …: a twin by its name, as spark-submit starts it."""

from __future__ import annotations

import sys
from importlib import import_module

from jobs import registry
from jobs.engine.guard import guarded
from jobs.engine.spark_command import command
from jobs.errors import UsageError


def run() -> int:
    name, *arguments = sys.argv[1:] or [""]
    if "spark" in registry.job(name).GAPS:
        raise UsageError(f"{name} has no Spark twin")
    return command(import_module(f"jobs.spark.{name}").TWIN, arguments)


if __name__ == "__main__":
    sys.exit(guarded(run))
