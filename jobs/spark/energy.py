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
from jobs.partials.energy import ENERGY
from jobs.partials.images import from_images
from jobs.partials.rows import partial_rows, texts_of

SERIES = ["device_id", "metric", "unit"]


def projection(run: Run) -> Projection:
    """Readings as they are, values as integers of their order."""
    return comparable


def aggregate(readings: DataFrame, run: Run) -> DataFrame:
    """The integral of each series over each demand window."""
    series = Window.partitionBy(*SERIES).orderBy("timestamp", "bits")
    intervals = readings.withColumns(
        {"since": F.lag("timestamp").over(series), "since_bits": F.lag("bits").over(series)}
    )
    pieces = intervals.mapInArrow(_pieces(run), from_arrow_schema(ENERGY.columns))
    sums = [F.sum(column).alias(column) for column in ENERGY.merges]
    return pieces.groupBy(*ENERGY.keys).agg(*sums).repartition("device_id")


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


def finish(run: Run, rows: pa.Table) -> pa.Table:
    """One partition's devices, whole."""
    return Energy.finish(run, {ENERGY.name: rows.select(ENERGY.columns.names).cast(ENERGY.columns)})


TWIN = Twin(Energy, COMPARABLE, projection, aggregate, finish)

if __name__ == "__main__":
    main(TWIN)
