"""NAB's scoring rules: the paper's worked values, the perfect and the null detector, and the sweep against a search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.baselines import relative_entropy, windowed_gaussian
from scripts.nab.scoring import (
    REWARD_LOW_FN,
    REWARD_LOW_FP,
    STANDARD,
    Labels,
    Profile,
    best_threshold,
    normalised,
    probation,
    scaled_sigmoid,
    score,
)

PROFILES = pytest.mark.parametrize("profile", [STANDARD, REWARD_LOW_FP, REWARD_LOW_FN], ids=lambda p: p.name)
FILES = [Labels(4000, [(700, 899), (2000, 2199)]), Labels(1000, []), Labels(6000, [(5900, 5999)])]


def test_the_papers_sigmoid() -> None:
    """Figure 3 of the paper: a detection at the far left of the axis, one just after the window, one far after it."""
    assert scaled_sigmoid(-2.0) == pytest.approx(0.9999, abs=5e-5)
    assert scaled_sigmoid(0.45) == pytest.approx(-0.8093, abs=5e-4)
    assert scaled_sigmoid(0.0) == 0
    assert scaled_sigmoid(3.01) == -1


def test_the_papers_example() -> None:
    """The same figure's sum: one false alarm before, the earliest of two detections, one after and one far after."""
    weight = STANDARD.false_positive
    assert -weight + 0.9999 - 0.8093 * weight - weight == pytest.approx(0.6909, abs=5e-5)
    labels = Labels(4000, [(1000, 1100)])
    scores = np.zeros(4000)
    scores[[700, 1000, 1050, 1145, 3000]] = 1
    found = score(labels, scores, 1.0)
    assert found.raw == pytest.approx(0.6909 + 0.0001, abs=1e-3)
    assert (found.detected, found.false_alarms) == (1, 3)


@PROFILES
def test_a_perfect_detector_has_100_and_one_that_sees_nothing_0(profile: Profile) -> None:
    perfect = [np.zeros(labels.rows) for labels in FILES]
    for labels, scores in zip(FILES, perfect, strict=True):
        scores[[first for first, _ in labels.windows]] = 1
    total = sum(score(labels, s, 1.0, profile).raw for labels, s in zip(FILES, perfect, strict=True))
    assert normalised(total, FILES, profile) == pytest.approx(100)
    null = sum(score(labels, np.zeros(labels.rows), 0.5, profile).raw for labels in FILES)
    assert normalised(null, FILES, profile) == 0


def test_only_the_earliest_detection_of_a_window_counts() -> None:
    labels = FILES[0]
    one, all_of_it = np.zeros(labels.rows), np.zeros(labels.rows)
    one[720] = 1
    all_of_it[720:900] = 1
    assert score(labels, one, 1.0) == score(labels, all_of_it, 1.0)


def test_probation_counts_for_nothing() -> None:
    labels = Labels(1000, [(500, 599)])
    scores = np.zeros(1000)
    scores[: probation(1000)] = 1
    assert probation(1000) == 150
    assert probation(22_695) == 750
    assert score(labels, scores, 1.0).raw == -1
    assert score(labels, scores, 1.0).readings == 850


def test_a_file_without_windows_has_false_alarms_only() -> None:
    scores = np.ones(1000)
    assert score(FILES[1], scores, 1.0).raw == pytest.approx(-0.11 * 850)


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=80, max_size=80), st.sampled_from([0, 1]))
def test_the_sweep_finds_what_trying_all_finds(values: list[float], kind: int) -> None:
    labels = Labels(80, [[(20, 27), (50, 57)], []][kind])
    scores = np.array(values)
    tried = max(score(labels, scores, t).raw for t in (0.0, 0.25, 0.5, 0.75, 1.0, 1.5))
    assert score(labels, scores, best_threshold([(labels, scores)])).raw == pytest.approx(tried)


def test_windowed_gaussian_sees_what_lies_far_out() -> None:
    values = np.sin(np.arange(500.0))
    values[400] = 50
    scores = windowed_gaussian.scores(values)
    assert scores[400] == 1
    assert scores[10:400].max() < 0.99
    assert scores[0] == 0


def test_relative_entropy_sees_another_distribution() -> None:
    values = np.tile([0.0, 1.0, 2.0, 3.0], 100)
    values[300:] = 9.0
    scores = relative_entropy.scores(values)
    assert scores[60:300].max() == 0
    assert scores[300:].max() == 1
    assert not relative_entropy.scores(np.ones(100)).any()
