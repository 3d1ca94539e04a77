"""Which readings a run is about: globs over metrics and devices, and a half-open time range."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jobs.errors import InputError
from jobs.partials.codes import text_codes
from jobs.readings.model import NO_TIME, Keys, Readings

_MOST_NAMED = 20


class Filter:
    """Keeps the readings of matching devices and metrics with since ≤ timestamp < until (µs; None: open).

    A reading without a timestamp is kept only where neither bound is set.
    """

    def __init__(
        self,
        metrics: tuple[str, ...] = (),
        devices: tuple[str, ...] = (),
        since: int | None = None,
        until: int | None = None,
    ) -> None:
        self._metrics, self._devices = metrics, devices
        self._since, self._until = since, until
        self._keys: Keys | None = None
        self._device_kept = np.zeros(0, bool)
        self._series_kept = np.zeros(0, bool)

    def __bool__(self) -> bool:
        return bool(self._metrics or self._devices) or self._since is not None or self._until is not None

    def apply(self, readings: Readings) -> Readings:
        """The readings kept; the same object where all are."""
        if not self:
            return readings
        kept = np.ones(len(readings), bool)
        self._learn(readings.keys)
        if self._devices:
            kept &= self._device_kept[readings.device]
        if self._metrics:
            kept &= self._series_kept[readings.series]
        if self._since is not None:
            kept &= readings.timestamp >= self._since
        if self._until is not None:
            kept &= readings.timestamp < self._until
            kept &= readings.timestamp != NO_TIME
        return readings if kept.all() else readings.take(kept)

    def _learn(self, keys: Keys) -> None:
        """Match the keys that came since the last batch."""
        if keys is not self._keys:
            self._keys, self._device_kept, self._series_kept = keys, np.zeros(0, bool), np.zeros(0, bool)
        if self._devices and keys.device_count > len(self._device_kept):
            new = keys.device_texts()[len(self._device_kept) :].to_pylist()
            self._device_kept = _extended(self._device_kept, [_matches(text, self._devices) for text in new])
        if self._metrics and keys.series_count > len(self._series_kept):
            series = keys.series_texts()[len(self._series_kept) :]
            self._series_kept = _extended(self._series_kept, [_matches(metric, self._metrics) for metric, _ in series])


def matching(texts: pa.ChunkedArray, globs: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    """Which of the texts match one of the globs; no null does."""
    codes, distinct = text_codes(texts)
    kept = np.array([_matches(text, globs) for text in distinct.to_pylist()] + [False], np.bool_)
    found: npt.NDArray[np.bool_] = kept[codes]
    return found


def refuse_unknown(named: Sequence[tuple[str, Sequence[str]]], metrics: Sequence[str]) -> None:
    """Raises InputError for an option whose globs match none of the metrics that were met.

    named: options with their globs. metrics: where none was met, who knows.
    """
    for where, globs in named if metrics else ():
        if not any(_matches(metric, tuple(globs)) for metric in metrics):
            known = ", ".join(metrics[:_MOST_NAMED]) + (", …" if len(metrics) > _MOST_NAMED else "")
            raise InputError("no reading is of such a metric", where=where, fix=f"there are {known}")


def _matches(text: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(text, glob) for glob in globs)


def _extended(kept: npt.NDArray[np.bool_], new: list[bool]) -> npt.NDArray[np.bool_]:
    return np.concatenate([kept, np.array(new, bool)])


def parse_globs(text: str) -> list[str]:
    """The globs of an option such as `power,*_kw`. Raises ValueError where one is empty."""
    globs = text.split(",")
    if not all(globs):
        raise ValueError("a glob is empty; write it as power,*_kw")
    return globs
