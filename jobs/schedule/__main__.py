"""`python -m jobs.schedule`: every night's run, once, published whole, caught up when missed."""

from __future__ import annotations

from jobs.engine.guard import guarded, leave
from jobs.errors import UsageError
from jobs.schedule.options import parser


def main() -> int:
    options = parser().parse_args()
    try:
        from jobs.schedule import commands
    except ModuleNotFoundError as error:
        fix = "pip install 'sensor-jobs[schedule]'"
        raise UsageError(f"needs the package {error.name}", where="jobs.schedule", fix=fix) from None
    return commands.perform(options)


if __name__ == "__main__":
    leave(guarded(main))
