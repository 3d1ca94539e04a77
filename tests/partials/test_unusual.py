"""How unusual readings are: the kernel takes the definition's steps, to the bit, wherever slices are cut."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.kernel import library
from jobs.partials.anomalies import Judge, Judgement, KernelJudge, PlainJudge

VALUES = st.one_of(
    st.floats(-100, 100),
    st.sampled_from([0.0, -0.0, 1.0, 1e300, -1.7e308, 5e-324, 1e-300, 1e150]),
    st.floats(allow_nan=False),
)
READINGS = st.lists(st.tuples(st.integers(0, 3), st.integers(-400, 2000), VALUES), max_size=300)


def judged(judge: Judge, rows: list[tuple[int, int, float]], cuts: list[int]) -> list[bytes]:
    """What the readings are judged, slice by slice, as bytes: a row for each reading."""
    ends = [0, *sorted(min(c, len(rows)) for c in cuts), len(rows)]
    out: list[bytes] = []
    for begin, end in pairwise(ends):
        piece = rows[begin:end]
        sequence, hour, value = (np.array([r[i] for r in piece], t) for i, t in enumerate((np.int64, np.int64, float)))
        out += _bytes(judge.judge(sequence, hour, value))
    return out


def _bytes(judgement: Judgement) -> list[bytes]:
    score = judgement.score
    for name in ("novelty", "seasonal"):
        assert ((score[name] >= 0) & (score[name] < 1)).all()
    columns = (score["novelty"], score["seasonal"], judgement.expected, judgement.spread, judgement.marks)
    return [b"".join(c[i].tobytes() for c in columns) for i in range(len(judgement.marks))]


@given(READINGS, st.lists(st.integers(0, 300), max_size=5))
def test_slices_do_not_show(rows: list[tuple[int, int, float]], cuts: list[int]) -> None:
    assert judged(PlainJudge(), rows, cuts) == judged(PlainJudge(), rows, [])


@pytest.mark.skipif(library.load() is None, reason="the kernel is not there")
@given(READINGS, st.lists(st.integers(0, 300), max_size=5))
def test_the_kernel_gives_the_same_bits(rows: list[tuple[int, int, float]], cuts: list[int]) -> None:
    kernel = library.load()
    assert kernel is not None
    assert judged(KernelJudge(kernel), rows, cuts) == judged(PlainJudge(), rows, [])


@pytest.mark.skipif(library.load() is None, reason="the kernel is not there")
@pytest.mark.parametrize("seed", range(3))
def test_the_kernel_gives_the_same_bits_on_long_series(seed: int) -> None:
    """Weeks of readings of four series, with spikes and steps, so that each cell and each clip is met."""
    chance = np.random.default_rng(seed)
    n = 6000
    hour = np.sort(chance.integers(0, 24 * 40, n))
    value = chance.normal(0, 1, n) + 10 * np.sin(hour * np.pi / 12) + 40 * (chance.random(n) < 0.01)
    value[n // 2 :] += 30
    rows = list(zip((np.arange(n) % 4).tolist(), hour.tolist(), value.tolist(), strict=True))
    kernel = library.load()
    assert kernel is not None
    assert judged(KernelJudge(kernel), rows, [100, 3000, 3001]) == judged(PlainJudge(), rows, [])


def scores(values: list[float], *, per_hour: int = 4) -> Judgement:
    n = len(values)
    return PlainJudge().judge(np.zeros(n, np.int64), np.arange(n) // per_hour, np.array(values, float))


def test_nothing_is_unusual_about_a_flat_line() -> None:
    found = scores([20.0] * 1000)
    assert not found.score["novelty"].any()
    assert (found.expected == 20).all()


def test_the_first_hundred_readings_score_nothing() -> None:
    assert not scores([20.0] * 50 + [1000.0] + [20.0] * 49).score["novelty"].any()


def test_a_spike_is_unusual_and_its_repeat_is_less() -> None:
    values = [float(i % 5) for i in range(1000)]
    values[500] = values[503] = 100.0
    found = scores(values, per_hour=5)
    assert found.score["novelty"][500] > 0.9
    assert found.score["novelty"][503] < 0.5
    assert found.score["novelty"][100:500].max() < 0.1


def test_a_value_that_is_usual_at_another_hour_is_unusual() -> None:
    """Nights at 0, days at 10; at the end a night at 10: its level is none that was not there before."""
    values = [10.0 * (i // 4 % 24 >= 12) + 0.1 * (i % 7) for i in range(4 * 24 * 20)]
    values[4 * 24 * 19 + 8] = 10.0
    found = scores(values)
    assert found.score["seasonal"][4 * 24 * 19 + 8] > 0.9
    assert int(found.marks[4 * 24 * 19 + 8]) & 4 == 0


def test_nothing_is_taken_from_the_future() -> None:
    values = np.random.default_rng(5).normal(0, 1, 600).tolist()
    assert _bytes(scores(values))[:400] == _bytes(scores(values[:400]))
