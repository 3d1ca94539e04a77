"""Statistics of groups of devices: keys whose devices are groups, so that every accumulator works unchanged.

A group's text stands in `device_id` of the partial rows; metric and unit stay keys, as what is measured differently is
never averaged. A job with groups says so by `Declaration.regroups`, and drops or renames the column in its result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Literal

import numpy as np
import pyarrow as pa

from jobs.partials.schema import Accumulator, Around
from jobs.readings.model import Int32Array, Keys, Readings

By = Literal["device", "metric"]
GroupOf = Callable[[pa.StringArray], pa.StringArray]
"""The group of each device, by its text alone; never null."""

ALL = ""
"""The text of the group of all devices."""


def parse_by(text: str) -> By:
    """The value of `--by`. Raises ValueError with the reason."""
    if text == "device":
        return "device"
    if text == "metric":
        return "metric"
    raise ValueError("statistics are by device or by metric (all devices together)")


def together(devices: pa.StringArray) -> pa.StringArray:
    """The one group of all devices."""
    return pa.repeat(pa.scalar(ALL, pa.string()), len(devices))


def grouped(keys: Keys, by: By | GroupOf, opened: Callable[[Keys], Accumulator]) -> Accumulator:
    """The accumulator that `opened` opens, of the groups that `by` makes of the devices of `keys`."""
    if by == "device":
        return opened(keys)
    groups = Grouped(keys, together if by == "metric" else by)
    return _Grouping(groups, opened(groups))


class Grouped(Keys):
    """Keys whose devices are the groups of other keys' devices; series and qualities are those of the other keys."""

    def __init__(self, keys: Keys, group_of: GroupOf) -> None:
        super().__init__()
        self._inner, self._group_of = keys, group_of
        self._group: Int32Array = np.empty(0, np.int32)  # by the inner code of a device, which never changes

    def apply(self, readings: Readings) -> Readings:
        """A batch of the inner keys with groups for devices; its other columns are not copied."""
        if self._inner.device_count > len(self._group):
            self._learn()
        return replace(readings, keys=self, device=self._group[readings.device])

    def _learn(self) -> None:
        """Groups the devices that came since the last batch."""
        groups = self._group_of(self._inner.device_texts().slice(len(self._group))).dictionary_encode()
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
