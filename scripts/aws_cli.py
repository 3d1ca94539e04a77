"""The AWS command line in an environment of its own in the cache: what an EMR node has, and nothing of this project."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

from jobs.engine.cache import cache_folder
from scripts.environment import Environment, pip

VERSION = "1.38"


def folder() -> Path:
    """The folder with the `aws` command, installed by the first caller. Raises SetupError."""
    place = cache_folder() / f"awscli-{VERSION}"
    command = place / "bin" / "aws"
    if not command.is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        with (place.parent / "awscli.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not command.is_file():
                subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
                pip(Environment(place), f"awscli=={VERSION}.*")
    return command.parent
