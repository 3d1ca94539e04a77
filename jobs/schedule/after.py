"""After a run: who is told, and what is measured."""

from __future__ import annotations

from jobs.schedule.config import Schedule
from jobs.schedule.ledger.store import Ledger
from jobs.schedule.night import Night
from jobs.schedule.running import Hide, Say


def tell(schedule: Schedule, ledger: Ledger, done: Night, say: Say, hide: Hide) -> None:
    """Alerts that were not sent yet, the dead man's switch, metrics."""
