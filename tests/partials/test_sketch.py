"""The sketch keeps its error over the whole range of doubles, and its order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.partials.sketch import Sketch
from jobs.readings.model import Float64Array
from tests.partials.numbers import ANY, EDGES

ERRORS = [0.25, 0.1, 0.02, 0.01, 0.001, 0.0001]


def off(sketch: Sketch, values: Float64Array) -> Float64Array:
    """How far the stand-ins of values are beyond the permitted error, in units of the value."""
    stand_in = sketch.value(sketch.index(values))
    slack = np.where(np.abs(values) < 2.0**-1000, 5e-324, 0.0)
    return (np.abs(stand_in - values) - slack) / np.maximum(np.abs(values), 5e-324)


@pytest.mark.parametrize("error", ERRORS)
def test_error_at_every_bucket_edge(error: float) -> None:
    sketch = Sketch(error)
    starts = 1.0 + sketch._starts() * 2.0**-52
    edges = np.concatenate([starts, np.nextafter(starts[1:], 0.0), [np.nextafter(2.0, 0.0)]])
    assert off(sketch, edges).max() <= error
    bucket = sketch.index(edges) - sketch.index(np.array([1.0]))
    assert bucket.tolist() == [*range(len(starts)), *range(len(starts))]


@pytest.mark.parametrize("error", ERRORS)
def test_error_in_every_octave(error: float) -> None:
    rng = np.random.default_rng(7)
    exponents = np.repeat(np.arange(-1074, 1024), 20)
    values = np.ldexp(rng.uniform(1.0, 2.0, len(exponents)), exponents)
    values = np.concatenate([values, -values, EDGES])
    assert off(Sketch(error), values).max() <= error


@given(st.lists(ANY, min_size=2, max_size=2), st.sampled_from(ERRORS))
def test_indices_ascend_with_the_values(values: list[float], error: float) -> None:
    low, high = Sketch(error).index(np.array(sorted(values))).tolist()
    assert low <= high


def test_zeros_and_signs() -> None:
    sketch = Sketch(0.01)
    assert sketch.index(np.array([0.0, -0.0, 5e-324, -5e-324])).tolist() == [0, 0, 1, -1]
    index = sketch.index(np.array([3.0, -3.0]))
    assert index[0] == -index[1]
    assert sketch.value(-index).tolist() == (-sketch.value(index)).tolist()
    assert np.isfinite(sketch.value(sketch.index(np.array([1.7976931348623157e308])))).all()


def test_indices_and_stand_ins_are_fixed_for_ever() -> None:
    """Partial rows written by one version are merged by another."""
    sketch = Sketch(0.01)
    assert sketch.per_octave == 35
    values = np.array([1.0, 20.5, 101_325.0, -1e-300])
    assert sketch.index(values).tolist() == [37591, 37743, 38173, -2710]
    stand_ins = [1.0099842501580654, 20.484964061201676, 102296.48194430543, -9.943443945266031e-301]
    assert sketch.value(sketch.index(values)).tolist() == stand_ins


@pytest.mark.parametrize("error", [0.0, -0.1, 0.3, 0.00009, float("nan")])
def test_errors_that_cannot_be(error: float) -> None:
    with pytest.raises(ValueError, match="the error of quantiles is a number"):
        Sketch(error)
