"""The readings themselves, in the order of the input: what a dialect makes of a log, before anything runs on it."""

from __future__ import annotations

import pyarrow as pa

from jobs.engine.job import Column, SensorJob
from jobs.engine.run import Run
from jobs.readings.model import SCHEMA, Readings

_HELP = {
    "timestamp": "when, UTC; empty where the dialect has no time",
    "device_id": "who measured",
    "metric": "what was measured",
    "value": "the value",
    "unit": "in which unit, where the logs say",
    "quality": "the quality mark, where the logs give one",
}


class Extract(SensorJob):
    """Readings in, readings out; with --rejects, what was none."""

    NAME = "extract"
    QUESTION = "Which readings are in these logs?"
    COLUMNS = tuple(Column(field.name, field.type, _HELP[field.name]) for field in SCHEMA)
    NEEDS_TIME = False

    @classmethod
    def rows(cls, run: Run, readings: Readings) -> pa.Table:
        return pa.Table.from_batches([readings.to_arrow()]).cast(cls.schema(run.settings))


if __name__ == "__main__":
    Extract.run()
