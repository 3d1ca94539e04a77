"""Correlations of a household's power: against those of NumPy, of the same hourly means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jobs import api
from tests.data.real_sets import POWER

pytestmark = pytest.mark.shared_data


def test_hourly_means_correlate_as_numpy_says(shared_data: Path) -> None:
    log = [shared_data / POWER.format("head_1MiB_cut_midline")]
    means: dict[str, list[float]] = {}
    for row in api.run("rollup", log, dialect="uci_household_power", window="1h").to_pylist():
        means.setdefault(row["metric"], []).append(row["mean"])
    found = api.run("correlations", log, dialect="uci_household_power").to_pylist()
    assert len(found) == 7 * 6 // 2
    for row in found:
        x, y = means[row["metric_1"]], means[row["metric_2"]]
        assert row["n"] == len(x) == len(y) == 266
        if row["r"] is None:
            assert min(len(set(x)), len(set(y))) == 1
            continue
        assert row["r"] == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-12)
        assert row["covariance"] == pytest.approx(np.cov(x, y)[0, 1], rel=1e-9)
    (power,) = (r for r in found if (r["metric_1"], r["metric_2"]) == ("global_active_power", "global_intensity"))
    assert power["r"] > 0.99
