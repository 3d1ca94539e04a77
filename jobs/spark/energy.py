"""Energy on Spark: a window function finds what each reading follows, groupBy adds up the pieces between them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.energy import Energy, meter
from jobs.engine.run import Run
from jobs.engine.spark import Mapping, Projection, Twin
from jobs.engine.spark_columns import COMPARABLE, comparable, from_comparable
from jobs.engine.spark_command import main
from jobs.partials.codes import starts_of_runs, text_codes
from jobs.partials.energy import ENERGY, PEAKS, settled
from jobs.partials.images import from_images
from jobs.partials.merge import integers
from jobs.partials.rows import partial_rows, texts_of
from jobs.partials.totals import numbered
from jobs.readings.arrays import from_numpy

SERIES = ["device_id", "metric", "unit"]
ROWS = pa.schema([field.with_nullable(True) for field in (*ENERGY.columns, PEAKS.columns.field("power"))])


def projection(run: Run) -> Projection:
    """Readings as they are, values as integers of their order."""
    return comparable


def aggregate(readings: DataFrame, run: Run) -> DataFrame:
    """What is left of the integrals of each series over demand windows, of whole ones by day, and their peaks."""
    series = Window.partitionBy(*SERIES).orderBy("timestamp", "bits")
    intervals = readings.withColumns(
        {"since": F.lag("timestamp").over(series), "since_bits": F.lag("bits").over(series)}
    )
    pieces = intervals.mapInArrow(_pieces(run), from_arrow_schema(ENERGY.columns))
    sums = [F.sum(column).alias(column) for column in ENERGY.merges]
    windows = pieces.groupBy(*ENERGY.keys).agg(*sums).repartition("device_id").sortWithinPartitions(*ENERGY.keys)
    return windows.mapInArrow(_settled(run), from_arrow_schema(ROWS))


def _pieces(run: Run) -> Mapping:
    """Intervals in, the words of their pieces out."""

    def convert(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        run.provide_zones()
        chosen = meter(run.settings)
        for batch in batches:
            now, since = from_comparable(batch), batch.column("since")
            before = (since.fill_null(0).to_numpy(), from_images(batch.column("since_bits").fill_null(0).to_numpy()))
            owner = now.device.astype(np.int64) << 32 | now.series
            follows = since.is_valid().to_numpy(zero_copy_only=False)
            for columns in chosen.blocks(owner, follows, before, (now.timestamp, now.value)):
                codes = [columns[0] >> 32, columns[0] & (2**32 - 1)]
                yield from partial_rows(ENERGY, texts_of(now.keys), [*codes, *columns[1:]]).to_batches()

    return convert


def _settled(run: Run) -> Mapping:
    """Rows of ENERGY in, in the order of their keys; what is left of them out."""

    def convert(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        demand = meter(run.settings).demand
        for batch in filter(len, batches):
            rows = pa.Table.from_batches([batch])
            series, _ = numbered([text_codes(rows.column(name))[0] for name in SERIES])
            firsts = starts_of_runs(series)
            texts = rows.select(SERIES).take(from_numpy(firsts))
            place = np.repeat(np.arange(len(firsts)), np.diff(firsts, append=len(rows)))
            others = [integers(rows.column(name)) for name in ENERGY.columns.names if name not in SERIES]
            kept, sums, peaks = settled([place, *others], demand)
            for kind, (owner, *found) in ((ENERGY, kept), (ENERGY, sums), (PEAKS, peaks)):
                columns = texts.take(from_numpy(owner))
                for name, column in zip(kind.columns.names[len(SERIES) :], found, strict=True):
                    columns = columns.append_column(name, from_numpy(column))
                for name in set(ROWS.names).difference(columns.column_names):
                    columns = columns.append_column(name, pa.nulls(len(owner), pa.int64()))
                yield from columns.select(ROWS.names).cast(ROWS).combine_chunks().to_batches()

    return convert


def finish(run: Run, rows: pa.Table) -> pa.Table:
    """One partition's devices, whole."""
    kinds = ((ENERGY, rows.filter(rows["power"].is_null())), (PEAKS, rows.filter(rows["power"].is_valid())))
    named = {kind.name: some.select(kind.columns.names).cast(kind.columns) for kind, some in kinds}
    return Energy.finish(run, named)


TWIN = Twin(Energy, COMPARABLE, projection, aggregate, finish)

if __name__ == "__main__":
    main(TWIN)
