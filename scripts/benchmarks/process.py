"""Commands of the benchmark, run in the project's root."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from jobs.engine import measure as outside
from jobs.engine.measure import CommandError, Measurement
from scripts.environment import ROOT

__all__ = ["CommandError", "Measurement", "measure", "run_quietly"]


def measure(command: Sequence[str], output: Path, environ: Mapping[str, str]) -> Measurement:
    """A command measured from outside, with its standard output in a file. Raises CommandError where it fails.

    Its modules are compiled once, as a user's are, whatever the environment says of it.
    """
    return outside.measure(command, output, {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "", **environ}, ROOT)


def run_quietly(command: Sequence[str]) -> str:
    """What a helper command prints, stripped. Status 1 is an answer too; raises CommandError for others."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1) or (done.returncode and not done.stdout):
        raise CommandError(f"{' '.join(command)}: status {done.returncode}\n{done.stderr.strip()[-2000:]}")
    return done.stdout.strip()
