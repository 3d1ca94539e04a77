"""Daily statistics as an mrjob job is usually written: one line, one `map` call, JSON between the steps.

What it shows: the price of Python for each line, and of sums kept in floating point. Reads CSV with the columns
timestamp, device_id, metric, value; yields, for each device, metric and UTC day, a line of
device_id,metric,date,count,mean,stddev,min,max,sum,first_timestamp,last_timestamp.

    PYTHONPATH=. python scripts/baselines/line_by_line.py -r local readings.csv
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from jobs.engine import compat

compat.install()

from mrjob.job import MRJob
from mrjob.protocol import RawValueProtocol

Key = tuple[str, str, str]
Partial = tuple[int, float, float, float, float, str, str]


class LineByLineDailyStats(MRJob):  # type: ignore[misc]  # mrjob has no types
    OUTPUT_PROTOCOL = RawValueProtocol

    def mapper(self, _: object, line: str) -> Iterator[tuple[Key, Partial]]:
        timestamp, device, metric, text = line.split(",")
        if timestamp == "timestamp":
            return
        value = float(text)
        yield (device, metric, timestamp[:10]), (1, value, value * value, value, value, timestamp, timestamp)

    def combiner(self, key: Key, partials: Iterator[Partial]) -> Iterator[tuple[Key, Partial]]:
        yield key, merged(partials)

    def reducer(self, key: Key, partials: Iterator[Partial]) -> Iterator[tuple[None, str]]:
        count, total, squares, least, greatest, first, last = merged(partials)
        mean = total / count
        stddev = math.sqrt(max(0.0, squares - total * mean) / (count - 1)) if count > 1 else ""
        fields = (*key, count, mean, stddev, least, greatest, total, first, last)
        yield None, ",".join(str(field) for field in fields)


def merged(partials: Iterator[Partial]) -> Partial:
    counts, totals, squares, least, greatest, first, last = zip(*partials, strict=True)
    return sum(counts), sum(totals), sum(squares), min(least), max(greatest), min(first), max(last)


if __name__ == "__main__":
    LineByLineDailyStats.run()
