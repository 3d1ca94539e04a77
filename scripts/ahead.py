"""Makes ready what later steps of the tests need, while the first ones run.

python -m scripts.ahead STEP…

A step that comes to what is not ready yet waits for it; what failed here is tried again there, and told.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable

from scripts import other_environments
from scripts.environment import SetupError


def jars() -> None:
    from jobs.engine.cache import cache_folder
    from jobs.errors import JobError
    from jobs.hadoop.jars import resolve

    with contextlib.suppress(JobError):
        resolve(cache_folder(), lambda text: None)


def interpreters() -> None:
    for version, python in other_environments.others(every=False).items():
        if python is not None:
            other_environments.of_python(version, python)


def old_spark() -> None:
    python = other_environments.old_spark_python()
    if python is not None:
        other_environments.of_old_spark(python)


READY: dict[str, Callable[[], None]] = {"clusters": jars, "interpreters": interpreters, "old_spark": old_spark}
"""What a step needs, by its name."""


def main() -> None:
    os.nice(5)
    for name in sys.argv[1:]:
        with contextlib.suppress(SetupError):
            READY[name]()


if __name__ == "__main__":
    main()
