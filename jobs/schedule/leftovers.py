"""What earlier runs left undone: results that nobody lived to write down, and objects that slow readers had yet to
read."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from jobs.errors import InputError, JobError
from jobs.schedule.board import Item
from jobs.schedule.ledger.store import Ledger
from jobs.schedule.model import Schedule
from jobs.schedule.partitions import Partition
from jobs.schedule.running import Say, published, row_of


def adopt(schedule: Schedule, ledger: Ledger, say: Say) -> None:
    """Write down what the last attempt at a partition published, where its run was killed before it did so. Of one that
    the ledger does not have as published, a run takes notice when its turn comes."""
    for name, partition, fingerprint in ledger.lost():
        key = name, partition
        task, row = schedule.tasks.get(name), ledger.partitions(key).get(key)
        if task is None or row is None:
            continue
        item = Item(task, Partition(row.end, row.start, partition), "published", fingerprint=fingerprint)
        with suppress(InputError):  # a later run may see it
            found = published(item)
            if found is None or found.run_id == row.published_run:
                continue
            if (made := row_of(found, item, ledger.clock())) is not None:
                ledger.adopt(made)
                say("adopted", item, run=made.published_run)


def sweep(schedule: Schedule, ledger: Ledger) -> None:
    """Remove what was replaced in results that were made again: publishing leaves it for those who still read it, and
    may not come back to that place."""
    from jobs.lake.publish import prune

    since = ledger.clock() - timedelta(days=schedule.look_back)
    for key in ledger.made_again():
        row = ledger.partitions(key).get(key)
        if row is not None and row.pruned is None and row.published > since:
            with suppress(JobError):
                prune(row.output)
