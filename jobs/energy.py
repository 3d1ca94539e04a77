"""Energy: how much did each device use? The time integral of its power, day by day.

Reduce walks through each series in the order of time; docs/energy.md defines every column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import pyarrow as pa

from jobs.engine import durations
from jobs.engine.filters import Filter, parse_globs
from jobs.engine.job import Column, SensorJob
from jobs.engine.options import Option, Settings
from jobs.engine.run import Run
from jobs.partials import energy
from jobs.partials.walks import Walk
from jobs.readings import zones
from jobs.readings.model import Keys


def parse_method(text: str) -> str:
    if text not in ("trapezoid", "left"):
        raise ValueError(f"{text!r} is no method; it is trapezoid or left")
    return text


def parse_unit(text: str) -> str:
    if text not in energy.KILOWATT_HOURS:
        raise ValueError(f"{text!r} is no unit of power; it is one of {', '.join(energy.KILOWATT_HOURS)}")
    return text


_POWER = "*[Pp]ower*"


class Energy(SensorJob):
    """The integral of power over each day, and the window of highest demand."""

    NAME = "energy"
    QUESTION = "How much energy did each device use?"
    KEYS = ("device_id", "metric", "unit", "date")
    COLUMNS = (
        Column("device_id", pa.string(), "who measured"),
        Column("metric", pa.string(), "the power that was measured"),
        Column("unit", pa.string(), "its unit, where the logs say"),
        Column("date", pa.date32(), "the day in --time-zone"),
        Column("energy", pa.float64(), "the integral of power over the day's covered time"),
        Column("energy_unit", pa.string(), "kWh, or the unit of power times hours"),
        Column("mean_power", pa.float64(), "the integral / covered time, in the unit of power"),
        Column("peak_demand", pa.float64(), "the highest mean power over a demand window"),
        Column("peak_start", pa.timestamp("us", tz="UTC"), "when the first such window begins", unit="UTC"),
        Column("covered_hours", pa.float64(), "how much of the day lies between readings near each other", unit="h"),
        Column("uncovered_seconds", pa.float64(), "how much of it lies in gaps longer than --max-gap", unit="s"),
        Column("readings", pa.int64(), "how many readings the day has"),
    )
    OPTIONS = (
        Option("--power-metric", "which metrics are power (default: *[Pp]ower*)", _POWER, parse_globs, "GLOB,…"),
        Option("--power-unit", "the unit of power where logs name none, as W or kW", None, parse_unit, "UNIT"),
        Option("--method", "how power runs between readings: trapezoid (default) or left", "trapezoid", parse_method),
        Option(
            "--max-gap", "a longer gap between readings counts nothing (default: 1h)", "1h", durations.parse, "TIME"
        ),
        Option(
            "--demand-window",
            "over how long the peak demand is a mean (default: 15m)",
            "15m",
            durations.parse_part_of_day,
            "TIME",
        ),
    )
    PARTIALS: ClassVar = {kind.name: kind for kind in (energy.ENERGY, energy.PEAKS)}
    TIME_ORDERED = True

    @classmethod
    def selection(cls, settings: Settings) -> Filter:
        return Filter(metrics=tuple(settings.option("power_metric")))

    @classmethod
    def metrics_named(cls, settings: Settings) -> Sequence[tuple[str, Sequence[str]]]:
        globs = settings.option("power_metric")
        own = [] if globs == parse_globs(_POWER) else [(f"--power-metric {','.join(globs)}", globs)]
        return [*super().metrics_named(settings), *own]

    @classmethod
    def walk(cls, run: Run, keys: Keys) -> Walk:
        return energy.EnergyWalk(meter(run.settings))

    @classmethod
    def finish(cls, run: Run, partials: Mapping[str, pa.Table]) -> pa.Table:
        chosen = run.settings.option
        return energy.finish(partials, chosen("demand_window"), chosen("power_unit"))


def meter(settings: Settings) -> energy.Meter:
    """The meter that the settings ask for."""
    chosen = settings.option
    zone = zones.load(settings.time_zone)
    return energy.Meter(zone, chosen("demand_window"), chosen("max_gap"), chosen("method"))


if __name__ == "__main__":
    Energy.run()
