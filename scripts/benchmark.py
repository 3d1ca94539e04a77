"""The jobs beside DuckDB, Polars, Spark, plain mrjob and Java MapReduce: `python scripts/benchmark.py --help`."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from jobs.engine.guard import guarded
    from scripts.benchmarks.cli import main

    sys.exit(guarded(main))
