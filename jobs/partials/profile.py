"""Profiles of a normal day or week, and the baseline that one gives for readings."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.partials.buckets import Buckets, hours_of_day, hours_of_week
from jobs.partials.codes import pack, text_codes
from jobs.partials.finish import Place
from jobs.readings.arrays import from_numpy
from jobs.readings.model import Float64Array, Int64Array, Keys, Readings
from jobs.readings.zones import Zone

Period = Literal["hour-of-week", "hour-of-day"]
_CELLS = 168
_DAYS = ("Thursdays", "Fridays", "Saturdays", "Sundays", "Mondays", "Tuesdays", "Wednesdays")  # 1970-01-01 first


def buckets_of(period: Period, zone: Zone) -> Buckets:
    """The cells of a profile: hours of the week from Monday 0 o'clock on, or of the day."""
    return hours_of_week(zone) if period == "hour-of-week" else hours_of_day(zone)


def place_of(period: Period) -> Place:
    """What makes the columns day_of_week (1 Monday to 7 Sunday, ISO 8601) and hour (0 to 23) of the cells."""

    def place(cell: Int64Array) -> dict[str, pa.Array]:
        days = {"day_of_week": from_numpy(cell // 24 + 1)} if period == "hour-of-week" else {}
        return {**days, "hour": from_numpy(cell % 24)}

    return place


def hour_in_words(hour: int, *, weekly: bool) -> str:
    """An hour of the week or of the day, from the local hours since 1970-01-01 00:00."""
    clock = f"at {hour % 24:02}:00"
    return f"on {_DAYS[hour // 24 % 7]} {clock}" if weekly else clock


class Baseline:
    """What is normal, by a profile: finds for readings the profile's row of their series and hour.

    profile: a result of hourly_profile, by device or by metric, of hours of the week or of the day, in any order of
    its rows. zone: the one it was made in.
    Raises ValueError where two rows are of one series and hour, as of two results put together.
    """

    def __init__(self, profile: pa.Table, zone: Zone) -> None:
        self._profile = profile
        names = profile.column_names
        self._buckets = hours_of_week(zone) if "day_of_week" in names else hours_of_day(zone)
        hour = profile["hour"].to_numpy().astype(np.int64)
        if "day_of_week" in names:
            hour += 24 * (profile["day_of_week"].to_numpy().astype(np.int64) - 1)
        self._by_device = "device_id" in names
        device = np.zeros(len(profile), np.int64)
        if self._by_device:
            device, self._devices = text_codes(profile["device_id"])
        (metric, metrics), (unit, units) = text_codes(profile["metric"]), text_codes(profile["unit"])
        _, first, series = np.unique(pack([metric, unit]), return_index=True, return_inverse=True)
        texts = metrics.to_pylist(), [*units.to_pylist(), None]  # a unit's code is -1 for null
        self._series = {(texts[0][metric[row]], texts[1][unit[row]]): n for n, row in enumerate(first.tolist())}
        packed = self._packed(device, series.astype(np.int64), hour)
        self._order = np.argsort(packed)
        self._known = packed[self._order]
        if len(np.unique(packed)) < len(packed):
            raise ValueError("the profile has two rows of one series and hour")
        self._keys: Keys | None = None
        self._device_codes = self._series_codes = np.empty(0, np.int64)

    def rows(self, readings: Readings) -> Int64Array:
        """The profile's row for each reading; -1 where it has none."""
        device, series = self._codes(readings.keys)
        found = device[readings.device], series[readings.series]
        packed = self._packed(*found, self._buckets.of(readings.timestamp))
        place = np.minimum(np.searchsorted(self._known, packed), max(len(self._known) - 1, 0))
        if not len(self._known):
            return np.full(len(readings), -1, np.int64)
        known = (self._known[place] == packed) & (found[0] >= 0) & (found[1] >= 0)
        return np.where(known, self._order[place], -1)

    def column(self, name: str, readings: Readings) -> Float64Array:
        """A statistic of the profile for each reading, such as `q0.5`; NaN where it has none."""
        values = np.append(self._profile[name].cast(pa.float64()).to_numpy(), np.nan)
        chosen: Float64Array = values[self.rows(readings)]
        return chosen

    def _codes(self, keys: Keys) -> tuple[Int64Array, Int64Array]:
        """The profile's codes of all devices and series of some keys; -1 for those it has not. Those of the keys that
        it was asked about last are remembered, as keys only get more."""
        if keys is not self._keys:
            self._keys, self._device_codes, self._series_codes = keys, np.empty(0, np.int64), np.empty(0, np.int64)
        if keys.device_count > len(self._device_codes):
            self._device_codes = np.append(self._device_codes, self._of_devices(keys, len(self._device_codes)))
        if keys.series_count > len(self._series_codes):
            found = [self._series.get(pair, -1) for pair in keys.series_texts()[len(self._series_codes) :]]
            self._series_codes = np.append(self._series_codes, np.array(found, np.int64))
        return self._device_codes, self._series_codes

    def _of_devices(self, keys: Keys, begin: int) -> Int64Array:
        texts = keys.device_texts().slice(begin)
        if not self._by_device:
            return np.zeros(len(texts), np.int64)
        codes: Int64Array = pc.fill_null(pc.index_in(texts, value_set=self._devices), -1).to_numpy().astype(np.int64)
        return codes

    def _packed(self, device: Int64Array, series: Int64Array, cell: Int64Array) -> Int64Array:
        return (device * (len(self._series) + 1) + series) * _CELLS + cell
