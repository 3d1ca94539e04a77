"""All twins in one Spark application on YARN, in a process of its own: another master cannot run beside it.

python -m tests.jobs.on_yarn FOLDER INPUT …

Each job's result is FOLDER/JOB.arrow, or what went wrong FOLDER/JOB.error. Options of the jobs come as JSON in ON_YARN.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path

from pyarrow import feather

from jobs import api
from jobs.engine.spark_session import session


def main(folder: str, *inputs: str) -> None:
    options = json.loads(os.environ["ON_YARN"])
    with session(3, "yarn"):
        for job in options:
            try:
                feather.write_feather(api.run(job, inputs, engine="spark", **options[job]), f"{folder}/{job}.arrow")
            except Exception:
                Path(folder, f"{job}.error").write_text(traceback.format_exc(), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
