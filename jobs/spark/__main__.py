"""python -m jobs.spark NAME …: a twin by its name, as spark-submit starts it."""

from __future__ import annotations

import sys
from importlib import import_module

from jobs.engine.spark_command import main

if __name__ == "__main__":
    name = sys.argv.pop(1)
    main(import_module(f"jobs.spark.{name}").TWIN)
