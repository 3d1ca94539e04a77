"""Running a plan on Spark: splits in by `mapInArrow`, the twin's DataFrame in between, lines of sorted runs out.

Shared with the mrjob jobs are the plan, the parsing, the definitions and the writer; grouping is Spark's own. Uses what
Spark 3.5 and 4.x have in common.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from jobs import errors
from jobs.emr.work import Work
from jobs.engine.cores import cores
from jobs.engine.options import Settings
from jobs.engine.plan import Plan, Split
from jobs.engine.reading import SplitReader
from jobs.engine.report import Report
from jobs.engine.resuming import ResultReader
from jobs.engine.run import Run
from jobs.engine.shuffle import BlockWriter, Carrier
from jobs.engine.spark_columns import (
    COMPARABLE,
    WITH_ABSENCE,
    WITH_QUALITY,
    by_absence,
    comparable,
    from_comparable,
    with_absence,
    with_quality,
)
from jobs.engine.spark_session import is_local, session
from jobs.engine.tasks import attempt, receive, ship
from jobs.errors import JobError, UsageError
from jobs.readings.kernel_keys import new_keys
from jobs.readings.model import Readings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from jobs.emr.telling import Account
    from jobs.engine.declaration import Declaration
    from jobs.engine.spark_reports import Reports

Projection = Callable[[Readings], pa.RecordBatch]
Mapping = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]

Finish = Callable[[Run, pa.Table], pa.Table | Iterator[pa.Table]]

_LINES = pa.schema([("line", pa.binary())])


@dataclass(frozen=True, slots=True)
class Twin:
    """A job as a Spark person writes it.

    `projection(run)` makes the columns of the readings' DataFrame, of `schema`, from a batch, which is one of absent
    values where the job asks for them; `aggregate` is plain DataFrame code; `finish` makes the result rows of one
    partition of what it gives, in one table or several (None: they are the result).
    `resume` makes rows of `schema` of the partial rows of earlier results, for jobs that read such.
    """

    job: type[Declaration]
    schema: pa.Schema
    projection: Callable[[Run], Projection]
    aggregate: Callable[[DataFrame, Run], DataFrame]
    finish: Finish | None = None
    resume: Callable[[dict[str, pa.Table]], pa.Table] | None = None


class SparkEngine:
    """A Spark session that runs one twin."""

    name = "spark"
    concludes = True

    def outlook(self, work: Work) -> Iterable[str]:
        return ()

    def confirm(self, work: Work) -> None:
        """Nothing to ask: it costs nothing more."""

    def account(self, run: Run, report: Report) -> Account | None:
        return None

    def receiving(self) -> AbstractContextManager[None]:
        return nullcontext()

    def __init__(self, twin: Twin, master: str | None = None, conf: dict[str, str] | None = None) -> None:
        self._twin = twin
        self._master = master
        self._conf = conf or {}
        self.carrier: Carrier = "reference" if is_local(master) else "inline"

    def tasks(self, settings: Settings) -> int:
        return settings.tasks or cores()

    def _parts(self, run: Run) -> int:
        """How many parts shuffled rows have; on a cluster, as many as MapReduce would."""
        cores = self.tasks(run.settings)
        return cores if run.settings.tasks or run.carrier == "reference" else max(cores, run.partitions)

    def check(self, settings: Settings) -> None:
        if "-" in settings.inputs:
            raise UsageError(
                "standard input cannot be read by Spark's tasks",
                where="-",
                fix="copy it where they can read it, for instance: aws s3 cp - s3://BUCKET/KEY",
            )

    def execute(self, run: Run, plan: Plan, scratch: Path) -> Report:
        if not plan.splits:
            return Report()
        with session(self._parts(run), self._master, self._conf) as spark:
            from jobs.engine.spark_reports import Reports

            reports, before = Reports(spark), _shuffled(spark)
            try:
                lines = _lines(_run_frame(spark, self._twin, run, plan, reports), run.carrier)
                received = [receive(line, scratch) for line in lines]
            except Exception as error:
                raise _readable(error) from error
            report = Report(shuffled=_shuffled(spark) - before)
        for one in (*reports.all(), *received):
            report.add(one)
        if run.settings.deduplicate:
            report.repeats += report.selected
        return report


def _shuffled(spark: SparkSession) -> int:
    """Bytes that Spark's executors have written for shuffles since they started, by its own account."""
    listed = spark.sparkContext._jsc.sc().statusStore().executorList(False)
    return sum(listed.apply(i).totalShuffleWrite() for i in range(listed.size()))


def _lines(result: DataFrame, carrier: Carrier) -> Iterator[bytes]:
    """What the tasks send. Where it is the rows themselves, they wait on the executors until they are fetched."""
    if carrier == "reference":
        yield from (bytes(row["line"]) for row in result.collect())
        return
    from pyspark import StorageLevel

    result.persist(StorageLevel.DISK_ONLY).count()
    try:
        yield from (bytes(row["line"]) for row in result.toLocalIterator(prefetchPartitions=True))
    finally:
        result.unpersist()


def _run_frame(spark: SparkSession, twin: Twin, run: Run, plan: Plan, reports: Reports) -> DataFrame:
    """The lines that `receive` understands, as a column."""
    from pyspark.sql.pandas.types import from_arrow_schema

    splits = spark.sparkContext.parallelize([(split.dumps(),) for split in plan.splits], len(plan.splits))
    frame = spark.createDataFrame(splits, "line string")

    def mapped(rows: DataFrame, mapping: Mapping, schema: pa.Schema) -> DataFrame:
        return rows.mapInArrow(mapping, from_arrow_schema(schema))

    whole, run = run, replace(run, tables={})  # they are for Spark to join, not for its tasks to carry
    if twin.job.counts_objects(run.settings):  # what is wanted stands in the reports
        return mapped(frame, _reader(twin, run, _nothing, _LINES, reports), _LINES)
    if run.settings.deduplicate:
        once = _once(twin, run, frame, reports)
        readings = mapped(once, _distinct(twin, run, reports), twin.schema)
    elif run.resumed:
        readings = mapped(frame, _resumer(twin, run, reports), twin.schema)
    else:
        readings = mapped(frame, _reader(twin, run, twin.projection(run), twin.schema, reports), twin.schema)
    return mapped(twin.aggregate(readings, whole), _shipper(twin, run), _LINES)


def _once(twin: Twin, run: Run, frame: DataFrame, reports: Reports) -> DataFrame:
    """Comparable columns of plan lines, of exact repeats once; absent values are no repeats."""
    from pyspark.sql import functions as F
    from pyspark.sql.pandas.types import from_arrow_schema

    def every(spelled: Projection, schema: pa.Schema) -> DataFrame:
        return frame.mapInArrow(_reader(twin, run, spelled, schema, reports), from_arrow_schema(schema))

    if twin.job.COLLECTED.has("quality"):
        marked = every(with_quality, WITH_QUALITY)
        return marked.groupBy(*COMPARABLE.names).agg({"quality": "min"}).toDF(*WITH_QUALITY.names)
    if twin.job.ABSENT:
        own = F.when(F.col("absence").isNotNull(), F.monotonically_increasing_id())
        return every(with_absence, WITH_ABSENCE).withColumn("own", own).dropDuplicates().drop("own")
    return every(comparable, COMPARABLE).dropDuplicates()


def _splits(batches: Iterator[pa.RecordBatch]) -> Iterator[Split]:
    for batch in batches:
        yield from map(Split.loads, batch.column(0).to_pylist())


def _reader(twin: Twin, run: Run, project: Projection, schema: pa.Schema, reports: Reports) -> Mapping:
    """Plan lines in, projected readings out."""

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        run.provide_zones()
        for split in _splits(batches):
            blocks = BlockWriter(run.carrier, Path(run.scratch) / f"{attempt('rejects')}.blocks")
            reader = SplitReader(twin.job, run, new_keys(run.kernel), blocks)
            for readings in reader.read(split):
                yield project(readings).cast(schema)
            reports.add(f"split {split.index}", reader.close())

    return read


def _nothing(_: Readings) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=_LINES)


def _resumer(twin: Twin, run: Run, reports: Reports) -> Mapping:
    """Plan lines in, partial rows of earlier results out."""
    assert twin.resume is not None
    resume, schema = twin.resume, twin.schema

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        run.provide_zones()
        for split in _splits(batches):
            report = Report()
            for partials in ResultReader(twin.job, run, report).read(split):
                yield from resume(partials).cast(schema).to_batches()
            reports.add(f"split {split.index}", report)

    return read


def _distinct(twin: Twin, run: Run, reports: Reports) -> Mapping:
    """Comparable columns in, projected readings out; their number goes to a report."""
    project, schema = twin.projection(run), twin.schema

    def convert(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        run.provide_zones()
        kept = 0
        for batch in batches:
            for absence, some in by_absence(batch):
                kept += len(some) if absence is None else 0
                yield project(replace(from_comparable(some), absence=absence)).cast(schema)
        reports.add(f"distinct {_partition()}", Report(repeats=-kept))

    return convert


def _partition() -> int:
    """The number of the partition that the running task makes."""
    from pyspark import TaskContext

    context = TaskContext.get()
    assert context is not None
    return context.partitionId()


def _shipper(twin: Twin, run: Run) -> Mapping:
    """A partition's rows in, the lines that bring them to the driver out."""
    finish, schema = twin.finish, twin.job.schema(run.settings)

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        run.provide_zones()
        tables = (table.cast(schema) for table in _finished(batches, finish, run))
        for line in ship(run, schema, tables, _partition(), attempt("spark")):
            yield pa.RecordBatch.from_pydict({"line": [line]}, schema=_LINES)

    return write


def _finished(batches: Iterator[pa.RecordBatch], finish: Finish | None, run: Run) -> Iterator[pa.Table]:
    if finish is None:
        yield from (pa.Table.from_batches([batch]) for batch in batches)
        return
    held = list(batches)
    if held:
        finished = finish(run, pa.Table.from_batches(held))
        yield from [finished] if isinstance(finished, pa.Table) else finished


def _readable(error: Exception) -> Exception:
    """A JobError raised in a task, found again in Spark's account of it; a container without memory; else the error."""
    if found := re.search(r"^jobs\.errors\.(\w+): (.*)$", str(error), re.MULTILINE):
        kind = getattr(errors, found[1], JobError)
        return kind(found[2]) if issubclass(kind, JobError) else error
    if "exceeding" in str(error) and "memory limits" in str(error):
        return JobError(
            "a container was killed, because its tasks took more memory than it has",
            fix="give it more: --conf spark.executor.memoryOverhead=1g",
        )
    return error
