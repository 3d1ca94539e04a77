"""The schedule's operations whose effect outlives the process, beside those of publishing (jobs/lake/durable.py)."""

from __future__ import annotations

from contextlib import AbstractContextManager

from jobs.lake import durable

STEPS = {
    "ledger.begin_run": "write down that a run has begun, and that those of earlier holders are lost",
    "ledger.end_run": "write down how it ended",
    "ledger.objects": "write down which objects are there",
    "ledger.days": "write down which days they hold readings of",
    "ledger.begin_attempt": "write down that a job is started for a partition",
    "ledger.end_attempt": "write down what it came to, and what is published",
    "ledger.adopt": "write down a result that was published, but not written down before its run was killed",
    "ledger.alert": "write down what is to be told, or that it was told, or is over",
    "lease.take": "take the lease",
    "lease.renumber": "give it a token above one that was met",
    "lease.release": "give it back",
    "alert.send": "tell somebody",
    "metrics.write": "put the file of metrics in its place",
    "crontab.write": "put a new crontab in the place of the old one",
    "prune.remove": "remove a partition's result",
    "ledger.prune": "write down that it was removed",
}
"""Every durable operation by name, and what it does."""


def step(name: str) -> AbstractContextManager[None]:
    """Wraps a durable operation named in STEPS."""
    return durable.step(name, STEPS)
