"""How unusual each reading of a series is after those before it: the definition, in plain Python.

Two views of a series are kept: its level, and its residual, which is the distance to what is usual in that hour of
the week. Of each, the reach is remembered: the extremes of late. A reading is unusual as far as it lies beyond them, so
that spiky series raise no alarm with each spike. Nothing is taken from the future, and nothing depends on where the
readings of a series are cut: jobs/kernel/anomalies.c takes the same steps, and gives the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

DAY_CELLS, WEEK_CELLS = 24, 168
ENOUGH = 3
"""A cell of the week, or of the day, is believed from the third week, or day, on."""
_FILLED = 200
_TINY = 1e-300
_MOST = 1e6


class Parameters(NamedTuple):
    """Chosen on half of the files of the Numenta Anomaly Benchmark: docs/anomalies.md. Rates are of one reading."""

    limit: float = 1e150  # values beyond count as this, so that nothing overflows
    warm: float = 100.0  # so many readings score 0
    clip_after: float = 50.0
    clip: float = 4.0  # what the baseline learns from a reading is at most so many spreads (Huber's ψ)
    spread_rate: float = 0.002
    cell_rate: float = 0.01
    decay: float = 1e-4  # of a reach's extremes to its centre
    outer: float = 6.0  # so many spreads from the centre they begin to draw in faster
    haste: float = 30.0  # at most so many times as fast
    centre_rate: float = 0.001
    floor: float = 0.5  # spreads that are added to the width of a reach
    level_margin: float = 0.016  # shares of the width that score 0.5
    residual_margin: float = 0.02
    relief: float = 0.005
    strain: float = 1.0


PARAMETERS = Parameters()


class Judged(NamedTuple):
    """One reading's scores in [0, 1), what was expected of it, the spread (mean |residual|) before it, and marks.

    marks: bits 0-1: what is expected comes from all readings (0), the hour of day (1), of week (2); bit 2: the level is
    what is more unusual; bit 3: it lies above.
    """

    seasonal: float
    novelty: float
    expected: float
    spread: float
    marks: int


@dataclass
class Reach:
    """The extremes of a figure of late, which slowly draw in to its centre."""

    low: float = 0.0
    high: float = 0.0
    centre: float = 0.0

    def beyond(self, x: float, count: int, spread: float, p: Parameters) -> float:
        """How far x lies beyond the reach, in shares of its width; x widens it. count: with x. spread: the series'."""
        if count == 1:
            self.low = self.high = self.centre = x
            return 0.0
        width, over = self.high - self.low, max(x - self.high, self.low - x)
        share = min(over / (width + p.floor * spread + _TINY), _MOST) if over > 0 else 0.0
        self.centre += max(1.0 / count, p.centre_rate) * (x - self.centre)
        self.high -= _drawn_in(self.high - self.centre, spread, p)
        self.low += _drawn_in(self.centre - self.low, spread, p)
        self.high, self.low = max(self.high, x), min(self.low, x)
        return share


@dataclass
class Cells:
    """What is usual in each hour of the day, or of the week."""

    usual: list[float]
    filled: list[int]
    periods: list[int]
    last: list[int]

    @staticmethod
    def of(count: int) -> Cells:
        return Cells([0.0] * count, [0] * count, [0] * count, [0] * count)

    def visit(self, cell: int, period: int) -> bool:
        """Whether the cell is believed, now that it is met in this day or week."""
        if not self.periods[cell] or self.last[cell] != period:
            self.periods[cell] = min(self.periods[cell] + 1, ENOUGH)
            self.last[cell] = period
        return self.periods[cell] == ENOUGH

    def fill(self, cell: int, value: float, first: float, rate: float, limit: float) -> None:
        """Draw the cell to a value, by at most `limit` of the distance; the cell's first is `first`."""
        if not self.filled[cell]:
            self.usual[cell] = first
        else:
            self.usual[cell] += max(1.0 / (self.filled[cell] + 1), rate) * _clipped(value - self.usual[cell], limit)
        self.filled[cell] = min(self.filled[cell] + 1, _FILLED)


@dataclass
class Series:
    """The state of one series."""

    count: int = 0
    overall: float = 0.0
    spread: float = 0.0
    strain: list[float] = field(default_factory=lambda: [0.0, 0.0])
    level: Reach = field(default_factory=Reach)
    residual: Reach = field(default_factory=Reach)
    day: Cells = field(default_factory=lambda: Cells.of(DAY_CELLS))
    week: Cells = field(default_factory=lambda: Cells.of(WEEK_CELLS))

    def judge(self, hour: int, value: float, p: Parameters) -> Judged:
        """The next reading, `hour` local hours after 1970-01-01 00:00."""
        x = _clipped(value, p.limit)
        self.count += 1
        day, week = hour % DAY_CELLS, hour % WEEK_CELLS
        day_believed, week_believed = self.day.visit(day, hour // 24), self.week.visit(week, hour // 168)
        if self.count == 1:
            self.overall = x
        basis = 2 if week_believed else 1 if day_believed else 0
        expected = (self.overall, self.day.usual[day], self.week.usual[week])[basis]
        limit = p.clip * self.spread if self.count > p.clip_after else 4 * p.limit
        residual, spread = x - expected, self.spread

        is_high = x > self.level.centre
        by_level = self.level.beyond(x, self.count, spread, p) / p.level_margin
        by_residual = self.residual.beyond(residual, self.count, spread, p) / p.residual_margin
        is_level, warm = by_level > by_residual, self.count <= p.warm
        marks = basis | (4 if is_level else 0) | (8 if (is_high if is_level else residual > 0) else 0)
        seasonal = self._eased(0.0 if warm else by_residual, 0, p)
        novelty = self._eased(0.0 if warm else max(by_level, by_residual), 1, p)

        off, rate = _clipped(residual, limit), max(1.0 / self.count, p.spread_rate)
        self.spread += rate * (abs(off) - self.spread)
        self.overall += rate * _clipped(x - self.overall, limit)
        self.day.fill(day, x, x, p.cell_rate, limit)
        self.week.fill(week, x, expected + off, 2 * p.cell_rate, limit)
        return Judged(seasonal, novelty, expected, spread, marks)

    def _eased(self, surprise: float, view: int, p: Parameters) -> float:
        """The score of a surprise: the less, the more of them there were of late."""
        self.strain[view] -= p.relief * self.strain[view]
        left = surprise / (1 + p.strain * self.strain[view])
        self.strain[view] += surprise / (1 + surprise)
        return left / (1 + left)


def _clipped(x: float, limit: float) -> float:
    return limit if x > limit else -limit if x < -limit else x


def _drawn_in(distance: float, spread: float, p: Parameters) -> float:
    """How far an extreme at this distance from the centre draws in: the farther out, the faster."""
    out = distance / (p.outer * spread + _TINY)
    return p.decay * min(max(1.0, out), p.haste) * distance
