"""Time cut where local days begin, so that what lasts is shared out among the days it touches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from jobs.partials.buckets import Buckets
from jobs.readings.model import Int64Array


@dataclass(frozen=True)
class Pieces:
    """Piece i lasts from `starts[i]` to `starts[i + 1]`, in µs UTC, and the last one on; its bucket is `bucket[i]`.

    Where clocks are set back over midnight a day has several pieces.
    """

    starts: Int64Array
    bucket: Int64Array

    def cut(self, begin: Int64Array, end: Int64Array) -> tuple[Int64Array, Int64Array, Int64Array, Int64Array]:
        """Spans (begin < end, µs, none before the first piece) cut: of each part its span, bucket, begin and end."""
        low = np.searchsorted(self.starts, begin, side="right") - 1
        count = np.searchsorted(self.starts, end, side="left") - low
        span = np.repeat(np.arange(len(begin)), count)
        piece = np.arange(len(span)) - np.repeat(np.cumsum(count) - count, count) + low[span]
        ends = np.append(self.starts[1:], np.iinfo(np.int64).max)
        return span, self.bucket[piece], np.maximum(begin[span], self.starts[piece]), np.minimum(end[span], ends[piece])

    def of(self, bucket: Int64Array) -> Iterator[tuple[Int64Array, Int64Array, Int64Array]]:
        """The pieces of buckets: rows of `bucket`, where the nth piece of each begins and where it ends, for each n."""
        order = np.argsort(self.bucket, kind="stable")
        starts, ends = self.starts[order], np.append(self.starts[1:], np.iinfo(np.int64).max)[order]
        low = np.searchsorted(self.bucket[order], bucket, side="left")
        high = np.searchsorted(self.bucket[order], bucket, side="right")
        for nth in range(int((high - low).max(initial=0))):  # nearly always one
            rows = np.flatnonzero(low + nth < high)
            at = low[rows] + nth
            yield rows, starts[at], ends[at]


def pieces(buckets: Buckets, low: int, high: int) -> Pieces:
    """The pieces that cover `low` to `high`, µs UTC."""
    zone = buckets.zone
    first, last = (int(i) for i in np.searchsorted(zone.utc_starts, [low, high], side="right") - 1)
    cuts = [np.array([low], np.int64)]
    for span in range(max(first, 0), last + 1):
        offset = int(zone.offsets[span])
        begin = max(low, int(zone.utc_starts[span]))
        end = high if span == last else int(zone.utc_starts[span + 1])
        numbers = np.arange(
            (begin + offset - buckets.origin) // buckets.size + 1, (end + offset - buckets.origin) // buckets.size + 1
        )
        cuts += [np.array([begin], np.int64), numbers * buckets.size + buckets.origin - offset]
    starts = np.unique(np.concatenate(cuts))
    bucket = buckets.of(starts)
    differs = np.concatenate([[True], bucket[1:] != bucket[:-1]])
    return Pieces(starts[differs], bucket[differs])
