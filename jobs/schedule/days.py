"""The days of which each object holds readings. The day of an event is not that of its arrival: an object is read once
to learn this, before anything is made of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from jobs.engine.driver import drive
from jobs.engine.job import Column, SensorJob
from jobs.engine.mrjob_engine import MrjobEngine
from jobs.engine.run import Run
from jobs.engine.settings import settings
from jobs.partials.schema import PLACED
from jobs.readings.model import Readings
from jobs.schedule.hours import Day

_HOUR = 3_600_000_000
_EPOCH = date(1970, 1, 1)


class ObjectDays(SensorJob):
    """How many readings of each hour of UTC each object holds, a row for every batch that was read."""

    NAME = "object_days"
    QUESTION = "Which days are in which object?"
    COLUMNS = (
        Column("source", pa.int64(), "the object's number in the plan"),
        Column("hour", pa.int64(), "hours since 1970 UTC"),
        Column("readings", pa.int64(), "how many readings of that hour"),
    )
    COLLECTED = PLACED  # so that batches tell which object they are from

    @classmethod
    def rows(cls, run: Run, readings: Readings) -> pa.Table:
        hours, counts = np.unique(readings.timestamp // _HOUR, return_counts=True)
        source = np.full(len(hours), readings.piece[0], np.int64)
        return pa.table([source, hours.astype(np.int64), counts.astype(np.int64)], schema=cls.schema(run.settings))


def learn(uris: Iterable[str], dialect: str | None, engine: str | None) -> dict[str, tuple[list[Day], str | None]]:
    """The days of each object, and what is damaged in it. Raises InputError for what cannot be read at all."""
    chosen = ["--on-damage=report", "--max-rejects=1", *([f"--dialect={dialect}"] if dialect else [])]
    job = ObjectDays(args=[*(["-r", engine] if engine else []), *chosen, *uris])
    tables: list[pa.Table] = []
    wanted = settings(job.options, job.OPTIONS, printed=True)
    outcome = drive(ObjectDays, wanted, MrjobEngine(job), lambda schema, found: tables.extend(found))
    damage = {one.object: f"at byte {one.offset:,}: {one.what}" for one in reversed(outcome.report.damage)}
    names = {piece.source: piece.object.uri for split in outcome.plan.splits for piece in split.pieces}
    found: dict[str, dict[date, tuple[int, int]]] = {uri: {} for uri in names.values()}
    for table in tables:
        for row in table.to_pylist():
            day, hour = divmod(row["hour"], 24)
            days = found[names[row["source"]]]
            hours, readings = days.get(_EPOCH + timedelta(days=day), (0, 0))
            days[_EPOCH + timedelta(days=day)] = (hours | 1 << hour, readings + row["readings"])
    return {
        uri: ([Day(day, *counted) for day, counted in sorted(days.items())], damage.get(uri))
        for uri, days in found.items()
    }


if __name__ == "__main__":
    ObjectDays.run()
