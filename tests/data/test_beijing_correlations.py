"""Fine dust at twelve stations of Beijing: pairs of devices, against NumPy's correlations of the same hours."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

from jobs import api
from tests.data.real_sets import SETS

pytestmark = [pytest.mark.shared_data, pytest.mark.slow]


def test_stations_correlate_as_numpy_says(shared_data: Path) -> None:
    logs = sorted((shared_data / "uci_beijing_prsa").glob("PRSA_Data_*.csv"))
    readings = api.run("extract", logs, dialect=SETS["beijing"].dialect, metric="PM2.5")
    hours = {}
    for station in pc.unique(readings["device_id"]).to_pylist():
        rows = readings.filter(pc.equal(readings["device_id"], station))
        hours[station] = dict(zip(rows["timestamp"].to_pylist(), rows["value"].to_pylist(), strict=True))
    found = api.run(
        "correlations", logs, dialect=SETS["beijing"].dialect, metric="PM2.5", between="devices"
    ).to_pylist()
    assert [(row["device_1"], row["device_2"]) for row in found] == list(combinations(sorted(hours), 2))
    for row in found:
        one, other = hours[row["device_1"]], hours[row["device_2"]]
        x, y = zip(*((one[hour], other[hour]) for hour in one.keys() & other.keys()), strict=True)
        assert row["n"] == len(x) > 33_000
        assert row["r"] == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-12)
        assert row["covariance"] == pytest.approx(np.cov(x, y)[0, 1], rel=1e-9)
        assert 0.77 < row["r"] < 0.97
    strongest = max(found, key=lambda row: row["r"])
    assert (strongest["device_1"], strongest["device_2"]) == ("Dongsi", "Guanyuan")
