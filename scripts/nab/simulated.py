"""Simulated series of the kinds that NAB holds, with anomalies of known place: what parameters were chosen on besides.

Each kind is drawn three times; windows are cut as NAB's: a tenth of a series, shared by its anomalies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from scripts.nab.corpus import Series
from scripts.nab.scoring import Floats, Labels

_BEGIN = 1_396_300_000
_DAY = 86_400
Drawn = tuple[str, Floats, int, Sequence[int]]
"""Name, values, seconds between them, rows of anomalies."""


def make(seed: int, repeats: int = 3) -> list[Series]:
    """The series of a seed."""
    chance = np.random.default_rng(seed)
    makers = (_artificial, _servers, _adverts, _traffic, _messages)
    return [_series(*drawn) for _ in range(repeats) for maker in makers for drawn in maker(chance)]


def _series(name: str, values: Floats, step: int, anomalies: Sequence[int]) -> Series:
    n = len(values)
    half = int(0.1 * n / max(len(anomalies), 1)) // 2
    windows = [(max(0, row - half), min(n - 1, row + half)) for row in sorted(anomalies)]
    time = (np.arange(n, dtype=np.int64) * step + _BEGIN) * 1_000_000
    return Series(name, time, np.asarray(values, np.float64), Labels(n, windows))


def _days(n: int, step: int) -> Floats:
    return np.sin(2 * np.pi * np.arange(n) * step / _DAY)


def _places(chance: np.random.Generator, count: int, begin: int, end: int, apart: int) -> list[int]:
    return sorted(chance.choice(np.arange(begin, end, apart), count, replace=False).tolist())


def _artificial(chance: np.random.Generator) -> Iterator[Drawn]:
    """Day and night at two levels, and what can be wrong with a day."""
    n, per_day = 4032, 288
    clock = np.arange(n) % per_day
    begin = int(chance.integers(8, 12)) * per_day
    noon = slice(begin + 100, begin + 220)

    def usual() -> Floats:
        return np.where((clock > 100) & (clock < 220), 80, 20) + chance.uniform(-8, 8, n)

    yield "noise", 14 + chance.normal(0, 1.8, n), 300, []
    yield "days", usual(), 300, []
    yield "flat line", np.full(n, 45.0), 300, []
    x = usual()
    x[begin : begin + per_day] = 20 + chance.uniform(-3, 3, per_day)
    yield "no rise", x, 300, [begin + 150]
    x = usual()
    x[noon] *= 1.8
    yield "higher rise", x, 300, [begin + 150]
    x = usual()
    x[noon] = 40 + chance.uniform(-8, 8, 120)
    yield "lower rise", x, 300, [begin + 150]
    x = usual()
    x[noon] = 80
    yield "smooth rise", x, 300, [begin + 150]
    x = np.where(chance.random(n) < 0.01, 20.0, 0.0)
    x[begin : begin + 400] = np.where(chance.random(400) < 0.06, 20.0, 0.0)
    yield "denser spikes", x, 300, [begin + 100]


def _servers(chance: np.random.Generator) -> Iterator[Drawn]:
    """Load, traffic and latency, which jump, spike or stop."""
    n, days = 4032, _days(4032, 300)
    a, b = _places(chance, 2, 1000, n - 300, 450)
    x = 2 + 0.1 * chance.normal(0, 1, n) + 0.3 * (chance.random(n) < 0.01) * chance.exponential(1, n)
    x[a] += 2
    x[b:] += 0.5
    yield "idle", x, 300, [a, b]
    (a,) = _places(chance, 1, 1000, n - 300, 450)
    x = 40 + 3 * chance.standard_t(4, n)
    x[a:] += 18
    yield "shift", x, 300, [a]
    a, b = _places(chance, 2, 1000, n - 300, 450)
    x = chance.lognormal(10, 1.0, n) * (1 + 0.5 * days)
    x[a : a + 6] *= 30
    x[b : b + 3] *= 60
    yield "network", x, 300, [a, b]
    (a,) = _places(chance, 1, 1000, n - 300, 450)
    x = 95 + chance.normal(0, 1, n)
    x[a : a + 100] = 20 + chance.normal(0, 5, 100)
    yield "drop", x, 300, [a]
    a, b = _places(chance, 2, 1000, n - 300, 450)
    x = 60 + 20 * days + chance.normal(0, 4, n) + 15 * np.abs(chance.standard_t(3, n))
    x[a : a + 3] += 300
    x[b : b + 120] -= 60
    yield "requests", np.maximum(x, 0), 300, [a, b]


def _adverts(chance: np.random.Generator) -> Iterator[Drawn]:
    """Prices by the hour."""
    n, days = 1624, _days(1624, 3600)
    a, b = _places(chance, 2, 400, 1500, 150)
    x = (0.1 + 0.02 * days) * chance.lognormal(0, 0.25, n)
    x[a] *= 6
    x[b : b + 10] *= 3
    yield "cost", x, 3600, [a, b]
    a, b, c = _places(chance, 3, 400, 1500, 150)
    x = (0.6 + 0.2 * days) * chance.lognormal(0, 0.4, n)
    x[a] *= 8
    x[b] *= 7
    x[c : c + 20] *= 0.15
    yield "price", x, 3600, [a, b, c]


def _traffic(chance: np.random.Generator) -> Iterator[Drawn]:
    """Speed, occupancy and travel time of a road."""
    n, days = 2400, _days(2400, 600)
    places = _places(chance, 3, 600, 2200, 200)
    x = 65 - 8 * np.maximum(0, days) ** 4 + chance.normal(0, 3, n)
    for a in places:
        x[a : a + 15] = chance.uniform(15, 35)
    yield "speed", x, 600, places
    places = _places(chance, 2, 600, 2200, 200)
    x = np.maximum(0, 6 + 5 * days + chance.exponential(2, n))
    for a in places:
        x[a : a + 10] += 25
    yield "occupancy", x, 600, places
    places = _places(chance, 3, 600, 2200, 200)
    x = chance.lognormal(4.5, 0.5, n) * (1 + 0.4 * days)
    for a in places:
        x[a : a + 6] = chance.uniform(2500, 5000)
    yield "travel time", x, 600, places


def _messages(chance: np.random.Generator) -> Iterator[Drawn]:
    """How often something is mentioned: bursts, of which a few are out of the ordinary."""
    n = 15_840
    for _ in range(3):
        rate = chance.choice([5, 20, 60]) * (1 + 0.6 * _days(n, 300))
        places = _places(chance, 4, 2000, 15_000, 900)
        burst = np.ones(n)
        for a in chance.integers(0, n - 50, 25):
            burst[a : a + 50] += chance.exponential(1.0) * np.exp(-np.arange(50) / 10)
        for a in places:
            burst[a : a + 80] += chance.uniform(6, 20) * np.exp(-np.arange(80) / 20)
        yield "mentions", chance.negative_binomial(4, 4 / (4 + rate * burst)).astype(np.float64), 300, places
