"""The interval that is inferred is the sender's, whatever there is: jitter, losses, delays, repeats, coarse clocks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from jobs.partials.availability import inferred
from jobs.readings.model import Float64Array

Chance = np.random.Generator
NUMBER = np.arange(1500)


def jittered(chance: Chance) -> Float64Array:
    return NUMBER * 60.0 + chance.uniform(-6, 6, len(NUMBER))


def lossy(chance: Chance) -> Float64Array:
    times = jittered(chance)
    return times[chance.random(len(times)) > 0.3]


def late(chance: Chance) -> Float64Array:
    """58.8 s, and one time in ten 12 s more: a minute on the average."""
    times: Float64Array = np.cumsum(58.8 + 12 * (chance.random(len(NUMBER)) < 0.1))
    return times


def repeated(chance: Chance) -> Float64Array:
    again = NUMBER[chance.random(len(NUMBER)) < 0.3] * 60.0 + 1
    return np.concatenate([NUMBER * 60.0, again])


def coarse(chance: Chance) -> Float64Array:
    """2.4 ticks of a clock that shows whole ones, of 25 s."""
    times: Float64Array = np.floor(NUMBER * 2.4 + chance.uniform(0, 0.1)) * 25.0
    return times


def silent(chance: Chance) -> Float64Array:
    return jittered(chance) + 86_400 * (NUMBER // 100)


@pytest.mark.parametrize("sender", [jittered, lossy, late, repeated, coarse, silent])
@pytest.mark.parametrize("seed", range(5))
def test_it_is_a_minute(sender: Callable[[Chance], Float64Array], seed: int) -> None:
    times = np.unique((sender(np.random.default_rng(seed)) * 1e6).astype(np.int64))
    differences = np.diff(times)[:1000]
    series, interval = inferred(np.full(len(differences), 7), differences)
    assert series.tolist() == [7]
    assert interval[0] == pytest.approx(60e6, rel=0.007)
