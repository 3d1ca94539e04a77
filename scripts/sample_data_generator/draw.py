"""Drawing readings: whole numbers throughout, so that a seed gives the same readings everywhere.

The only source of chance is PCG64's raw 64-bit stream, which NumPy promises never to change, and no floating-point
function is called: the bytes written depend on the seed and the options alone, not on NumPy's version or the CPU.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

DAY_MS = 86_400_000
MINUTE_MS = 60_000
JITTER_MS = 1_500


@dataclass(frozen=True, slots=True)
class Metric:
    """What is measured. `base`, `spread` (between devices), `swing` (over the day) and `noise` are amplitudes as whole
    numbers of 10^-decimals `unit`."""

    name: str
    unit: str
    decimals: int
    base: int
    spread: int
    swing: int
    noise: int


METRICS = {
    metric.name: metric
    for metric in (
        Metric("temperature", "°C", 4, 120_000, 60_000, 70_000, 15_000),
        Metric("humidity", "%", 4, 550_000, 80_000, -150_000, 30_000),
        Metric("pressure", "Pa", 1, 1_013_250, 8_000, 900, 600),
        Metric("power", "W", 3, 240_000, 20_000, 160_000, 50_000),
        Metric("co2", "ppm", 1, 6_000, 800, 900, 300),
        Metric("pm2_5", "µg/m³", 2, 1_800, 600, 400, 300),
        Metric("voltage", "V", 3, 230_000, 1_000, 1_500, 900),
        Metric("wind_speed", "m/s", 2, 620, 150, 200, 180),
    )
}
DEFAULT_METRICS = ("temperature", "humidity", "pressure", "power")


@dataclass(frozen=True, slots=True)
class Spec:
    """What to draw: `lines` lines of `devices` devices over `days` days from midnight UTC of `start`.

    A line is a reading, or with `wide` one time of one device with all its metrics. `extra_digits` adds decimals.
    """

    lines: int
    devices: int = 1000
    days: int = 7
    start: date = date(2026, 3, 1)
    metrics: tuple[Metric, ...] = tuple(METRICS[name] for name in DEFAULT_METRICS)
    seed: int = 1
    wide: bool = False
    extra_digits: int = 0
    device_prefix: str = "dev-"

    @property
    def start_ms(self) -> int:
        """The first instant, in ms since 1970-01-01 UTC."""
        midnight = datetime(self.start.year, self.start.month, self.start.day, tzinfo=UTC)
        return int(midnight.timestamp()) * 1000

    @property
    def decimals(self) -> tuple[int, ...]:
        """Decimals written, by metric."""
        return tuple(metric.decimals + self.extra_digits for metric in self.metrics)

    def device_ids(self) -> list[str]:
        width = max(4, len(str(self.devices)))
        return [f"{self.device_prefix}{number:0{width}d}" for number in range(1, self.devices + 1)]


@dataclass(slots=True)
class Lines:
    """Drawn lines as columns: `row` (the draw's number), `time` (ms since 1970-01-01 UTC) and `device` (index) of shape
    (n,); `metric` (index) and `value` (whole number of 10^-decimals) of shape (n, k), k = 1 for long lines;
    `missing` of shape (n, k) where values are left empty, or None."""

    row: Int64Array
    time: Int64Array
    device: Int64Array
    metric: Int64Array
    value: Int64Array
    missing: BoolArray | None = None

    def __len__(self) -> int:
        return len(self.time)

    def take(self, rows: npt.NDArray[np.generic] | slice) -> Lines:
        """The given lines: a boolean mask, indices or a slice."""
        missing = None if self.missing is None else self.missing[rows]
        return Lines(self.row[rows], self.time[rows], self.device[rows], self.metric[rows], self.value[rows], missing)


def draw(spec: Spec, chunk: int = 1 << 16) -> Iterator[Lines]:
    """The lines of a spec in order, in chunks of `chunk` lines; the chunk size does not change what is drawn.

    Time runs evenly through the days, each line off by up to ±1.5 s. In every round each series (or with `wide` each
    device) reports once, in shuffled order. 2 % of wide values are missing.
    """
    bits = np.random.PCG64(spec.seed)
    count = len(spec.metrics)
    per_line = count if spec.wide else 1
    series = spec.devices if spec.wide else spec.devices * count
    levels = _levels(spec, bits)
    orders = _shuffles(series, bits)
    curve = _daily_curve()
    swing = np.array([metric.swing for metric in spec.metrics], np.int64)
    noise = np.array([metric.noise for metric in spec.metrics], np.int64)
    span = spec.days * DAY_MS
    for begin in range(0, spec.lines, chunk):
        row = np.arange(begin, min(begin + chunk, spec.lines), dtype=np.int64)
        raw = bits.random_raw(len(row) * per_line).reshape(-1, per_line)
        turn, place = np.divmod(row, series)
        key = orders[turn % len(orders), (place + turn * 2_654_435_761) % series]
        if spec.wide:
            device = key
            metric = np.broadcast_to(np.arange(count), (len(row), count))
        else:
            device, metric = np.divmod(key, count)
            metric = metric[:, None]
        quarter = raw.view(np.uint16).reshape(len(row), per_line, 4)
        jitter = (quarter[:, 0, 0].astype(np.int64) * (2 * JITTER_MS + 1) >> 16) - JITTER_MS
        time = np.clip(row * span // spec.lines + jitter, 0, span - 1)
        bell = quarter[:, :, 1:].sum(axis=2, dtype=np.int64) - 3 * 32_768  # three uniforms make a bell
        daily = curve[time // MINUTE_MS % len(curve)][:, None]
        value = levels[device[:, None], metric] + (swing[metric] * daily >> 15) + (noise[metric] * bell >> 16)
        if spec.extra_digits:
            ten = 10**spec.extra_digits
            value = value * ten + (raw >> np.uint64(7)).astype(np.int64) % ten
        missing = quarter[:, :, 1] < 1311 if spec.wide else None
        yield Lines(row, time + spec.start_ms, device, metric, value, missing)


def _levels(spec: Spec, bits: np.random.PCG64) -> Int64Array:
    """Each series' own mean: base ± spread, shape (devices, metrics)."""
    shape = (spec.devices, len(spec.metrics))
    chance = (bits.random_raw(math.prod(shape)) >> np.uint64(48)).astype(np.int64).reshape(shape) - 32_768
    base = np.array([metric.base for metric in spec.metrics], np.int64)
    spread = np.array([metric.spread for metric in spec.metrics], np.int64)
    return base + (spread * chance >> 15)


def _daily_curve() -> Int64Array:
    """A day's course by minute, -32768 … 32768: two parabolas, lowest at 03:00, highest at 15:00."""
    minute = (np.arange(1440, dtype=np.int64) + 900) % 1440
    half = minute % 720
    arch = 4 * half * (720 - half) * 32_768 // (720 * 720)
    return np.where(minute < 720, -arch, arch)


def _shuffles(series: int, bits: np.random.PCG64) -> Int64Array:
    """Orders in which the series can report: up to 16 permutations, fewer where there are many series."""
    count = max(1, min(16, (1 << 21) // series))
    return np.argsort(bits.random_raw(count * series).reshape(count, series), axis=1, kind="stable")
