"""Statistics of groups of devices: keys whose devices are groups, so that every accumulator works unchanged.

A group's text stands in `device_id` of the partial rows; metric and unit stay keys, as what is measured differently is
never averaged. A job with groups says so by `Declaration.regroups`, and drops or renames the column in its result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

import numpy as np
import pyarrow as pa

from jobs.partials.schema import Accumulator, Around
from jobs.readings.model import Int32Array, Keys, Readings

GroupOf = Callable[[pa.StringArray], pa.StringArray]
"""The group of each device, by its text alone; never null."""

ALL = ""
"""The text of the group of all devices."""


class Numbering(Protocol):
    """What numbers readings from 0 on, finer than groups: the group of a number never changes."""

    def of(self, readings: Readings) -> Int32Array:
        """The number of each reading."""

    @property
    def count(self) -> int:
        """How many numbers there are, of all readings so far."""

    def groups(self, start: int) -> pa.StringArray:
        """The group of each number from `start` on; never null."""


def together(devices: pa.StringArray) -> pa.StringArray:
    """The one group of all devices."""
    return pa.repeat(pa.scalar(ALL, pa.string()), len(devices))


def grouped(keys: Keys, by: GroupOf | Numbering, opened: Callable[[Keys], Accumulator]) -> Accumulator:
    """The accumulator that `opened` opens, of the groups that `by` makes of the readings of `keys`."""
    groups = Grouped(keys, Devices(keys, by) if callable(by) else by)
    return _Grouping(groups, opened(groups))


class Devices:
    """Numbers readings by their devices."""

    def __init__(self, keys: Keys, group_of: GroupOf) -> None:
        self._keys, self._group_of = keys, group_of

    def of(self, readings: Readings) -> Int32Array:
        return readings.device

    @property
    def count(self) -> int:
        return self._keys.device_count

    def groups(self, start: int) -> pa.StringArray:
        return self._group_of(self._keys.device_texts().slice(start))


class Grouped(Keys):
    """Keys whose devices are groups of other keys' readings; series and qualities are those of the other keys."""

    def __init__(self, keys: Keys, numbering: Numbering) -> None:
        super().__init__()
        self._inner, self._numbering = keys, numbering
        self._group: Int32Array = np.empty(0, np.int32)  # by number

    def apply(self, readings: Readings) -> Readings:
        """A batch of the inner keys with groups for devices; its other columns are not copied."""
        number = self._numbering.of(readings)
        if self._numbering.count > len(self._group):
            self._learn()
        return replace(readings, keys=self, device=self._group[number])

    def _learn(self) -> None:
        """Groups the numbers that came since the last batch."""
        groups = self._numbering.groups(len(self._group)).dictionary_encode()
        codes = np.array([self.device(text) for text in groups.dictionary.to_pylist()], np.int32)
        self._group = np.concatenate([self._group, codes[groups.indices.to_numpy()]])

    def series(self, metric: str, unit: str | None = None) -> int:
        return self._inner.series(metric, unit)

    def quality(self, text: str | None) -> int:
        return self._inner.quality(text)

    @property
    def series_count(self) -> int:
        return self._inner.series_count

    def series_texts(self) -> list[tuple[str, str | None]]:
        return self._inner.series_texts()

    def quality_texts(self) -> list[str]:
        return self._inner.quality_texts()


class _Grouping(Around):
    """Accumulates batches by their groups."""

    def __init__(self, groups: Grouped, inner: Accumulator) -> None:
        self._groups, self._inner = groups, inner

    def add(self, readings: Readings) -> None:
        self._inner.add(self._groups.apply(readings))

    def flush(self) -> Iterator[tuple[str, pa.Table]]:
        return self._inner.flush()
