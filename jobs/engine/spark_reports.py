"""What Spark's tasks report beside their rows, on its own way for such: an accumulator."""

from __future__ import annotations

from collections.abc import Iterator

from pyspark.accumulators import AccumulatorParam
from pyspark.sql import SparkSession

from jobs.engine.report import Report

Named = dict[str, str]


class _ByName(AccumulatorParam[Named]):
    """A task that runs again reports the same under the same name."""

    def zero(self, value: Named) -> Named:
        return {}

    def addInPlace(self, value1: Named, value2: Named) -> Named:  # noqa: N802 - Spark's name
        value1.update(value2)
        return value1


class Reports:
    """Tasks `add` reports, and the driver has `all` of them when they have ended."""

    def __init__(self, spark: SparkSession) -> None:
        self._held = spark.sparkContext.accumulator({}, _ByName())

    def add(self, name: str, report: Report) -> None:
        self._held.add({name: report.dumps()})

    def all(self) -> Iterator[Report]:
        for _, text in sorted(self._held.value.items()):
            yield Report.loads(text)
