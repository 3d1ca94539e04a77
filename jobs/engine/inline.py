"""mrjob's inline runner, fitted to plans."""

from __future__ import annotations

from jobs.engine import compat
from jobs.engine.planned import PlannedTasks

compat.install()

from mrjob.inline import InlineMRJobRunner


class InlineRunner(PlannedTasks, InlineMRJobRunner):  # type: ignore[misc]  # mrjob has no types
    """`-r inline`: one task after the other in this process."""

    num_tasks = 1

    def _log_cause_of_error(self, ex: Exception) -> None:
        """What failed says itself where; mrjob could only name a file of its own."""
