"""The Spark twins, one module a job. Importing any of them raises UsageError where pyspark is not installed; where one
is the program, `python -m jobs.spark.NAME`, that is the end of it, in one line."""

import sys

from jobs.errors import UsageError

try:
    import pyspark  # noqa: F401 - every twin's first import
except ModuleNotFoundError as error:
    if error.name != "pyspark":
        raise
    missing = UsageError(
        "pyspark is not installed", fix="pip install 'sensor-jobs[spark]', or in a clone pip install '.[spark]'"
    )
    if sys.argv[0] != "-m":  # which is what it is until Python has found the module to run
        raise missing from None
    print(f"error: {missing}", file=sys.stderr)
    sys.exit(missing.status)
