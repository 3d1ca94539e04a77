"""Batches put back into the order of their records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from jobs.readings.model import Readings, in_record_order


def reordered(batches: Iterable[Readings], reach: int) -> Iterator[Readings]:
    """The readings of one part of a text object in the order of their records, in bounded memory.

    Within a block, parsers hand out what was quick to read first. `reach` is how many bytes before the furthest
    record seen one may still come: a block and a record. Copies what it yields. An error of `batches` comes through
    after everything that was read before it. Absent values go by as they come.
    """
    held: list[Readings] = []
    begin = end = 0
    try:
        for batch in batches:
            if batch.absence is not None:
                yield batch
                continue
            if not len(batch):
                continue
            if not held:
                begin = int(batch.offset.min())
            held.append(batch.take(np.arange(len(batch))))
            end = max(end, int(batch.offset.max()))
            if end - begin > 4 * reach:
                joined = in_record_order(held)
                assert joined is not None
                ready = int(np.searchsorted(joined.offset, end - reach))
                yield joined.take(np.arange(ready))
                held = [joined.take(np.arange(ready, len(joined)))]
                begin = end - reach
    except Exception:
        yield from _rest(held)
        raise
    yield from _rest(held)


def _rest(held: list[Readings]) -> Iterator[Readings]:
    joined = in_record_order(held)
    if joined is not None:
        yield joined
