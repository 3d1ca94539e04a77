"""The detectors of `anomalies` under NAB's rules: better than both baselines, with one threshold for all files."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import score_anomalies
from scripts.nab import corpus
from scripts.score_anomalies import Scored

pytestmark = [pytest.mark.shared_data, pytest.mark.slow]


@pytest.fixture(scope="module")
def scored(shared_data: Path) -> dict[str, Scored]:
    return {s.name: s for s in score_anomalies.run(list(corpus.load(shared_data / "nab")))}


def test_ours_beat_the_baselines(scored: dict[str, Scored]) -> None:
    best = {name: s.total(s.threshold()) for name, s in scored.items()}
    assert min(best["seasonal"], best["novelty"]) > 60
    assert max(best["windowedGaussian"], best["relativeEntropy"]) < 51


@pytest.mark.parametrize("odd", [0, 1], ids=["chosen on", "not chosen on"])
def test_the_default_threshold_beats_the_baselines_on_each_half(scored: dict[str, Scored], odd: int) -> None:
    halves = {name: s.half(odd) for name, s in scored.items()}
    baselines = [halves[name].total(halves[name].threshold()) for name in ("windowedGaussian", "relativeEntropy")]
    assert min(halves[name].total(0.5) for name in ("seasonal", "novelty")) > max(baselines)
    rates = [score_anomalies.alarm_rate(halves[name].results(0.5)) for name in ("seasonal", "novelty")]
    assert max(rates) < 1.1


def test_what_is_printed(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    score_anomalies.main([str(shared_data / "nab")])
    page = (Path(__file__).parents[2] / "docs" / "anomalies.md").read_text("utf-8")
    assert capsys.readouterr().out.split("\n", 2)[2].strip() in page
